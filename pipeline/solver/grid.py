"""Scale and zero point of the grid that weights are rounded to: the smallest evenly spaced grid that holds them all.

IST-DASLab/gptq quant.py, find_params without its search for a smaller mean square error. A weight w becomes
scale * (level - zero), level = round(w / scale) + zero between 0 and 2^bits - 1.

tensor legend: rows x columns (of a group that shares a grid in each row)
"""

import torch
from jaxtyping import Float
from torch import Tensor


def fit_grid(
    weight: Float[Tensor, "rows columns"], bits: int, *, symmetric: bool
) -> tuple[Float[Tensor, " rows"], Float[Tensor, " rows"]]:
    """Scale and zero point of each row. The grid always holds 0; a row of zeros has one from -1 to 1.

    symmetric: as wide to both sides, its zero point in the middle. As in their code, a row without negative weights
        gets a grid half as wide, and its largest weights are clipped.
    """
    top = 2**bits - 1
    low = weight.amin(dim=1).clamp(max=0)
    high = weight.amax(dim=1).clamp(min=0)
    if symmetric:
        high = torch.maximum(low.abs(), high)
        low = torch.where(low < 0, -high, low)
    empty = (low == 0) & (high == 0)
    low, high = low.masked_fill(empty, -1), high.masked_fill(empty, 1)
    scale = (high - low) / top
    zero = torch.full_like(scale, (top + 1) / 2) if symmetric else torch.round(-low / scale)
    return scale, zero
