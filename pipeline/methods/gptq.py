"""GPTQ: weights are rounded to a grid, column by column, and later columns make up for the rounding of earlier ones.

Frantar, Ashkboos, Hoefler, Alistarh 2023 (arXiv 2210.17323), algorithm 1; IST-DASLab/gptq gptq.py. Removes nothing,
so there is no mask. A group's grid is fitted when its first column is reached, as their code does: on weights that
have seen the updates of all earlier blocks of columns, but none of their own block's. For groups smaller than a block
these are stale (theirs is one block for `group_size = 128`, where they are not). A grid for the whole row is fitted
once, to the weights as they were, those of dead inputs among them.

tensor legend: rows x columns (of a weight: outputs x inputs), ahead, count (columns of a block)
"""

import torch
from jaxtyping import Float
from torch import Tensor

from pipeline import doubts
from pipeline.kernels.columns import solve_quantised
from pipeline.methods import BROKEN, CannotPrune, Pruned
from pipeline.solver.grid import fit_grid
from pipeline.solver.hessian import Hessian
from pipeline.solver.sweep import sweep
from pipeline.spec import GPTQ

Statistics = Hessian


def prune(spec: GPTQ, weight: Float[Tensor, "rows columns"], statistics: Hessian) -> Pruned:
    """Quantise the weight. It keeps its dtype: values are those of the grid. Raises CannotPrune."""
    doubts.require(weight.isfinite().all(), lambda: CannotPrune(BROKEN))
    grids = _Grids(spec, weight)
    factor = statistics.factor(spec.percdamp, ordered=spec.act_order)
    solved = sweep(weight, factor, spec.blocksize, grids.settle, grids.reach)
    return Pruned(solved.to(weight.dtype), None)


class _Grids:
    """The grids of a weight's groups, fitted as the sweep reaches them."""

    def __init__(self, spec: GPTQ, weight: Tensor) -> None:
        self._spec = spec
        self._n_columns = weight.shape[1]
        self._size = spec.group_size or self._n_columns
        self._last = () if spec.group_size else (self._fit(weight.float()),)

    def reach(self, start: int, stop: int) -> int:
        """Up to which column a block wants to see the weights: the end of the last group that begins in it."""
        entered = self._entered(start, stop)
        return min(max(stop, entered[-1] + self._size), self._n_columns) if entered else stop

    def settle(
        self, columns: Float[Tensor, "rows ahead"], corner: Float[Tensor, "count count"], start: int
    ) -> Float[Tensor, "rows count"]:
        count = len(corner)
        entered = self._entered(start, start + count)
        fitted = [self._fit(columns[:, at - start : at - start + self._size]) for at in entered]
        grids = [*self._last, *fitted]
        first = (entered[0] // self._size if entered else start // self._size + 1) - len(self._last)
        group = torch.arange(start, start + count, device=columns.device) // self._size - first
        scale, zero = (torch.stack(part, dim=1) for part in zip(*grids, strict=True))
        self._last = (grids[-1],)
        return solve_quantised(columns[:, :count], corner, scale, zero, group, 2**self._spec.bits - 1)

    def _entered(self, start: int, stop: int) -> range:
        """First columns of the groups that begin in a block. One grid for the whole row is there before the sweep."""
        if not self._spec.group_size:
            return range(0)
        return range(-(-start // self._size) * self._size, stop, self._size)

    def _fit(self, columns: Tensor) -> tuple[Tensor, Tensor]:
        return fit_grid(columns, self._spec.bits, symmetric=self._spec.symmetric)
