"""Analyses across runs: which masks overlap, how much, and how much they would by chance. Never loads torch.

What is compared with what: pipeline/comparisons.py. Results go into the journal of the folder runs/analyses, like a
run's, so that the store can be rebuilt from there. What was analysed before is not analysed again.

    python -m pipeline.analyse --store STORE             (torch-free)
    python -m pipeline.analyse --store STORE --floor     (prunes again: pipeline/floor.py)
    python -m pipeline.analyse --store STORE RUN RUN     (any two: pipeline/pair.py)
"""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars

from pipeline.comparisons import Comparison, Group, comparisons, finished
from pipeline.mask_reader import MappedMask, mapped_masks
from pipeline.overlap import Overlap, overlaps
from store.errors import Busy, StoreError
from store.folders import RunFolder
from store.journal import Journal
from store.segments import segments_in

ANALYSES = "analyses"
"""The folder under runs/; it has no spec.json, so it is no run."""


def analyse(runs: Path) -> int:
    """Compare the masks of all finished runs under `runs` as far as that is new. Returns how many comparisons.

    Raises Busy where another process analyses, ValueError for a damaged mask file, StoreError where nothing can be
    written.
    """
    wanted = list(comparisons(finished(runs)))
    if not wanted:
        return 0
    folder = RunFolder.at(runs, ANALYSES)
    with folder.lock():
        there = known(folder)
        new = [comparison for comparison in wanted if comparison.unit not in there]
        journal = Journal(folder, 1)
        for model in dict.fromkeys(comparison.a.spec.model for comparison in new):
            rows = list(rows_of([comparison for comparison in new if comparison.a.spec.model == model]))
            if rows:
                journal.write("mask_overlap", rows)
    return len(new)


def rows_of(wanted: Sequence[Comparison]) -> Iterator[dict[str, Any]]:
    """Rows of mask_overlap, linear by linear, so that every bit is read once."""
    groups = {group.id: group for one in wanted for group in (one.a, one.b) if group is not None}
    folders = {folder.run_id: folder for group in groups.values() for folder, _ in group.runs}
    masks = {run_id: mapped_masks(folder.masks) for run_id, folder in folders.items()}
    pairs = [(one.a.id, one.b.id) for one in wanted if one.b is not None]
    for name in dict.fromkeys(name for own in masks.values() for name in own):
        bits = {key: found for key, group in groups.items() if (found := _bits(group, masks, name)) is not None}
        here = [(a, b) for a, b in pairs if a in bits and b in bits]
        shapes = {own[name].shape for own in masks.values() if name in own}
        if len(shapes) > 1:
            raise ValueError(f"{name} has masks of several shapes: {', '.join(map(str, sorted(shapes)))}")
        rows, columns = shapes.pop()
        within, across = overlaps(bits, here, rows * columns)
        for one in wanted:
            overlap = within.get(one.a.id) if one.b is None else across.get((one.a.id, one.b.id))
            if overlap is not None:
                yield row(one, name, overlap)


def _bits(group: Group, masks: Mapping[str, Mapping[str, MappedMask]], name: str) -> list[Any] | None:
    """The masks of a linear; None where one of the runs left it dense."""
    own = [masks[folder.run_id].get(name) for folder, _ in group.runs]
    return None if any(mask is None for mask in own) else [mask.bits for mask in own if mask is not None]


def row(one: Comparison, name: str, overlap: Overlap) -> dict[str, Any]:
    """A row of mask_overlap: what was compared, in the linear of that dotted path."""
    block, linear = _place(name)
    methods = dict.fromkeys(group.spec.coordinates.method for group in (one.a, one.b or one.a))
    return {
        "kind": one.kind,
        "run_a": one.a.id,
        "run_b": "" if one.b is None else one.b.id,
        "label_a": one.label_a,
        "label_b": one.label_b,
        "model": one.a.spec.model_name,
        "method": "/".join(methods),
        "block": block,
        "linear": linear,
        "n_intersection": overlap.n_intersection,
        "n_union": overlap.n_union,
        "chance": overlap.chance,
    }


def _place(name: str) -> tuple[int, str]:
    """Block and linear of "model.layers.3.mlp.up_proj": the first number is the block's."""
    parts = name.split(".")
    at = next(place for place, part in enumerate(parts) if part.isdigit())
    return int(parts[at]), ".".join(parts[at + 1 :])


def known(folder: RunFolder) -> set[tuple[str, str, str]]:
    """The units (kind, run_a, run_b) that the journal of the analyses has."""
    found: set[tuple[str, str, str]] = set()
    for segment in segments_in(folder.journal):
        if segment.table == "mask_overlap":
            data = polars.read_parquet(segment.path)
            for name in {"run_b"} - set(data.columns):  # a column without any value is left out of a segment
                data = data.with_columns(polars.lit("").alias(name))
            found.update(data.select("kind", "run_a", "run_b").unique().iter_rows())
    return found


def main(arguments: Sequence[str]) -> int:
    """The command: analyse, then move the results into the store."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.analyse", description=__doc__)
    parser.add_argument("runs", nargs="*", help="two runs: ids, or parts of them")
    parser.add_argument("--store", type=Path, default=Path("results.duckdb"))
    parser.add_argument("--floor", action="store_true", help="prune one run of each setting again")
    parser.add_argument("--device", default="auto", help="for --floor: auto, cpu, cuda, or cuda:N")
    options = parser.parse_args(arguments)
    runs = options.store.parent / "runs"
    if options.runs and options.floor:
        print("calib-explorer: --floor is of all runs; leave out the two, or --floor", file=sys.stderr)
        return 2
    if options.runs and len(options.runs) != 2:
        print("calib-explorer: name two runs to compare, or none for all that belong together", file=sys.stderr)
        return 2
    try:
        if options.runs:
            return _pair(options.store, runs, *options.runs)
        n_new, n_failed = analyse(runs), 0
        if options.floor:
            n_floors, n_failed = _floors(runs, options.device)
            n_new += n_floors
    except (Busy, StoreError, ValueError, RuntimeError) as error:
        print(f"calib-explorer: {error}", file=sys.stderr)
        return 2
    if n_new:
        from store.ingest import ingest

        ingest(options.store, runs, wait_s=1.0)
    print(f"{n_new} new comparisons of masks" if n_new else "no masks to compare that were not compared before")
    return 1 if n_failed else 0


def _pair(store: Path, runs: Path, a: str, b: str) -> int:
    """Compare two runs and tell."""
    from pipeline.pair import compare_two, told
    from store.ingest import ingest

    pair, rows = compare_two(runs, a, b)
    ingest(store, runs, wait_s=1.0)
    print("\n".join(told(pair, rows)))
    return 0


def _floors(runs: Path, wanted: str) -> tuple[int, int]:
    """Measure the noise floors that are missing, on a device that is free. Returns how many were and could not be;
    why is told."""
    from pipeline import floor

    todo = floor.outstanding_floors(runs)
    n_failed = 0
    if not todo:
        return 0, 0
    with floor.claimed(wanted) as device:
        for comparison in todo:
            try:
                for line in floor.measure_floor(runs, comparison, device):
                    print(line, flush=True)
            except (ValueError, RuntimeError, OSError, Busy) as error:  # of this run alone, as its text that is gone
                print(f"calib-explorer: {comparison.a.id}: {error}", file=sys.stderr, flush=True)
                n_failed += 1
    return len(todo) - n_failed, n_failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
