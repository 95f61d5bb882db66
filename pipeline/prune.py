"""Pruning a model, block by block.

With a block's weights still dense, every sequence runs through it and each linear's input statistics are collected;
all its linears are pruned; every sequence runs through the pruned block, and what comes out is the next block's
input (locuslab/wanda lib/prune.py). Embeddings, norms and the head stay as they are.

tensor legend: sequences x length (tokens)
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor, nn
from transformers import PreTrainedModel

from pipeline import doubts, methods, preview
from pipeline.anatomy import find_blocks, linears
from pipeline.linear_names import check_names
from pipeline.masks import MaskSummary, PackedMask, eighths
from pipeline.methods import CannotPrune, Method
from pipeline.progress import outcome
from pipeline.residence import resident
from pipeline.selection import all_finite
from pipeline.spec import Arithmetic
from pipeline.spec.changing import Changing
from pipeline.spec.methods import Dense, MethodSpec
from pipeline.stream import BlockStream
from pipeline.watch import watch

NOT_FINITE = (
    "its new weights hold NaN or infinity: the Hessian of its inputs is nearly singular, or they are too large for "
    "the dtype; raise percdamp (0.05, 0.1), calibrate on more tokens, or set dtype"
)

NO_TOKENS = "this method reads calibration text, and there are no tokens"


@dataclass(frozen=True)
class BlockPruned:
    """A block is done. Masks are by the linears' dotted paths in the model; what was left dense or only quantised has
    none."""

    index: int
    n_blocks: int
    path: str
    masks: dict[str, PackedMask]

    @property
    def n_removed(self) -> int:
        return sum(mask.n_removed for mask in self.masks.values())

    @property
    def n_weights(self) -> int:
        """Weights of the pruned linears, removed or kept."""
        return sum(mask.n_weights for mask in self.masks.values())

    def summaries(self) -> list[MaskSummary]:
        """Rows for the store."""
        prefix = f"{self.path}."
        return [
            MaskSummary(self.index, name.removeprefix(prefix), *mask.shape, mask.n_removed, mask.sha256, name)
            for name, mask in self.masks.items()
        ]


def prune(
    model: PreTrainedModel,
    tokens: Int[Tensor, "sequences length"] | None,
    spec: MethodSpec,
    device: torch.device,
    batch: int | None = None,
    arithmetic: Arithmetic = "fast",
    statistics: Mapping[str, Any] | None = None,
) -> Iterator[BlockPruned]:
    """Prune the model in place and yield after each block. Stopped halfway, it leaves half a pruned model.

    On an accelerator the next block's weights are on their way by then: who wants other tensors in their place (see
    Bench.change) changes them before the block is yielded, or they must be copied again.

    tokens: calibration text; None for methods that read none. batch: sequences in a forward (see BlockStream).
    arithmetic: see RunSpec; "exact" takes one sequence at a time, whatever `batch` says.
    statistics: of a preview, by the linears' dotted paths; without them those of `tokens` as one language.
    Raises CannotPrune with the linear's name, UnsupportedModel, and ValueError for settings that don't fit the model.
    """
    if isinstance(spec, Dense):
        return
    method = methods.load(spec.name)
    blocks = find_blocks(model)
    check_names(spec, blocks)
    if spec.preview and statistics is None:
        statistics = _of_dense(model, tokens, device, arithmetic, batch)
    stream = None
    if statistics is None:
        stream = _stream(method, model, tokens, device, arithmetic, batch)
    for index, (path, block) in enumerate(zip(blocks, stream or _one_by_one(blocks.values(), device), strict=True)):
        masks: Callable[[], dict[str, PackedMask]] = dict
        chosen = {name: at for name in linears(block) if (at := spec.at(index, len(blocks), name)) is not None}
        if chosen:
            if stream is not None:
                found = _statistics(method, stream, block, chosen, arithmetic)
            else:
                found = {name: (statistics or {}).get(f"{path}.{name}") for name in chosen}
            masks = _prune_block(method, chosen, path, block, found)
        if stream is not None and index + 1 < len(blocks):
            for _ in stream.advance():  # an accelerator computes while the host goes on
                pass
        yield BlockPruned(index, len(blocks), path, masks())


def _stream(
    method: Method,
    model: PreTrainedModel,
    tokens: Tensor | None,
    device: torch.device,
    arithmetic: Arithmetic,
    batch: int | None,
) -> BlockStream | None:
    if method.Statistics is None:
        return None
    if tokens is None:
        raise ValueError(NO_TOKENS)
    fast = arithmetic == "fast"
    return BlockStream(model, tokens, device, batch if fast else 1, fast=fast)


def _of_dense(
    model: PreTrainedModel, tokens: Tensor | None, device: torch.device, arithmetic: Arithmetic, batch: int | None
) -> dict[str, Any]:
    """The statistics of a preview of these tokens."""
    if tokens is None:
        raise ValueError(NO_TOKENS)
    norms = outcome(preview.dense_norms(model, tokens, device, arithmetic, batch))
    return preview.statistics(norms, device, arithmetic)


def _one_by_one(blocks: Iterable[nn.Module], device: torch.device) -> Iterator[nn.Module]:
    for block in blocks:
        with resident(block.modules(), device):
            yield block


def _statistics(
    method: Method, stream: BlockStream, block: nn.Module, chosen: Collection[str], arithmetic: Arithmetic
) -> dict[str, Any]:
    assert method.Statistics is not None
    watched = {name: linear for name, linear in linears(block).items() if name in chosen}
    with watch(watched, partial(method.Statistics, arithmetic=arithmetic), stream.length) as statistics:
        for _ in stream.run(block):
            pass
    return dict(statistics)


@torch.no_grad()
def _prune_block(
    method: Method, chosen: Mapping[str, Changing], path: str, block: nn.Module, statistics: dict[str, Any]
) -> Callable[[], dict[str, PackedMask]]:
    """Prune the chosen linears, using up their statistics. To call for the masks, by dotted paths in the model.

    On an accelerator the host waits for nothing before it does that, and only then learns what could not be pruned.
    """
    shapes, bits, doubtful = {}, [], {}
    for name, spec in chosen.items():
        linear, whole_name = block.get_submodule(name), f"{path}.{name}"
        assert isinstance(linear, nn.Linear)
        try:
            with doubts.gathering() as doubtful[whole_name]:
                pruned = method.prune(spec, linear.weight, statistics.pop(name, None))
                if not spec.keeps_weights:
                    doubts.require(all_finite(pruned.weight), lambda: CannotPrune(NOT_FINITE))
        except CannotPrune as error:
            raise CannotPrune(f"{whole_name}: {error}") from None
        linear.weight.copy_(pruned.weight)
        if pruned.mask is not None:
            shapes[whole_name] = pruned.mask.shape[0], pruned.mask.shape[1]
            bits.append(eighths(pruned.mask))
    refuted, arrived = doubts.refuted(doubtful), doubts.coming(bits)

    def masks() -> dict[str, PackedMask]:
        if wrong := refuted():
            raise CannotPrune("{}: {}".format(*wrong))
        return {name: PackedMask(shapes[name], own.numpy()) for name, own in zip(shapes, arrived(), strict=True)}

    return masks
