"""The masks of any two runs, compared on demand: kept beside the other comparisons, and told in a table."""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from pipeline.analyse import ANALYSES, known, rows_of
from pipeline.comparisons import Comparison, Group
from pipeline.export.chosen import ExportError, named
from pipeline.launch import run_spec
from store.folders import RunFolder
from store.journal import Journal


def compare_two(runs: Path, a: str, b: str) -> tuple[Comparison, list[dict[str, Any]]]:
    """Rows of mask_overlap for the runs whose ids are `a` and `b` or hold them; written down if they are new.

    Raises ValueError for runs that cannot be compared, Busy where another process analyses, StoreError.
    """
    try:
        first, second = _group(named(runs, a)), _group(named(runs, b))
    except ExportError as error:
        raise ValueError(str(error)) from None
    if first.id == second.id:
        raise ValueError(f"'{a}' and '{b}' are one run, {first.id}; name two")
    models = first.spec.model_name, second.spec.model_name
    if models[0] != models[1]:
        raise ValueError(f"masks of different models cannot be compared: {models[0]} and {models[1]}")
    pair = Comparison("pair", first, second, first.id, second.id)
    rows = list(rows_of([pair]))
    if not rows:
        raise ValueError(f"{first.id} and {second.id} have no pruned linear in common")
    folder = RunFolder.at(runs, ANALYSES)
    with folder.lock():
        if pair.unit not in known(folder):
            Journal(folder, 1).write("mask_overlap", rows)
    return pair, rows


def told(pair: Comparison, rows: Sequence[dict[str, Any]]) -> Iterator[str]:
    """IoU of the whole masks, and by linear its mean over blocks and the blocks where it is least and most."""
    whole = sum(row["n_intersection"] for row in rows) / max(1, sum(row["n_union"] for row in rows))
    yield f"{pair.label_a}\n{pair.label_b}"
    yield f"IoU {whole:.4f} of all removed weights; by linear, mean over blocks:"
    width = max(len(str(row["linear"])) for row in rows)
    yield f"{'linear':{width}}     IoU  chance    least (block)     most (block)"
    for linear in dict.fromkeys(row["linear"] for row in rows):
        own = [row for row in rows if row["linear"] == linear and row["n_union"]]
        if not own:
            yield f"{linear:{width}}       –  nothing removed"
            continue
        iou = {row["block"]: row["n_intersection"] / row["n_union"] for row in own}
        chance = fmean(row["chance"] if row["chance"] is not None else math.nan for row in own)
        ends = sorted((value, block) for block, value in iou.items())
        least, most = (f"{value:.4f} ({block:3d})" for value, block in (ends[0], ends[-1]))
        yield f"{linear:{width}}  {fmean(iou.values()):.4f}  {chance:.4f}    {least}   {most}"


def _group(folder: RunFolder) -> Group:
    spec, state = run_spec(folder), folder.state()
    assert spec is not None  # named gives those that have one
    if state.status != "done":
        raise ValueError(f"run {folder.run_id} is not finished ({state.status or 'new'})")
    if not folder.masks.exists():
        raise ValueError(f"run {folder.run_id} has no mask: it is dense, or only quantised")
    return Group(((folder, spec),))
