"""Through a weight's columns from the left, block by block: settle a block, make up for its errors in what follows.

Frantar & Alistarh 2023 (arXiv 2301.00774), algorithm 1; Frantar et al. 2023 (arXiv 2210.17323), algorithm 1.
With D = (weight before) - (weight settled) and E the errors divided by U_jj, D = E U and so E = D R. The references
update all later columns after each block (right-looking, needs U); by the second equation a block can as well be
brought up to date when its turn comes (left-looking, needs only R).

tensor legend: rows x columns (of a weight: outputs x inputs), count (columns of a block), ahead (count and more)
"""

from collections.abc import Callable
from typing import Protocol

import torch
from jaxtyping import Float
from torch import Tensor

from pipeline.solver.factor import Factor

Settle = Callable[[Float[Tensor, "rows ahead"], Float[Tensor, "count count"], int], Float[Tensor, "rows count"]]
"""Overwrite the first `count` columns with settled weights and return their errors divided by U_jj. Given: the
columns, the block of U, the place of the first one."""


def sweep(
    weight: Float[Tensor, "rows columns"],
    factor: Factor,
    blocksize: int,
    settle: Settle,
    reach: Callable[[int, int], int] = lambda _, stop: stop,
) -> Float[Tensor, "rows columns"]:
    """The settled weights, in float32, in the weight's own order of columns.

    reach: up to which column `settle` wants to see them, for the block from `start` to `stop`.
    """
    work = weight.float().masked_fill(factor.dead, 0)
    if factor.order is not None:
        work = work[:, factor.order]
    n_columns = work.shape[1]
    walk: _Walk = _RightLooking(work, factor.matrix) if factor.inverse else _LeftLooking(work, factor.matrix)
    for start in range(0, n_columns, blocksize):
        stop = min(start + blocksize, n_columns)
        columns, corner = walk.columns(start, stop, reach(start, stop))
        errors = settle(columns, corner, start)
        walk.leave(start, stop, columns[:, : stop - start], errors)
    return work if factor.order is None else work[:, torch.argsort(factor.order)]


class _Walk(Protocol):
    def columns(self, start: int, stop: int, ahead: int) -> tuple[Tensor, Tensor]:
        """The columns from start to ahead, up to date with all before `start`, and U from start to stop."""

    def leave(self, start: int, stop: int, settled: Tensor, errors: Tensor) -> None:
        """Note what became of a block."""


class _RightLooking:
    """`work` is settled before the block and up to date behind it."""

    def __init__(self, work: Tensor, inverse_factor: Tensor) -> None:
        self._work, self._inverse = work, inverse_factor

    def columns(self, start: int, stop: int, ahead: int) -> tuple[Tensor, Tensor]:
        return self._work[:, start:ahead], self._inverse[start:stop, start:stop].contiguous()

    def leave(self, start: int, stop: int, settled: Tensor, errors: Tensor) -> None:  # noqa: ARG002  a view of work
        self._work[:, stop:] -= errors.matmul(self._inverse[start:stop, stop:])


class _LeftLooking:
    """`work` is settled before the block and as it was behind it."""

    def __init__(self, work: Tensor, root: Tensor) -> None:
        self._work, self._root = work, root
        self._changes = torch.empty_like(work)

    def columns(self, start: int, stop: int, ahead: int) -> tuple[Tensor, Tensor]:
        corner = self._root[start:ahead, start:ahead]
        identity = torch.eye(ahead - start, dtype=corner.dtype, device=corner.device)
        inverse = torch.linalg.solve_triangular(corner, identity, upper=True)
        columns = self._work[:, start:ahead]
        if start:
            columns = columns + self._changes[:, :start].matmul(self._root[:start, start:ahead]).matmul(inverse)
        else:
            columns = columns.clone()
        count = stop - start
        return columns, inverse[:count, :count].contiguous()

    def leave(self, start: int, stop: int, settled: Tensor, errors: Tensor) -> None:  # noqa: ARG002  follow from changes
        torch.sub(self._work[:, start:stop], settled, out=self._changes[:, start:stop])
        self._work[:, start:stop] = settled
