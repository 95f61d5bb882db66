"""SparseGPT, GPTQ, RIA and Wanda's update as their definitions read, with nothing of ours in it.

Slow and plain: one Hessian a linear, one sequence at a time, full sorts, a Python loop over columns. For whole models
every block's inputs come from a run of the whole half-pruned model.
"""

import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import torch
from oracle import Reached, blocks, linears_of, lowest_in_groups, lowest_in_rows, stop
from torch import Tensor, nn


@dataclass
class Sums:
    """What a linear's inputs come to: H and Wanda's mean squared norms, kept running."""

    hessian: Tensor
    squares: Tensor
    count: int = 0

    def add(self, sequence: Tensor) -> None:
        """One sequence, tokens x columns."""
        x = sequence.t().float()
        self.squares *= self.count / (self.count + 1)
        self.hessian *= self.count / (self.count + 1)
        self.count += 1
        self.squares += torch.norm(x, p=2, dim=1) ** 2 / self.count
        x = math.sqrt(2 / self.count) * x
        self.hessian += x.matmul(x.t())


def sums_of(sequences: Tensor) -> Sums:
    """Of sequences x tokens x columns."""
    columns = sequences.shape[-1]
    sums = Sums(torch.zeros(columns, columns), torch.zeros(columns))
    for sequence in sequences:
        sums.add(sequence)
    return sums


Prune = Callable[[Tensor, Sums], tuple[Tensor, Tensor]]
"""New weight and mask of a linear."""


