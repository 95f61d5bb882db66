"""SparseGPT: weights whose removal costs least are removed, and those that are kept make up for them.

Frantar & Alistarh 2023 (arXiv 2301.00774), algorithm 1; IST-DASLab/sparsegpt sparsegpt.py. Cost of removing w_j:
w_j^2 / U_jj^2. Unstructured: one threshold for all rows of a block of columns, the value at int(numel * sparsity) of
its sorted costs, and everything `<=` it goes, as in their code: one weight more than asked in each block, and ties
besides; the sparsity reached is recorded. n:m: chosen group by group on the weights as updated so far.

tensor legend: rows x columns (of a weight: outputs x inputs), ahead, count (columns of a block)
"""

from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from pipeline import doubts
from pipeline.kernels import columns
from pipeline.methods import BROKEN, CannotPrune, Pruned
from pipeline.solver.hessian import Hessian
from pipeline.solver.sweep import sweep
from pipeline.spec import SparseGPT

Statistics = Hessian


def prune(spec: SparseGPT, weight: Float[Tensor, "rows columns"], statistics: Hessian) -> Pruned:
    """Remove weights and update the others. Raises CannotPrune."""
    doubts.require(weight.isfinite().all(), lambda: CannotPrune(BROKEN))
    if spec.group is not None and weight.shape[1] % spec.group[1]:
        raise CannotPrune(f"its {weight.shape[1]} columns don't divide into groups of {spec.group[1]}")
    choice = _Choice(spec, ties_as_topk=statistics.arithmetic == "exact")
    solved = sweep(weight, statistics.factor(spec.percdamp), spec.blocksize, choice.settle)
    return Pruned(solved.to(weight.dtype), torch.cat(choice.masks, dim=1))


@dataclass
class _Choice:
    """Chooses block by block, and remembers the masks."""

    spec: SparseGPT
    ties_as_topk: bool
    masks: list[Bool[Tensor, "rows count"]] = field(default_factory=list)

    def settle(
        self,
        block: Float[Tensor, "rows count"],
        corner: Float[Tensor, "count count"],
        start: int,  # noqa: ARG002
    ) -> Float[Tensor, "rows count"]:
        if self.spec.group is not None:
            mask, errors = columns.solve_grouped(block, corner, *self.spec.group, ties_as_topk=self.ties_as_topk)
        else:
            costs = block**2 / corner.diagonal().reshape(1, -1) ** 2
            mask = costs <= _threshold(costs, int(costs.numel() * self.spec.sparsity))
            errors = columns.solve_masked(block, corner, mask)
        self.masks.append(mask)
        return errors


def _threshold(costs: Float[Tensor, "rows count"], index: int) -> Float[Tensor, ""]:
    """The cost at `index` of all in ascending order. On a GPU it stays there: nobody waits for it."""
    if doubts.waits(costs):
        return costs.flatten().sort().values[index]
    return torch.from_numpy(np.partition(costs.flatten().numpy(), index)[index : index + 1])[0]
