"""Pruning a model, block by block.

With a block's weights still dense, every sequence runs through it and each linear's input statistics are collected;
all its linears are pruned; every sequence runs through the pruned block, and what comes out is the next block's
input (locuslab/wanda lib/prune.py). Embeddings, norms and the head stay as they are.

tensor legend: sequences x length (tokens)
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor, nn
from transformers import PreTrainedModel

from pipeline import methods
from pipeline.anatomy import find_blocks, linears
from pipeline.masks import MaskSummary, PackedMask, pack
from pipeline.methods import CannotPrune, Method
from pipeline.residence import resident
from pipeline.spec.methods import Dense, MethodSpec, Pruning
from pipeline.stream import BlockStream
from pipeline.watch import watch


@dataclass(frozen=True)
class BlockPruned:
    """A block is done. Masks are by the linears' dotted paths in the model; a block left dense has none."""

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


@torch.no_grad()
def prune(
    model: PreTrainedModel,
    tokens: Int[Tensor, "sequences length"] | None,
    spec: MethodSpec,
    device: torch.device,
    batch: int | None = None,
) -> Iterator[BlockPruned]:
    """Prune the model in place and yield after each block. Stopped halfway, it leaves half a pruned model.

    tokens: calibration text; None for methods that read none. batch: sequences in a forward (see BlockStream).
    Raises CannotPrune with the linear's name, UnsupportedModel, and ValueError for settings that don't fit the model.
    """
    if isinstance(spec, Dense):
        return
    method = methods.load(spec.name)
    blocks = find_blocks(model)
    dense = _left_dense(spec, len(blocks))
    stream = _stream(method, model, tokens, device, batch)
    for index, (path, block) in enumerate(zip(blocks, stream or _one_by_one(blocks.values(), device), strict=True)):
        masks: dict[str, PackedMask] = {}
        if index not in dense:
            statistics = {} if stream is None else _statistics(method, stream, block)
            masks = {f"{path}.{name}": mask for name, mask in _prune_block(method, spec, path, block, statistics)}
        yield BlockPruned(index, len(blocks), path, masks)


def _stream(
    method: Method, model: PreTrainedModel, tokens: Tensor | None, device: torch.device, batch: int | None
) -> BlockStream | None:
    if method.Statistics is None:
        return None
    if tokens is None:
        raise ValueError("this method reads calibration text, and there are no tokens")
    return BlockStream(model, tokens, device, batch)


def _one_by_one(blocks: Iterable[nn.Module], device: torch.device) -> Iterator[nn.Module]:
    for block in blocks:
        with resident(block.modules(), device):
            yield block


def _statistics(method: Method, stream: BlockStream, block: nn.Module) -> dict[str, Any]:
    assert method.Statistics is not None
    with watch(linears(block), method.Statistics, stream.length) as statistics:
        for _ in stream.run(block):
            pass
    return dict(statistics)


def _prune_block(
    method: Method, spec: MethodSpec, path: str, block: nn.Module, statistics: dict[str, Any]
) -> Iterator[tuple[str, PackedMask]]:
    for name, linear in linears(block).items():
        try:
            pruned = method.prune(spec, linear.weight, statistics.get(name))
        except CannotPrune as error:
            raise CannotPrune(f"{path}.{name}: {error}") from None
        linear.weight.copy_(pruned.weight)
        yield name, pack(pruned.mask)


def _left_dense(spec: Pruning, n_blocks: int) -> frozenset[int]:
    """The indices of skip_blocks, counted from 0. Raises ValueError for blocks that the model does not have."""
    for index in spec.skip_blocks:
        if not -n_blocks <= index < n_blocks:
            raise ValueError(f"skip_blocks: there is no block {index}; the model has blocks 0 to {n_blocks - 1}")
    return frozenset(index % n_blocks for index in spec.skip_blocks)
