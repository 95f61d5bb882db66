"""Pruning as its definition reads, with nothing of ours in it: slow, plain, and independent of the product's code.

For every block the whole half-pruned model is run again with its own forward, one sequence at a time, with hooks
on that block's linears only; sums are rescaled as the reference does; selection is a full stable sort, or a loop of
topk.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import torch
from torch import Tensor, nn

Masks = dict[str, Tensor]


def blocks(model: nn.Module) -> list[tuple[str, nn.Module]]:
    """The decoder blocks, by their usual paths."""
    for path in (
        "model.layers",
        "gpt_neox.layers",
        "model.decoder.layers",
        "transformer.h",
        "transformer.blocks",
        "biogpt.layers",
    ):
        try:
            found = model.get_submodule(path)
        except AttributeError:
            continue
        return [(f"{path}.{index}", block) for index, block in enumerate(found)]
    raise AssertionError("no blocks")


@torch.no_grad()
def wanda(model: nn.Module, tokens: Tensor, sparsity: float, group: tuple[int, int] | None = None) -> Masks:
    """Prune the model in place with Wanda."""

    def choose(path: str, weight: Tensor) -> Tensor:
        metric = torch.abs(weight) * torch.sqrt(squares[path].reshape(1, -1))
        return lowest_in_rows(metric, sparsity) if group is None else lowest_in_groups(metric, *group)

    masks: Masks = {}
    for path, block in blocks(model):
        squares = input_squares(model, path, block, tokens)
        masks |= prune_block(path, block, choose)
    return masks


@torch.no_grad()
def magnitude(model: nn.Module, sparsity: float, group: tuple[int, int] | None = None) -> Masks:
    """Prune the model in place by magnitude."""

    def choose(path: str, weight: Tensor) -> Tensor:  # noqa: ARG001
        metric = torch.abs(weight)
        if group is not None:
            return lowest_in_groups(metric, *group)
        threshold = torch.sort(metric.flatten())[0][int(metric.numel() * sparsity)]
        return metric <= threshold

    masks: Masks = {}
    for path, block in blocks(model):
        masks |= prune_block(path, block, choose)
    return masks


def prune_block(path: str, block: nn.Module, choose: Callable[[str, Tensor], Tensor]) -> Masks:
    masks: Masks = {}
    for name, linear in linears_of(block):
        mask = choose(f"{path}.{name}", linear.weight.data)
        linear.weight.data[mask] = 0
        masks[f"{path}.{name}"] = mask
    return masks


def input_squares(model: nn.Module, path: str, block: nn.Module, tokens: Tensor) -> dict[str, Tensor]:
    """Running mean over sequences of the squared norm of each input feature, for every linear of one block."""
    sums: dict[str, Tensor] = {}
    counts: dict[str, int] = {}

    def hook_for(key: str) -> Callable[..., None]:
        def hook(module: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> None:  # noqa: ARG001
            features_by_tokens = inputs[0].reshape(-1, inputs[0].shape[-1]).t()
            n = counts.setdefault(key, 0)
            if key not in sums:
                sums[key] = torch.zeros(features_by_tokens.shape[0])
            sums[key] *= n / (n + 1)
            counts[key] = n = n + 1
            sums[key] += torch.norm(features_by_tokens.type(torch.float32), p=2, dim=1) ** 2 / n

        return hook

    handles = [linear.register_forward_hook(hook_for(f"{path}.{name}")) for name, linear in linears_of(block)]
    handles.append(block.register_forward_hook(stop))
    for sequence in tokens:
        with suppress(Reached):  # what follows the block does not matter to it
            model(input_ids=sequence[None], use_cache=False)
    for handle in handles:
        handle.remove()
    return sums


class Reached(Exception):
    """The block has run."""


def stop(module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:  # noqa: ARG001
    raise Reached


def linears_of(block: nn.Module) -> Iterator[tuple[str, nn.Linear]]:
    for name, module in block.named_modules():
        if isinstance(module, nn.Linear):
            yield name, module


def lowest_in_rows(metric: Tensor, sparsity: float) -> Tensor:
    mask = torch.zeros_like(metric) == 1
    order = torch.sort(metric, dim=-1, stable=True)[1]
    return mask.scatter_(1, order[:, : int(metric.shape[1] * sparsity)], True)


def lowest_in_groups(metric: Tensor, n: int, m: int) -> Tensor:
    mask = torch.zeros_like(metric) == 1
    for column in range(0, metric.shape[1], m):
        part = metric[:, column : column + m].float()
        mask.scatter_(1, column + torch.topk(part, n, dim=1, largest=False)[1], True)
    return mask
