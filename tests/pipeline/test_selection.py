"""Selection by partition equals the stable full sort, and topk of all groups that of one after the other."""

import pytest
import torch
from torch import Tensor

from pipeline.methods import CannotPrune
from pipeline.selection import nth_smallest, smallest_in_groups, smallest_in_rows

GENERATOR = torch.Generator().manual_seed(0)
SCORES = {
    "distinct": torch.rand(7, 96, generator=GENERATOR),
    "many ties": torch.randint(0, 5, (7, 96), generator=GENERATOR).float(),
    "all equal": torch.ones(7, 96),
    "mostly zero": torch.rand(7, 96, generator=GENERATOR) * (torch.rand(7, 96, generator=GENERATOR) > 0.7),
    "negative zero": torch.where(torch.rand(7, 96, generator=GENERATOR) > 0.5, 0.0, -0.0),
    "half precision": torch.rand(7, 96, generator=GENERATOR).bfloat16(),
}


@pytest.mark.parametrize("scores", SCORES.values(), ids=SCORES)
@pytest.mark.parametrize("count", [0, 1, 31, 48, 95, 96])
def test_rows_lose_the_first_of_a_stable_sort(scores: Tensor, count: int) -> None:
    first = scores.sort(dim=1, stable=True).indices[:, :count]
    expected = torch.zeros(scores.shape, dtype=torch.bool).scatter_(1, first, True)
    assert torch.equal(smallest_in_rows(scores, count), expected)


@pytest.mark.parametrize("scores", SCORES.values(), ids=SCORES)
@pytest.mark.parametrize(("removed", "size"), [(2, 4), (4, 8), (1, 2), (3, 4), (5, 12), (20, 96)])
def test_groups_lose_what_topk_takes_group_by_group(scores: Tensor, removed: int, size: int) -> None:
    expected = torch.zeros(scores.shape, dtype=torch.bool)
    for column in range(0, scores.shape[1], size):
        taken = torch.topk(scores[:, column : column + size].float(), removed, dim=1, largest=False).indices
        expected.scatter_(1, column + taken, True)
    chosen = smallest_in_groups(scores, removed, size)
    assert torch.equal(chosen, expected)
    assert (chosen.reshape(7, -1, size).sum(dim=2) == removed).all()


@pytest.mark.parametrize("scores", SCORES.values(), ids=SCORES)
def test_the_nth_smallest_is_that_of_the_sort(scores: Tensor) -> None:
    for index in (0, 100, 671):
        assert nth_smallest(scores, index) == scores.float().flatten().sort().values[index]


def test_columns_that_make_no_whole_groups_are_refused() -> None:
    with pytest.raises(CannotPrune, match="2:4 needs groups of 4 columns, and 30 is no multiple of 4"):
        smallest_in_groups(torch.rand(2, 30), 2, 4)


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
def test_scores_that_are_no_numbers_are_refused(value: float) -> None:
    scores = torch.rand(4, 8)
    scores[2, 3] = value
    for choose in (
        lambda: smallest_in_rows(scores, 4),
        lambda: smallest_in_groups(scores, 2, 4),
        lambda: nth_smallest(scores, 3),
    ):
        with pytest.raises(CannotPrune, match="NaN or infinity"):
            choose()


def test_nothing_is_chosen_where_nothing_is() -> None:
    assert smallest_in_rows(torch.rand(0, 4), 2).shape == (0, 4)
