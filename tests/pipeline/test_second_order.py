"""SparseGPT, GPTQ, RIA, Wanda's update on single linears: exact is the oracle bit for bit, fast is close."""

from typing import Any

import pytest
import second_order_oracle as oracle
import torch
from torch import Tensor

from pipeline import methods
from pipeline.methods import CannotPrune, Pruned
from pipeline.spec import GPTQ, RIA, SparseGPT, WandaUpdate
from pipeline.spec.run import Arithmetic

SHAPES = [(48, 300), (33, 64), (128, 128), (7, 520)]


def linear(rows: int, columns: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """A weight with ties and zeros, and correlated inputs of which two columns are dead."""
    generator = torch.Generator().manual_seed(seed)
    weight = torch.randn(rows, columns, generator=generator)
    weight[:, ::3] = (weight[:, ::3] * 4).round() / 4
    inputs = torch.randn(5, 40, columns, generator=generator)
    inputs = inputs + 0.5 * inputs.roll(1, -1) + 2 * torch.randn(5, 40, 1, generator=generator)
    inputs[..., [3, columns - 5]] = 0
    return weight, inputs


def prune(spec: Any, weight: Tensor, inputs: Tensor, arithmetic: Arithmetic) -> Pruned:
    method = methods.load(spec.name)
    assert method.Statistics is not None
    statistics = method.Statistics(weight.shape[1], weight.device, arithmetic)
    statistics.add(inputs[:2])
    statistics.add(inputs[2:])
    return method.prune(spec, weight, statistics)


def expected(spec: Any, weight: Tensor, inputs: Tensor) -> tuple[Tensor, Tensor]:
    sums = oracle.sums_of(inputs)
    if isinstance(spec, SparseGPT):
        return oracle.sparsegpt(weight, sums, spec.sparsity, spec.group, spec.blocksize, spec.percdamp)
    if isinstance(spec, GPTQ):
        return oracle.gptq(
            weight, sums, spec.bits, spec.group_size, spec.act_order, spec.symmetric, spec.blocksize, spec.percdamp
        )
    if isinstance(spec, RIA):
        return oracle.ria(weight, sums, spec.sparsity, spec.group, spec.exponent, spec.comparison)
    return oracle.wanda_update(weight, sums, spec.sparsity, spec.group, spec.blocksize, spec.percdamp)


SPARSE = [
    SparseGPT(name="sparsegpt"),
    SparseGPT(name="sparsegpt", sparsity=0.7, blocksize=32, percdamp=0.1),
    SparseGPT(name="sparsegpt", pattern="2:4"),
    SparseGPT(name="sparsegpt", pattern="4:8"),
    SparseGPT(name="sparsegpt", pattern="1:4", blocksize=64),
    WandaUpdate(name="wanda_update"),
    WandaUpdate(name="wanda_update", pattern="2:4"),
    RIA(name="ria"),
    RIA(name="ria", pattern="2:4"),
    WandaUpdate(name="wanda_update", sparsity=0.3, blocksize=48, percdamp=0.1),
    RIA(name="ria", comparison="row"),
    RIA(name="ria", comparison="row", sparsity=0.8, exponent=1.0),
    RIA(name="ria", exponent=0.0),
    RIA(name="ria", pattern="4:8", exponent=2.0),
]
QUANTISED = [
    GPTQ(name="gptq"),
    GPTQ(name="gptq", group_size=0),
    GPTQ(name="gptq", bits=3, group_size=32),
    GPTQ(name="gptq", bits=8, group_size=96),
    GPTQ(name="gptq", bits=2, group_size=200, blocksize=64),
    GPTQ(name="gptq", group_size=48, act_order=True, symmetric=True),
    GPTQ(name="gptq", group_size=0, act_order=True),
    GPTQ(name="gptq", bits=3, group_size=8, blocksize=40, symmetric=True),  # some groups have no negative weight
    GPTQ(name="gptq", group_size=0, symmetric=True, percdamp=0.1),
    GPTQ(name="gptq", bits=8, group_size=40, act_order=True, blocksize=48, percdamp=0.05),
]


def divides(spec: Any, columns: int) -> bool:
    return getattr(spec, "group", None) is None or columns % spec.group[1] == 0


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("spec", [*SPARSE, *QUANTISED], ids=str)
def test_exact_is_the_definition_bit_for_bit(spec: Any, shape: tuple[int, int]) -> None:
    weight, inputs = linear(*shape)
    if not divides(spec, shape[1]):
        with pytest.raises(CannotPrune, match=r"don't divide into groups of|is no multiple of"):
            prune(spec, weight, inputs, "exact")
        return
    pruned = prune(spec, weight, inputs, "exact")
    solved, mask = expected(spec, weight, inputs)
    assert torch.equal(pruned.weight, solved)
    assert pruned.mask is None if isinstance(spec, GPTQ) else torch.equal(pruned.mask, mask)


@pytest.mark.parametrize("spec", SPARSE, ids=str)
def test_fast_is_close_to_exact(spec: Any) -> None:
    weight, inputs = linear(96, 264)
    exact, fast = (prune(spec, weight, inputs, arithmetic) for arithmetic in ("exact", "fast"))
    assert exact.mask is not None
    assert fast.mask is not None
    both, either = (exact.mask & fast.mask).sum(), (exact.mask | fast.mask).sum()
    assert both / either > 0.995
    same = (exact.mask == fast.mask).all(dim=1)
    assert torch.allclose(exact.weight[same], fast.weight[same], atol=1e-3)
    assert same.float().mean() > 0.7


@pytest.mark.parametrize("spec", QUANTISED, ids=str)
def test_fast_quantises_to_nearly_the_same_error(spec: Any) -> None:
    """A weight on the edge between two levels goes either way, and those behind it make up for that differently."""
    weight, inputs = linear(96, 264)
    outputs = inputs.flatten(0, 1) @ weight.T

    def error(pruned: Pruned) -> float:
        return float((inputs.flatten(0, 1) @ pruned.weight.T - outputs).square().mean())

    exact, fast = (prune(spec, weight, inputs, arithmetic) for arithmetic in ("exact", "fast"))
    assert error(fast) == pytest.approx(error(exact), rel=0.02)
    assert (fast.weight - exact.weight).abs().gt(1e-4).float().mean() < 0.05


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("spec", [SPARSE[0], SPARSE[2], QUANTISED[0]], ids=str)
@pytest.mark.parametrize("arithmetic", ["exact", "fast"])
def test_half_precision_has_float32_statistics(spec: Any, dtype: torch.dtype, arithmetic: Arithmetic) -> None:
    weight, inputs = (tensor.to(dtype) for tensor in linear(64, 256))
    half = prune(spec, weight, inputs, arithmetic)
    full = prune(spec, weight.float(), inputs.float(), arithmetic)
    assert half.weight.dtype == dtype
    if full.mask is not None and half.mask is not None:
        both, either = (half.mask & full.mask).sum(), (half.mask | full.mask).sum()
        assert both / either > (0.9999 if arithmetic == "exact" else 0.995)
    close = torch.isclose(half.weight.float(), full.weight.to(dtype).float(), atol=1e-2)
    assert close.float().mean() > 0.98


def test_without_a_compiler_torch_gives_the_same_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    weight, inputs = linear(40, 192)
    specs = [SPARSE[0], SPARSE[2], QUANTISED[2]]
    compiled = [prune(spec, weight, inputs, "exact") for spec in specs]
    monkeypatch.setattr("pipeline.kernels.columns.library", lambda *_: None)
    for spec, before in zip(specs, compiled, strict=True):
        after = prune(spec, weight, inputs, "exact")
        assert torch.equal(before.weight, after.weight)
        assert before.mask is None or torch.equal(before.mask, after.mask)  # type: ignore[arg-type]


def test_the_update_makes_up_for_what_is_removed() -> None:
    weight, inputs = linear(64, 256)
    tokens = inputs.flatten(0, 1)
    error = {}
    for spec in (SparseGPT(name="sparsegpt"), WandaUpdate(name="wanda_update")):
        pruned = prune(spec, weight, inputs, "fast")
        assert pruned.mask is not None
        for name, other in ((spec.name, pruned.weight), (f"{spec.name} mask", weight.masked_fill(pruned.mask, 0))):
            error[name] = float((tokens @ (other - weight).T).square().mean())
    assert error["sparsegpt"] < 0.7 * error["sparsegpt mask"]
    assert error["wanda_update"] < 0.7 * error["wanda_update mask"]


def test_a_grid_holds_so_many_values_a_group() -> None:
    weight, inputs = linear(16, 128)
    spec = GPTQ(name="gptq", bits=3, group_size=32)
    solved = prune(spec, weight, inputs, "fast").weight
    for group in solved.split(32, dim=1):
        assert max(len(row.unique()) for row in group) <= 2**3


def test_a_column_or_row_of_zeros_is_of_no_importance_to_ria() -> None:
    """The definition divides 0 by 0 there."""
    weight, inputs = linear(16, 64)
    weight[:, 7] = 0
    weight[5] = 0
    for comparison in ("linear", "row"):
        mask = prune(RIA(name="ria", comparison=comparison), weight, inputs, "exact").mask
        assert mask is not None
        assert mask[:, 7].all()
        assert mask[5].float().mean() == (1 if comparison == "linear" else 0.5)


def test_linears_that_read_the_same_share_one_factor() -> None:
    weight, inputs = linear(16, 64)
    other, _ = linear(24, 64, seed=1)
    spec = SparseGPT(name="sparsegpt")
    method = methods.load("sparsegpt")
    assert method.Statistics is not None
    statistics = method.Statistics(64, weight.device, "exact")
    statistics.add(inputs)
    together = [method.prune(spec, each, statistics) for each in (weight, other)]
    for each, pruned in zip((weight, other), together, strict=True):
        assert torch.equal(pruned.weight, prune(spec, each, inputs, "exact").weight)


@pytest.mark.parametrize("arithmetic", ["exact", "fast"])
def test_a_failed_cholesky_says_what_was_tried_and_what_to_do(arithmetic: Arithmetic) -> None:
    weight, inputs = linear(16, 256)
    spec = SparseGPT(name="sparsegpt", percdamp=0.0)
    with pytest.raises(
        CannotPrune, match=r"not positive definite with percdamp = 0 .* minor \d+ of 256; raise percdamp"
    ):
        prune(spec, weight, inputs, arithmetic)


@pytest.mark.parametrize("spec", [SPARSE[0], SPARSE[5], SPARSE[7], QUANTISED[0]], ids=str)
@pytest.mark.parametrize("where", ["weight", "inputs"])
def test_what_is_not_finite_is_refused(spec: Any, where: str) -> None:
    weight, inputs = linear(16, 64)
    (weight if where == "weight" else inputs).view(-1)[9] = torch.inf
    with pytest.raises(CannotPrune, match="NaN or infinity"):
        prune(spec, weight, inputs, "fast")
