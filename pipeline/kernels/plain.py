"""The column loops in plain torch: without a compiler, on other devices, and to settle ties as torch.topk does.

Their order of operations is the references'. See columns.c for the arguments.

tensor legend: rows x count (a block of columns), groups (of columns that share scale and zero point)
"""

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor


def solve_masked(
    block: Float[Tensor, "rows count"], corner: Float[Tensor, "count count"], mask: Bool[Tensor, "rows count"]
) -> Float[Tensor, "rows count"]:
    """Remove what the mask says; the block becomes the solved weights. Returns the errors."""
    return _columns(block, corner, lambda i, column: column.masked_fill(mask[:, i], 0))


def solve_grouped(
    block: Float[Tensor, "rows count"], corner: Float[Tensor, "count count"], removed: int, size: int
) -> tuple[Bool[Tensor, "rows count"], Float[Tensor, "rows count"]]:
    """Remove the `removed` least of each group of `size`, chosen when its first column is reached."""
    mask = torch.zeros_like(block, dtype=torch.bool)
    squares = corner.diagonal().reshape(1, -1) ** 2

    def remove(i: int, column: Tensor) -> Tensor:
        if i % size == 0:
            scores = block[:, i : i + size] ** 2 / squares[:, i : i + size]
            mask.scatter_(1, i + scores.topk(removed, dim=1, largest=False).indices, True)
        return column.masked_fill(mask[:, i], 0)

    return mask, _columns(block, corner, remove)


def solve_quantised(
    block: Float[Tensor, "rows count"],
    corner: Float[Tensor, "count count"],
    scale: Float[Tensor, "rows groups"],
    zero: Float[Tensor, "rows groups"],
    group: Int[Tensor, " count"],
    top: int,
) -> Float[Tensor, "rows count"]:
    """Round to the grid of each column's group."""
    places = group.tolist()

    def rounded(i: int, column: Tensor) -> Tensor:
        s, z = scale[:, places[i]], zero[:, places[i]]
        return s * (torch.clamp(torch.round(column / s) + z, 0, top) - z)

    return _columns(block, corner, rounded)


def _columns(block: Tensor, corner: Tensor, solve: Callable[[int, Tensor], Tensor]) -> Tensor:
    errors = torch.empty(block.shape, dtype=block.dtype, device=block.device)
    for i in range(block.shape[1]):
        column = block[:, i]
        solved = solve(i, column)
        error = (column - solved) / corner[i, i]
        errors[:, i] = error
        block[:, i + 1 :] -= error[:, None] * corner[i, i + 1 :]
        block[:, i] = solved
    return errors
