"""Magnitude pruning: the smallest weights of each linear are removed. Reads no text.

The rule is that of Wanda's code (locuslab/wanda, lib/prune.py): one threshold per linear, the value at
int(numel * sparsity) of all sorted magnitudes, and everything `<=` it goes. That is one weight more than asked, and
ties besides; the sparsity reached is recorded. n:m: as Wanda, with the magnitude as score.

tensor legend: rows x columns (of a weight: outputs x inputs)
"""

from jaxtyping import Float
from torch import Tensor

from pipeline.methods import Pruned
from pipeline.selection import nth_smallest, smallest_in_groups
from pipeline.spec import Magnitude

Statistics = None


def prune(spec: Magnitude, weight: Float[Tensor, "rows columns"], statistics: None) -> Pruned:  # noqa: ARG001
    """Remove the smallest magnitudes."""
    scores = weight.abs()
    if spec.group is not None:
        mask = smallest_in_groups(scores, *spec.group)
    else:
        mask = scores <= nth_smallest(scores, int(scores.numel() * spec.sparsity))
    return Pruned(weight.masked_fill(mask, 0), mask)
