"""The column loops of columns.c as one Triton kernel: a launch for a block of columns, not some for each column.

Written for CUDA; compiled for sm_90 and run in Triton's interpreter on a CPU (tests/pipeline/triton_check.py), but
never on a GPU: no speed is known.
Operations are columns.c's one by one, without fused multiply-adds; equal scores in a group go from the left.

tensor legend: rows x count (a block of columns), groups (of columns that share scale and zero point)
"""

import torch
import triton
import triton.language as tl
from jaxtyping import Bool, Float, Int
from torch import Tensor

ROWS = 16
"""Of a weight in one program; with 128 columns the tile stays in registers."""

MASKED, GROUPED, QUANTISED = 0, 1, 2

HALF_WAY = 1.5 * 2.0**23
"""Added and taken away again, it rounds a float32 below 2^22 to the nearest whole number, ties to even."""


@triton.jit
def _solve(  # type: ignore[no-untyped-def]  # Triton knows no types
    w, stride, factor, errors, mask, scale, zero, group, n_groups, n_rows, count,
    removed, size: tl.constexpr, top, half_way, mode: tl.constexpr, rows: tl.constexpr, width: tl.constexpr,
):  # fmt: skip
    row = tl.program_id(0).to(tl.int64) * rows + tl.arange(0, rows)
    column = tl.arange(0, width)
    inside = (row[:, None] < n_rows) & (column[None, :] < count)
    here = row[:, None] * stride + column[None, :]
    there = row[:, None] * count + column[None, :]
    tile = tl.load(w + here, mask=inside, other=0.0)
    diagonal = tl.load(factor + column * count + column, mask=column < count, other=1.0)
    error = tl.zeros((rows, width), tl.float32)
    out = tl.zeros((rows, width), tl.int32)
    if mode == 0:
        out = tl.load(mask + there, mask=inside, other=0).to(tl.int32)
    for i in range(count):
        this = column[None, :] == i
        if mode == 1:  # noqa: SIM102  this one is settled when it is compiled, the next when it runs
            if i % size == 0:
                d = diagonal * diagonal
                scores = tl.div_rn(tile * tile, tl.broadcast_to(d[None, :], (rows, width)))
                before = tl.zeros((rows, width), tl.int32)
                for k in range(size):
                    other = tl.sum(tl.where(column[None, :] == i + k, scores, 0.0), axis=1)[:, None]
                    goes_first = (other < scores) | ((other == scores) & (i + k < column[None, :]))
                    before += goes_first.to(tl.int32)
                in_group = (column[None, :] >= i) & (column[None, :] < i + size)
                out = tl.where(in_group & (before < removed), 1, out)
        current = tl.sum(tl.where(this, tile, 0.0), axis=1)
        if mode == 2:
            place = row * n_groups + tl.load(group + i)
            s = tl.load(scale + place, mask=row < n_rows, other=1.0)
            z = tl.load(zero + place, mask=row < n_rows, other=0.0)
            level = (tl.div_rn(current, s) + half_way) - half_way + z
            level = tl.maximum(level, 0.0, propagate_nan=tl.PropagateNan.ALL)
            solved = s * (tl.minimum(level, top, propagate_nan=tl.PropagateNan.ALL) - z)
        else:
            solved = tl.where(tl.sum(tl.where(this, out, 0), axis=1) > 0, 0.0, current)
        d_i = tl.sum(tl.where(column == i, diagonal, 0.0), axis=0)
        e = tl.div_rn(current - solved, tl.zeros((rows,), tl.float32) + d_i)
        u = tl.load(factor + i * count + column, mask=(column > i) & (column < count), other=0.0)
        product = e[:, None] * u[None, :]
        tile = tl.where(this, solved[:, None], tile - product)
        error = tl.where(this, e[:, None], error)
    tl.store(w + here, tile, mask=inside)
    tl.store(errors + there, error, mask=inside)
    if mode == 1:
        tl.store(mask + there, out.to(tl.int8), mask=inside)


def solve_masked(
    block: Float[Tensor, "rows count"], corner: Float[Tensor, "count count"], mask: Bool[Tensor, "rows count"]
) -> Float[Tensor, "rows count"]:
    """See columns.solve_masked."""
    return _launch(block, corner, MASKED, mask=mask.contiguous().view(torch.int8))


def solve_grouped(
    block: Float[Tensor, "rows count"], corner: Float[Tensor, "count count"], removed: int, size: int
) -> tuple[Bool[Tensor, "rows count"], Float[Tensor, "rows count"]]:
    """See columns.solve_grouped; equal scores go from the left."""
    mask = torch.zeros(block.shape, dtype=torch.int8, device=block.device)
    errors = _launch(block, corner, GROUPED, mask=mask, removed=removed, size=size)
    return mask.view(torch.bool), errors


def solve_quantised(
    block: Float[Tensor, "rows count"],
    corner: Float[Tensor, "count count"],
    scale: Float[Tensor, "rows groups"],
    zero: Float[Tensor, "rows groups"],
    group: Int[Tensor, " count"],
    top: int,
) -> Float[Tensor, "rows count"]:
    """See columns.solve_quantised."""
    grid = (scale.contiguous(), zero.contiguous(), group, top)
    return _launch(block, corner, QUANTISED, grid=grid)


def _launch(
    block: Tensor,
    corner: Tensor,
    mode: int,
    *,
    mask: Tensor | None = None,
    removed: int = 0,
    size: int = 1,
    grid: tuple[Tensor, Tensor, Tensor, int] | None = None,
) -> Tensor:
    rows, count = block.shape
    errors = torch.empty((rows, count), dtype=torch.float32, device=block.device)
    scale, zero, group, top = grid or (errors, errors, errors, 0)
    _solve[(triton.cdiv(rows, ROWS),)](
        block, block.stride(0), corner, errors, errors if mask is None else mask, scale, zero, group,
        scale.shape[1], rows, count, removed, size, float(top), HALF_WAY,
        mode=mode, rows=ROWS, width=max(16, triton.next_power_of_2(count)), enable_fp_fusion=False,
    )  # fmt: skip
    return errors
