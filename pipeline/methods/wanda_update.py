"""Wanda's mask with SparseGPT's update: the weights that Wanda keeps make up for those it removes.

Sun et al. 2024 (arXiv 2306.11695) for the mask, eq. 1, chosen on the dense weights; Frantar & Alistarh 2023
(arXiv 2301.00774), algorithm 1 with a given mask, for the update.

tensor legend: sequences x tokens x columns (input features), rows x columns (of a weight: outputs x inputs)
"""

import torch
from jaxtyping import Float
from torch import Tensor

from pipeline.kernels import columns
from pipeline.methods import Pruned, wanda
from pipeline.solver.hessian import Hessian
from pipeline.solver.sweep import sweep
from pipeline.spec import Arithmetic, Wanda, WandaUpdate


class Statistics:
    """Both methods' statistics over the same inputs."""

    def __init__(self, columns: int, device: torch.device, arithmetic: Arithmetic) -> None:
        self.wanda = wanda.Statistics(columns, device, arithmetic)
        self.hessian = Hessian(columns, device, arithmetic)

    def add(self, inputs: Float[Tensor, "sequences tokens columns"]) -> None:
        """Take in some sequences."""
        self.wanda.add(inputs)
        self.hessian.add(inputs)


def prune(spec: WandaUpdate, weight: Float[Tensor, "rows columns"], statistics: Statistics) -> Pruned:
    """Remove what Wanda removes and update the rest. Raises CannotPrune."""
    mask = wanda.prune(
        Wanda(name="wanda", pattern=spec.pattern, sparsity=spec.target_sparsity), weight, statistics.wanda
    ).mask
    assert mask is not None

    def settle(block: Tensor, corner: Tensor, start: int) -> Tensor:
        return columns.solve_masked(block, corner, mask[:, start : start + block.shape[1]])

    solved = sweep(weight, statistics.hessian.factor(spec.percdamp), spec.blocksize, settle)
    return Pruned(solved.to(weight.dtype), mask)