def sparsegpt(
    weight: Tensor,
    sums: Sums,
    sparsity: float,
    group: tuple[int, int] | None,
    blocksize: int,
    percdamp: float = 0.01,
    given: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    w, inverse = prepare(weight.clone(), sums.hessian.clone(), percdamp)
    masks = torch.zeros_like(w, dtype=torch.bool)
    for i1 in range(0, w.shape[1], blocksize):
        i2 = min(i1 + blocksize, w.shape[1])
        w1, errors, u = w[:, i1:i2].clone(), torch.zeros_like(w[:, i1:i2]), inverse[i1:i2, i1:i2]
        settled = torch.zeros_like(w1)
        mask = torch.zeros_like(w1) == 1
        if given is not None:
            mask = given[:, i1:i2]
        elif group is None:
            cost = w1**2 / torch.diag(u).reshape(1, -1) ** 2
            mask = cost <= torch.sort(cost.flatten())[0][int(cost.numel() * sparsity)]
        for i in range(i2 - i1):
            if group is not None and given is None and i % group[1] == 0:
                n, m = group
                cost = w1[:, i : i + m] ** 2 / torch.diag(u)[i : i + m].reshape(1, -1) ** 2
                mask.scatter_(1, i + torch.topk(cost, n, dim=1, largest=False)[1], True)
            q = w1[:, i].clone()
            q[mask[:, i]] = 0
            settled[:, i] = q
            error = (w1[:, i] - q) / u[i, i]
            w1[:, i:] -= error.unsqueeze(1).matmul(u[i, i:].unsqueeze(0))
            errors[:, i] = error
        w[:, i1:i2] = settled
        masks[:, i1:i2] = mask
        w[:, i2:] -= errors.matmul(inverse[i1:i2, i2:])
    return w, masks


def gptq(
    weight: Tensor,
    sums: Sums,
    bits: int,
    group_size: int,
    act_order: bool,
    symmetric: bool,
    blocksize: int,
    percdamp: float = 0.01,
) -> tuple[Tensor, Tensor]:
    hessian, w = sums.hessian.clone(), weight.clone()
    scale, zero = grid(w, bits, symmetric)
    dead = torch.diag(hessian) == 0
    hessian[dead, dead] = 1
    w[:, dead] = 0
    order = torch.arange(w.shape[1])
    if act_order:
        order = torch.argsort(torch.diag(hessian), descending=True)
        w, hessian = w[:, order], hessian[order][:, order]
    w, inverse = prepare(w, hessian, percdamp)
    result = torch.zeros_like(w)
    for i1 in range(0, w.shape[1], blocksize):
        i2 = min(i1 + blocksize, w.shape[1])
        w1, errors, u = w[:, i1:i2].clone(), torch.zeros_like(w[:, i1:i2]), inverse[i1:i2, i1:i2]
        for i in range(i2 - i1):
            if group_size and (i1 + i) % group_size == 0:
                scale, zero = grid(w[:, i1 + i : i1 + i + group_size], bits, symmetric)
            level = torch.clamp(torch.round(w1[:, i].unsqueeze(1) / scale) + zero, 0, 2**bits - 1)
            q = (scale * (level - zero)).flatten()
            result[:, i1 + i] = q
            error = (w1[:, i] - q) / u[i, i]
            w1[:, i:] -= error.unsqueeze(1).matmul(u[i, i:].unsqueeze(0))
            errors[:, i] = error
        w[:, i2:] -= errors.matmul(inverse[i1:i2, i2:])
    return result[:, torch.argsort(order)], torch.zeros_like(weight, dtype=torch.bool)


def grid(w: Tensor, bits: int, symmetric: bool) -> tuple[Tensor, Tensor]:
    """Scale and zero point of each row, as columns."""
    nought = torch.zeros(w.shape[0])
    low, high = torch.minimum(w.min(1)[0], nought), torch.maximum(w.max(1)[0], nought)
    if symmetric:
        high = torch.maximum(torch.abs(low), high)
        below = low < 0
        low[below] = -high[below]
    empty = (low == 0) & (high == 0)
    low[empty], high[empty] = -1, +1
    scale = (high - low) / (2**bits - 1)
    zero = torch.full_like(scale, 2 ** (bits - 1)) if symmetric else torch.round(-low / scale)
    return scale.unsqueeze(1), zero.unsqueeze(1)


def prepare(w: Tensor, hessian: Tensor, percdamp: float) -> tuple[Tensor, Tensor]:
    """Dead inputs, damping, three steps to U. Both arguments are used up."""
    dead = torch.diag(hessian) == 0
    hessian[dead, dead] = 1
    w[:, dead] = 0
    damping = percdamp * torch.mean(torch.diag(hessian))
    every = torch.arange(len(hessian))
    hessian[every, every] += damping
    hessian = torch.linalg.cholesky(hessian)
    hessian = torch.cholesky_inverse(hessian)
    return w, torch.linalg.cholesky(hessian, upper=True)


def ria(
    weight: Tensor,
    sums: Sums,
    sparsity: float,
    group: tuple[int, int] | None,
    exponent: float = 0.5,
    comparison: str = "linear",
) -> tuple[Tensor, Tensor]:
    size = torch.abs(weight)
    score = size / torch.sum(size, dim=0) + size / torch.sum(size, dim=1).reshape(-1, 1)
    score = score * torch.sqrt(sums.squares.reshape(1, -1)) ** exponent
    if group is not None:
        mask = lowest_in_groups(score, *group)
    elif comparison == "row":
        mask = lowest_in_rows(score, sparsity)
    else:
        mask = score <= torch.sort(score.flatten())[0][int(score.numel() * sparsity)]
    return torch.where(mask, 0.0, weight), mask


def wanda_update(
    weight: Tensor,
    sums: Sums,
    sparsity: float,
    group: tuple[int, int] | None,
    blocksize: int = 128,
    percdamp: float = 0.01,
) -> tuple[Tensor, Tensor]:
    score = torch.abs(weight) * torch.sqrt(sums.squares.reshape(1, -1))
    mask = lowest_in_rows(score, sparsity) if group is None else lowest_in_groups(score, *group)
    return sparsegpt(weight, sums, 0.0, None, blocksize, percdamp, given=mask)


@torch.no_grad()
def prune_model(model: nn.Module, tokens: Tensor, prune: Prune) -> dict[str, Tensor]:
    """Prune in place, block by block; the masks by path."""
    masks: dict[str, Tensor] = {}
    for path, block in blocks(model):
        sums = input_sums(model, block, tokens)
        for name, linear in linears_of(block):
            linear.weight.data, masks[f"{path}.{name}"] = prune(linear.weight.data, sums[name])
    return masks


def input_sums(model: nn.Module, block: nn.Module, tokens: Tensor) -> dict[str, Sums]:
    """Of every linear of a block, each its own, from runs of the whole model."""
    sums: dict[str, Sums] = {}

    def hook_for(name: str) -> Callable[..., None]:
        def hook(module: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> None:  # noqa: ARG001
            sequence = inputs[0].reshape(-1, inputs[0].shape[-1])
            if name not in sums:
                sums[name] = Sums(torch.zeros(sequence.shape[1], sequence.shape[1]), torch.zeros(sequence.shape[1]))
            sums[name].add(sequence)

        return hook

    handles = [linear.register_forward_hook(hook_for(name)) for name, linear in linears_of(block)]
    handles.append(block.register_forward_hook(stop))
    for sequence in tokens:
        with suppress(Reached):  # what follows the block does not matter to it
            model(input_ids=sequence[None], use_cache=False)
    for handle in handles:
        handle.remove()
    return sums
