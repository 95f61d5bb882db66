"""The two factors of a Hessian against their definitions."""

import pytest
import torch
from torch import Tensor

from pipeline.solver.factor import factorise
from pipeline.solver.grid import fit_grid
from pipeline.solver.hessian import Hessian
from pipeline.solver.sweep import sweep


def hessian(columns: int, dead: tuple[int, ...] = ()) -> Tensor:
    inputs = torch.randn(2 * columns, columns, generator=torch.Generator().manual_seed(columns))
    inputs[:, list(dead)] = 0
    return inputs.T @ inputs


@pytest.mark.parametrize("columns", [1, 2, 7, 64, 515, 600])
def test_the_root_is_triangular_and_takes_the_memory_of_the_hessian(columns: int) -> None:
    matrix = hessian(columns)
    damped = matrix + 0.01 * matrix.diagonal().mean() * torch.eye(columns)
    upper_only = matrix.triu()
    factor = factorise(upper_only, 0.01, "fast", ordered=False)
    assert not factor.inverse
    assert factor.matrix.data_ptr() == upper_only.data_ptr()
    assert torch.equal(factor.matrix, factor.matrix.triu())
    assert torch.allclose(factor.matrix @ factor.matrix.T, damped, rtol=1e-4, atol=1e-4 * columns)


@pytest.mark.parametrize("ordered", [False, True])
def test_one_factor_is_the_inverse_of_the_other(ordered: bool) -> None:
    exact, fast = (factorise(hessian(90, dead=(3, 50)), 0.05, way, ordered=ordered) for way in ("exact", "fast"))
    assert exact.inverse
    assert torch.allclose(exact.matrix @ fast.matrix, torch.eye(90), atol=1e-4)
    assert exact.dead.nonzero().flatten().tolist() == [3, 50]
    if ordered:
        assert exact.order is not None
        assert torch.equal(exact.order, fast.order)


def test_both_ways_through_the_columns_settle_the_same_weights() -> None:
    """Rounding to a coarse grid block by block; blocks that don't divide the columns, and a look ahead."""
    weight = torch.randn(20, 90, generator=torch.Generator().manual_seed(1))
    seen: list[list[Tensor]] = []

    def settle(columns: Tensor, corner: Tensor, start: int) -> Tensor:  # noqa: ARG001
        seen[-1].append(columns.clone())
        count = len(corner)
        block = columns[:, :count]
        errors = torch.zeros(20, count)
        for i in range(count):
            rounded = block[:, i].round()
            errors[:, i] = (block[:, i] - rounded) / corner[i, i]
            block[:, i + 1 :] -= errors[:, i : i + 1] * corner[i, i + 1 :]
            block[:, i] = rounded
        return errors

    settled = []
    for way in ("exact", "fast"):
        seen.append([])
        factor = factorise(hessian(90), 0.01, way, ordered=False)
        settled.append(sweep(weight, factor, 32, settle, lambda _, stop: min(stop + 10, 90)))
    assert torch.equal(*settled)
    for right, left in zip(*seen, strict=True):
        assert right.shape == left.shape
        assert torch.allclose(right, left, atol=1e-3)


def test_a_hessian_becomes_one_factor() -> None:
    sums = Hessian(8, torch.device("cpu"), "fast")
    sums.add(torch.randn(2, 20, 8))
    assert sums.factor(0.01) is sums.factor(0.01)
    with pytest.raises(ValueError, match="the sums became a factor"):
        sums.factor(0.1)


@pytest.mark.parametrize("symmetric", [False, True])
def test_a_grid_holds_the_weights_and_zero(symmetric: bool) -> None:
    weight = torch.randn(5, 40, generator=torch.Generator().manual_seed(2))
    weight[1] = weight[1] if symmetric else weight[1].abs()
    weight[2] = 0
    scale, zero = fit_grid(weight, 4, symmetric=symmetric)
    level = (weight / scale[:, None]).round() + zero[:, None]
    assert level.min() >= 0
    assert level.max() <= (16 if symmetric else 15)  # 7.5 to both sides of 8, rounded to even
    assert ((zero >= 0) & (zero <= 15)).all()
    assert scale[2] == pytest.approx(2 / 15)
