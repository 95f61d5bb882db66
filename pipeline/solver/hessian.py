"""The Hessian of a linear's squared output error in its weights, from its inputs: H = 2/S sum over sequences X^T X.

Frantar & Alistarh 2023 (arXiv 2301.00774), sect. 3; IST-DASLab/sparsegpt sparsegpt.py. S counts sequences, as in
their code: the solution does not depend on the factor.

tensor legend: sequences x tokens x columns (input features)
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from pipeline.kernels.gram import add_gram
from pipeline.solver.factor import Factor, factorise
from pipeline.spec import Arithmetic


class Hessian:
    """Sums over a linear's inputs, in float32, and the factor made of them, once for all linears that read the same.

    Exact arithmetic keeps a running mean as the reference does, rescaled at each sequence; fast adds up and divides
    at the end.
    """

    def __init__(self, columns: int, device: torch.device, arithmetic: Arithmetic) -> None:
        self.arithmetic: Arithmetic = arithmetic
        self.n_sequences = 0
        self._matrix: Float[Tensor, "columns columns"] | None = torch.zeros(columns, columns, device=device)
        self._factor: Factor | None = None
        self._made_with: tuple[float, bool] = (0.0, False)

    def add(self, inputs: Float[Tensor, "sequences tokens columns"]) -> None:
        """Take in some sequences."""
        assert self._matrix is not None, "the factor has been made"
        if self.arithmetic == "fast":
            add_gram(self._matrix, inputs.flatten(0, 1))
            self.n_sequences += len(inputs)
            return
        for sequence in inputs:
            self._matrix *= self.n_sequences / (self.n_sequences + 1)
            self.n_sequences += 1
            scaled = math.sqrt(2 / self.n_sequences) * sequence.float().T
            self._matrix += scaled.matmul(scaled.T)

    def factor(self, percdamp: float, *, ordered: bool = False) -> Factor:
        """The factor of the damped Hessian (see `factorise`). It takes the memory of the sums, so that there is one:
        asking for other settings later is a ValueError. Raises CannotPrune."""
        if self._matrix is not None:
            matrix, self._matrix = self._matrix, None
            if self.arithmetic == "fast":
                matrix *= 2 / max(1, self.n_sequences)
            self._made_with = percdamp, ordered
            self._factor = factorise(matrix, percdamp, self.arithmetic, ordered=ordered)
        if self._factor is None or self._made_with != (percdamp, ordered):
            raise ValueError(f"the sums became a factor with {self._made_with}, not {(percdamp, ordered)}")
        return self._factor
