"""RIA: weights of the least relative importance, times the norm of their input feature to a power, are removed.

Zhang, Bai, Lin, Zhao, Hou, Cannistraci 2024 (ICLR, "Plug-and-Play: An Efficient Post-Training Pruning Method for
Large Language Models"): RI_ij = |W_ij| / sum_k |W_kj| + |W_ij| / sum_k |W_ik|, RIA_ij = RI_ij * ||X_j||_2^a with
a = 1/2. A weight in a column or row of zeros counts as unimportant there. Their code (lib/prune.py) ranks all weights
of a linear together and removes everything `<=` the value at int(numel * sparsity), unless told to compare in each
output row. Their channel permutation for n:m is left out.

tensor legend: rows x columns (of a weight: outputs x inputs)
"""

import torch
from jaxtyping import Float
from torch import Tensor

from pipeline.methods import Pruned, wanda
from pipeline.selection import nth_smallest, smallest_in_groups, smallest_in_rows
from pipeline.spec import RIA

Statistics = wanda.Statistics


def prune(spec: RIA, weight: Float[Tensor, "rows columns"], statistics: wanda.Statistics) -> Pruned:
    """Remove the smallest scores. Kept weights are untouched. Raises CannotPrune."""
    size = weight.float().abs()
    least = torch.finfo(torch.float32).tiny
    by_column, by_row = size.sum(dim=0).clamp(min=least), size.sum(dim=1).clamp(min=least).reshape(-1, 1)
    scores = (size / by_column + size / by_row) * statistics.mean_square_norm.sqrt() ** spec.exponent
    if spec.group is not None:
        mask = smallest_in_groups(scores, *spec.group)
    elif spec.comparison == "row":
        mask = smallest_in_rows(scores, int(weight.shape[1] * spec.sparsity))
    else:
        mask = scores <= nth_smallest(scores, int(scores.numel() * spec.sparsity))
    return Pruned(weight.masked_fill(mask, 0), mask)
