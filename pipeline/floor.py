"""The numerical noise floor of mask overlap: a run pruned again with other rounding, and the IoU of the two masks.

Pruned again means: every linear sums over its inputs from the last to the first, and sequences come in the reverse
order. That is the same model and text, so what the masks disagree about is rounding: languages or seeds whose masks
differ by no more than that do not differ. (Other batches, threads or "exact" arithmetic would be no test: on a CPU
they leave every product as it is.) One run of each setting is pruned again, where it reads text
that is drawn: it is drawn anew and must be what it was.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import PreTrainedModel

from pipeline import devices, text
from pipeline.analyse import ANALYSES, known, row
from pipeline.anatomy import find_blocks, linears
from pipeline.bench import Bench
from pipeline.comparisons import Comparison, Group, but_languages, finished, label_of
from pipeline.mask_reader import mapped_masks
from pipeline.overlap import overlaps
from pipeline.prune import prune
from pipeline.record import noted
from pipeline.spec.sources import is_self
from pipeline.work import target
from store.folders import RunFolder
from store.journal import Journal

BACKWARDS = "backwards"


def outstanding_floors(runs: Path) -> list[Comparison]:
    """The first finished run of each setting that was not compared with itself yet. A preview has no floor: it is
    near to a result that has one."""
    settings: dict[str, Comparison] = {}
    there = known(RunFolder.at(runs, ANALYSES))
    for group in sorted(finished(runs), key=lambda group: label_of(group.spec)):
        text = group.spec.calibration
        if text is not None and not is_self(text.source) and not group.spec.method.preview:
            own = Group(group.runs[:1])
            comparison = Comparison("floor", own, None, label_of(group.spec), BACKWARDS)
            setting = but_languages(group.spec)
            if setting not in settings or comparison.unit in there:
                settings[setting] = comparison
    return [comparison for comparison in settings.values() if comparison.unit not in there]


def measure_floor(runs: Path, comparison: Comparison, device: torch.device) -> Iterator[str]:
    """Prune again and compare; tells how far it is, and the IoU at the end.

    Raises ModelError, TextError, Busy, and ValueError where the calibration text is no longer what it was.
    """
    ((folder, spec),) = comparison.a.runs
    bench = Bench(folder.path)
    loaded = bench.take(spec.model, spec.dtype)
    assert spec.calibration is not None
    tokens = text.calibration_tokens(spec.calibration, spec.seed or 0, loaded.tokenizer)
    was = next((one.get("calibration_sha256") for one in noted(folder, "run")), None)
    if was != tokens.sha256:
        raise ValueError("its calibration text is no longer what it was; nothing to compare")
    first = mapped_masks(folder.masks)
    rows: list[dict[str, Any]] = []
    sum_backwards(loaded.model)
    bench.change(0)
    bench.change(1)
    for block in prune(loaded.model, tokens.ids.flip(0), spec.method, device, arithmetic=spec.arithmetic):
        for name, mask in block.masks.items():
            within, _ = overlaps({"": [first[name].bits, mask.bits]}, [], mask.n_weights)
            rows.append(row(comparison, name, within[""]))
        bench.change(block.index + 2)
        yield f"{folder.run_id}: block {block.index + 1} of {block.n_blocks}"
    analyses = RunFolder.at(runs, ANALYSES)
    with analyses.lock():
        Journal(analyses, 1).write("mask_overlap", rows)
    shared, union = (sum(one[name] for one in rows) for name in ("n_intersection", "n_union"))
    yield f"{folder.run_id}: IoU {shared / union:.4f} with itself, summed backwards"


def sum_backwards(model: PreTrainedModel) -> None:
    """Make the linears inside the model's blocks add up their inputs in the reverse order from now on."""
    for block in find_blocks(model).values():
        for linear in linears(block).values():
            linear.forward = partial(_backwards, linear)  # type: ignore[method-assign]


def _backwards(linear: nn.Linear, read: Tensor) -> Tensor:
    return F.linear(read.flip(-1), linear.weight.flip(-1), linear.bias)


@contextmanager
def claimed(wanted: str) -> Iterator[torch.device]:
    """Hold a device ("auto", "cpu", "cuda", "cuda:N") once it is free. Raises DeviceError."""
    allowed = devices.choose(wanted, None)
    while (claim := devices.try_claim(allowed, "analyse --floor", patience_s=10.0)) is None:
        print(f"waiting for the device, which {devices.holders(allowed)} uses", flush=True)
    with claim as device:
        devices.bind(device)
        yield target(device)
