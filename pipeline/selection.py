"""Which weights have the smallest scores: the references' sorts, without sorting everything.

Partitions, with ties resolved afterwards, give exactly what a stable full sort gives. Everything here raises
CannotPrune for scores that are not finite (see doubts.py for when).

tensor legend: rows x columns (of a weight: outputs x inputs)
"""

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from pipeline import doubts
from pipeline.methods import CannotPrune

NOT_FINITE = "its weights or its inputs hold NaN or infinity; was the model broken before, or did its dtype overflow?"


def smallest_in_rows(scores: Float[Tensor, "rows columns"], count: int) -> Bool[Tensor, "rows columns"]:
    """The first `count` of each row in stable ascending order: of equal scores the lowest columns come first."""
    _check_finite(scores)
    if count == 0:
        return torch.zeros_like(scores, dtype=torch.bool)
    limit = _nth_smallest(scores, count - 1)[:, None]
    chosen = scores <= limit
    if doubts.waits(scores):
        return _without_spare(scores < limit, chosen, count)
    if int(torch.count_nonzero(chosen)) == len(scores) * count:
        return chosen
    spare = chosen.sum(dim=1) > count  # rows with more ties than wanted: few
    chosen[spare] = _without_spare(scores[spare] < limit[spare], chosen[spare], count)
    return chosen


def smallest_in_groups(
    scores: Float[Tensor, "rows columns"], removed: int, size: int
) -> Bool[Tensor, "rows columns"]:
    """The `removed` smallest in each group of `size` consecutive columns, in the tie order of torch.topk.

    The references call topk for one column of groups after the other; one call over all groups resolves ties alike.
    Raises CannotPrune where the columns don't make whole groups.
    """
    columns = scores.shape[1]
    if columns % size:
        raise CannotPrune(
            f"{removed}:{size} needs groups of {size} columns, and {columns} is no multiple of {size}; "
            "leave this linear out or choose another pattern"
        )
    _check_finite(scores)
    groups = scores.float().reshape(-1, size)
    chosen = torch.zeros_like(groups, dtype=torch.bool)
    chosen.scatter_(1, groups.topk(removed, dim=1, largest=False).indices, True)
    return chosen.reshape(scores.shape)


def nth_smallest(scores: Float[Tensor, "..."], index: int) -> Float[Tensor, ""]:
    """The value at `index` of all scores in ascending order."""
    _check_finite(scores)
    return _nth_smallest(scores.reshape(1, -1), index)[0]


def _nth_smallest(scores: Float[Tensor, "rows columns"], index: int) -> Float[Tensor, " rows"]:
    if doubts.waits(scores):
        return scores.float().kthvalue(index + 1, dim=1).values
    return torch.from_numpy(np.partition(scores.detach().float().numpy(), index, axis=1)[:, index].copy())


def all_finite(values: Tensor) -> Bool[Tensor, ""]:
    """Whether none is NaN or infinite, unread; in one pass. There must be some."""
    return torch.stack(values.aminmax()).isfinite().all()


def _check_finite(scores: Tensor) -> None:
    if scores.numel():
        doubts.require(all_finite(scores), lambda: CannotPrune(NOT_FINITE))


def _without_spare(
    below: Bool[Tensor, "rows columns"], chosen: Bool[Tensor, "rows columns"], count: int
) -> Bool[Tensor, "rows columns"]:
    """Of those chosen that are not below the limit, as many from the left as are wanted."""
    missing = count - below.sum(dim=1, keepdim=True)
    tied = chosen & ~below
    return below | (tied & (tied.cumsum(dim=1, dtype=torch.int32) <= missing))
