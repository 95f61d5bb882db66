"""Taking over a model that somebody else pruned: its zeros are the masks, its weights the run's.

It must be the grid's dense model but for the weights of the linears inside blocks: everything else of a run (measures
against the dense model, overlap of masks) rests on that. A linear equal to the dense one was left dense and has no
mask.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import PreTrainedModel

from pipeline.anatomy import find_blocks, linears
from pipeline.linear_names import check_names
from pipeline.masks import PackedMask, pack
from pipeline.models import ModelError
from pipeline.prune import BlockPruned
from pipeline.spec import Checkpoint
from pipeline.spec.changing import group_of

SPARSITY_TOLERANCE = 0.02
"""Between the sparsity that a checkpoint is said to have and the share of zeros it has."""

CAST_TOLERANCE, CAST_LEAST = 2**-7, 2**-14
"""Between weights that went through another dtype on their way: bfloat16's precision, float16's smallest normal."""


@dataclass
class _Taken:
    """What was found so far."""

    n_removed: int = 0
    n_weights: int = 0
    n_changed: int = 0


def adopt(model: PreTrainedModel, other: PreTrainedModel, name: str, spec: Checkpoint) -> Iterator[BlockPruned]:
    """Give the dense model the weights of `other`, block by block, as `pipeline.prune.prune` does.

    Raises ModelError: it is another model's, has no zeros, or others than it is said to have; ValueError for settings
    that don't fit the model.
    """
    _check_same_model(model, other, name)
    blocks, taken = find_blocks(model), _Taken()
    check_names(spec, blocks)
    for index, (path, block) in enumerate(blocks.items()):
        masks: dict[str, PackedMask] = {}
        for at, linear in linears(block).items():
            if spec.at(index, len(blocks), at) is None:
                continue
            mask = _take(linear.weight, other.get_parameter(f"{path}.{at}.weight"), taken)
            if mask is not None:
                _check_groups(mask, spec, f"{name}: {path}.{at}")
                masks[f"{path}.{at}"] = pack(mask)
        yield BlockPruned(index, len(blocks), path, masks)
    _check_zeros(taken, spec, name)


@torch.no_grad()
def _take(dense: Tensor, theirs: Tensor, taken: _Taken) -> Tensor | None:
    """Copy a linear's weight; its mask, or None where it is the dense one or has no zeros."""
    if _same(dense, theirs):
        return None
    mask = theirs == 0
    n_removed = int(mask.sum())
    taken.n_changed += 1
    taken.n_removed += n_removed
    taken.n_weights += mask.numel() if n_removed else 0
    dense.copy_(theirs)
    return mask if n_removed else None


def _check_same_model(model: PreTrainedModel, other: PreTrainedModel, name: str) -> None:
    """Raise ModelError where names or shapes differ, or values of what pruning leaves alone."""
    ours, theirs = model.state_dict(), other.state_dict()
    wrong = f"{name} is no checkpoint of this model"
    if missing := [key for key in ours if key not in theirs]:
        raise ModelError(f"{wrong}: it lacks {len(missing)} of the dense model's weights, as {missing[0]}")
    if further := [key for key in theirs if key not in ours]:
        raise ModelError(f"{wrong}: it has {len(further)} weights that the dense model lacks, as {further[0]}")
    if odd := [key for key in ours if ours[key].shape != theirs[key].shape]:
        there, here = ("x".join(map(str, weights[odd[0]].shape)) for weights in (theirs, ours))
        raise ModelError(f"{wrong}: {odd[0]} is {there} there and {here} in the dense model ({len(odd)} differ so)")
    pruned = {f"{path}.{at}.weight" for path, block in find_blocks(model).items() for at in linears(block)}
    for key in ours:
        if key not in pruned and not _same(ours[key], theirs[key]):
            raise ModelError(
                f"{wrong}, or was trained further: {key}, which pruning leaves alone, has other values there"
            )


@torch.no_grad()
def _same(ours: Tensor, theirs: Tensor) -> bool:
    """Equal, or as near as another dtype on the way lets them be."""
    cast = theirs.to(ours.dtype)
    if torch.equal(ours, cast):
        return True
    return ours.dtype != theirs.dtype and torch.allclose(ours, cast, CAST_TOLERANCE, CAST_LEAST)


def _check_groups(mask: Tensor, spec: Checkpoint, where: str) -> None:
    """Raise ModelError where an n:m pattern is not kept."""
    pattern = spec.known.pattern
    if (group := group_of(pattern)) is None:
        return
    n, m = group
    if mask.shape[1] % m or int(mask.reshape(-1, m).sum(dim=1).min()) < n:
        raise ModelError(f"{where} has groups of {m} inputs with fewer than {n} zeros; it is said to be {pattern}")


def _check_zeros(taken: _Taken, spec: Checkpoint, name: str) -> None:
    """Raise ModelError where nothing was pruned, or another share than it is said."""
    if taken.n_changed == 0:
        raise ModelError(f"{name} is not pruned: its linears are those of the dense model")
    if taken.n_removed == 0:
        raise ModelError(
            f"{name} is not pruned: its weights differ from the dense model's, but none is 0; a quantised model, or "
            "one trained further?"
        )
    found, said = taken.n_removed / taken.n_weights, spec.known.sparsity
    if said is not None and abs(found - said) > SPARSITY_TOLERANCE:
        raise ModelError(
            f"{name} is said to have a sparsity of {said:g}, but {found:.1%} of the weights in its pruned linears "
            f"are 0; a quantised model? If it is right, write sparsity = {found:.2f}"
        )
