"""Wanda: weights with the smallest |weight| x norm of their input feature are removed.

Sun, Liu, Bair, Kolter 2024 (arXiv 2306.11695), eq. 1; locuslab/wanda lib/prune.py, lib/layerwrapper.py. As their code
does, the squared norm is a mean over sequences, not over tokens: the ranking in a row is the same.

tensor legend: sequences x tokens x columns (input features), rows x columns (of a weight: outputs x inputs)
"""

import torch
from jaxtyping import Float
from torch import Tensor

from pipeline.kernels.gram import square_sums
from pipeline.methods import Pruned
from pipeline.selection import smallest_in_groups, smallest_in_rows
from pipeline.spec import Arithmetic, Wanda
from pipeline.spec.methods import WandaPreview


class Statistics:
    """Mean over sequences of the squared L2 norm of each input feature over a sequence's tokens, in float32.

    The mean is kept running, one sequence at a time; in exact arithmetic with the reference's operations and rounding
    (a norm that is squared), in fast with sums of squares, which take less time.
    """

    def __init__(self, columns: int, device: torch.device, arithmetic: Arithmetic) -> None:
        self.arithmetic: Arithmetic = arithmetic
        self.n_sequences = 0
        self.mean_square_norm: Float[Tensor, " columns"] = torch.zeros(columns, device=device)

    def add(self, inputs: Float[Tensor, "sequences tokens columns"]) -> None:
        """Take in some sequences."""
        for sequence in inputs:
            if self.arithmetic == "exact":
                square_norm = torch.linalg.vector_norm(sequence.float(), dim=0) ** 2
            else:
                square_norm = square_sums(sequence)
            self.mean_square_norm *= self.n_sequences / (self.n_sequences + 1)
            self.n_sequences += 1
            self.mean_square_norm += square_norm / self.n_sequences


def prune(spec: Wanda | WandaPreview, weight: Float[Tensor, "rows columns"], statistics: Statistics) -> Pruned:
    """Remove the smallest scores of each row, or of each group of m columns in it. Kept weights are untouched."""
    scores = weight.abs() * statistics.mean_square_norm.sqrt()
    if spec.group is not None:
        mask = smallest_in_groups(scores, *spec.group)
    else:
        mask = smallest_in_rows(scores, int(weight.shape[1] * spec.sparsity))
    return Pruned(weight.masked_fill(mask, 0), mask)
