"""The column loop inside a block, by whatever does it fastest here: columns.c on a CPU, Triton on a GPU, else torch.

All round every operation by itself, in the references' order, so that results are the same bit for bit.

tensor legend: rows x count (a block of columns), groups (of columns that share scale and zero point)
"""

import ctypes
import importlib
import os
from importlib.util import find_spec
from types import ModuleType

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from pipeline.kernels import plain
from pipeline.kernels.compiler import SWITCH, address, library

LONGEST, WIDEST = 1024, 64
"""As in columns.c."""


def solve_masked(
    block: Float[Tensor, "rows count"], corner: Float[Tensor, "count count"], mask: Bool[Tensor, "rows count"]
) -> Float[Tensor, "rows count"]:
    """Remove what the mask says; the block becomes the solved weights. Returns the errors divided by U_jj."""
    if (triton := _triton(block)) is not None:
        return triton.solve_masked(block, corner, mask)
    kernels = _kernels(block)
    if kernels is None:
        return plain.solve_masked(block, corner, mask)
    errors, mask = torch.empty(block.shape), mask if mask.stride(1) == 1 else mask.contiguous()
    stride = ctypes.c_long(mask.stride(0))
    kernels.solve_masked(*_shared(block, corner, errors), address(mask), stride, _threads())
    return errors


def solve_grouped(
    block: Float[Tensor, "rows count"],
    corner: Float[Tensor, "count count"],
    removed: int,
    size: int,
    *,
    ties_as_topk: bool,
) -> tuple[Bool[Tensor, "rows count"], Float[Tensor, "rows count"]]:
    """Remove the `removed` least of each group of `size` columns, chosen on the weights as they are when its first
    column is reached. Returns mask and errors.

    ties_as_topk: equal scores are chosen from as torch.topk does, which no rule describes; else the left ones go.
    """
    if not ties_as_topk and (triton := _triton(block)) is not None:
        return triton.solve_grouped(block, corner, removed, size)
    kernels = _kernels(block)
    if kernels is None or size > WIDEST:
        return plain.solve_grouped(block, corner, removed, size)
    errors = torch.empty(block.shape)
    mask = torch.empty(block.shape, dtype=torch.bool)
    tied = torch.empty(len(block), dtype=torch.bool)
    choice = address(mask), ctypes.c_int(removed), ctypes.c_int(size), address(tied), ctypes.c_int(ties_as_topk)
    kernels.solve_grouped(*_shared(block, corner, errors), *choice, _threads())
    if ties_as_topk and bool(tied.any()):
        left = block[tied]
        mask[tied], errors[tied] = plain.solve_grouped(left, corner, removed, size)
        block[tied] = left
    return mask, errors


def solve_quantised(
    block: Float[Tensor, "rows count"],
    corner: Float[Tensor, "count count"],
    scale: Float[Tensor, "rows groups"],
    zero: Float[Tensor, "rows groups"],
    group: Int[Tensor, " count"],
    top: int,
) -> Float[Tensor, "rows count"]:
    """Round each weight w to scale * (level - zero) with level = w / scale + zero rounded, from 0 to `top`; scale and
    zero are those of its row and of its column's group. Returns the errors divided by U_jj."""
    if (triton := _triton(block)) is not None:
        return triton.solve_quantised(block, corner, scale, zero, group, top)
    kernels = _kernels(block)
    if kernels is None:
        return plain.solve_quantised(block, corner, scale, zero, group, top)
    errors, scale, zero = torch.empty(block.shape), scale.contiguous(), zero.contiguous()
    grid = address(scale), address(zero), ctypes.c_long(scale.shape[1]), address(group), ctypes.c_float(top)
    kernels.solve_quantised(*_shared(block, corner, errors), *grid, _threads())
    return errors


def _triton(block: Tensor) -> ModuleType | None:
    """The loops for a GPU, where Triton is installed (it comes with torch for CUDA)."""
    if block.device.type != "cuda" or find_spec("triton") is None or os.environ.get(SWITCH) == "torch":
        return None
    return importlib.import_module("pipeline.kernels.triton_columns")


def _kernels(block: Tensor) -> ctypes.CDLL | None:
    fits = block.device.type == "cpu" and block.stride(1) == 1 and block.shape[1] <= LONGEST
    return library("columns", "off") if fits else None


def _shared(block: Tensor, corner: Tensor, errors: Tensor) -> tuple[ctypes._SimpleCData, ...]:
    """The arguments all three loops begin with."""
    assert corner.is_contiguous()
    rows, count = block.shape
    stride = ctypes.c_long(block.stride(0))
    return address(block), stride, address(corner), address(errors), ctypes.c_long(rows), ctypes.c_long(count)


def _threads() -> ctypes.c_int:
    return ctypes.c_int(torch.get_num_threads())
