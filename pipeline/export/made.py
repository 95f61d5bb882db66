"""The pruned model of a run once more: from dense weights and masks, or pruned again and checked against them."""

import json
from collections.abc import Callable
from typing import Any

import torch

from pipeline.export.chosen import Chosen, ExportError
from pipeline.masks import apply_masks
from pipeline.models import Loaded
from pipeline.provenance import versions
from pipeline.prune import BlockPruned
from pipeline.pruned_model import calibration, is_there, pruning
from pipeline.spec import CalibrationSpec
from pipeline.text import Tokens
from pipeline.work import noted

Say = Callable[[str], None]
"""Told what is being done, and how far it is."""


def make(chosen: Chosen, loaded: Loaded, device: torch.device, say: Say) -> str:
    """Turn the dense model into the run's, in place. Returns how, in words for the model's card.

    Raises ExportError where the model, the text or a mask is not the one that the run had.
    """
    if (known := chosen.record.get("model_revision")) not in (None, loaded.revision):
        raise ExportError(
            f"{loaded.name} is another one now: the run pruned revision {known}, here is {loaded.revision} "
            f"({loaded.source})"
        )
    if is_there(chosen.run, chosen.folder):
        say(f"applying the masks of {chosen.folder.run_id}")
        apply_masks(loaded.model, chosen.folder.masks)
        return "rebuilt from the dense weights and the run's masks"
    return _again(chosen, loaded, device, say)


def _again(chosen: Chosen, loaded: Loaded, device: torch.device, say: Say) -> str:
    run = chosen.run
    method = run.coordinates.method
    say(f"{method} changes the weights that it keeps: doing it again")
    tokens = None if run.calibration is None else _tokens(chosen, run.calibration, loaded, device, say)
    expected = {(row["block"], row["linear"]): row["sha256"] for row in noted(chosen.folder, "mask_summary")}
    n_checked = 0
    for block in pruning(run, loaded.model, tokens, device):
        n_checked += _check(block, expected, chosen)
        say(f"{method}: block {block.index + 1} of {block.n_blocks}")
    if n_checked != len(expected):
        raise ExportError(f"{n_checked} linears were pruned, and {len(expected)} when the run was made")
    if not expected:
        say("nothing was removed, so there are no masks to check the result against")
        return "made again with the run's settings and calibration text; without masks there was nothing to check"
    return f"pruned again with the run's settings and calibration text; all {n_checked} masks are those of the run"


def _tokens(chosen: Chosen, spec: CalibrationSpec, loaded: Loaded, device: torch.device, say: Say) -> Tokens:
    reading = calibration(spec, chosen.run.seed or 0, loaded, device)
    while True:
        try:
            say(next(reading).detail)
        except StopIteration as end:
            tokens: Tokens = end.value
            break
    if (known := chosen.record.get("calibration_sha256")) not in (None, tokens.sha256):
        raise ExportError(
            f"the calibration text from {spec.source} is another one now (SHA-256 of its tokens "
            f"{tokens.sha256[:12]}, in the run {str(known)[:12]})"
        )
    return tokens


def _check(block: BlockPruned, expected: dict[tuple[int, str], str], chosen: Chosen) -> int:
    """How many masks are the run's. Raises ExportError for one that isn't."""
    found = block.summaries()
    for mask in found:
        if expected.get((mask.block, mask.linear)) != mask.sha256:
            raise ExportError(
                f"the mask of {mask.path} is not the one that the run had: masks are equal only on the same kind of "
                f"machine, with the same number of threads and versions. {_differences(chosen.record)}"
            )
    return len(found)


def _differences(record: dict[str, Any]) -> str:
    """What is different here from where the run was made."""
    there, here = json.loads(record.get("versions") or "{}"), versions()
    changed = [f"{name} {there.get(name)} there, {here[name]} here" for name in here if there.get(name) != here[name]]
    where = f"The run was made on {record.get('device')} with {record.get('threads')} threads"
    return "; ".join([where, *changed])
