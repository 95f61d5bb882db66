"""On an accelerator the host reads nothing while a linear is pruned, and says the same about what can't be pruned.

Tensors without data ("meta") have no value that could be read: whoever tries fails. For values a CPU is told that it
would be waited for.
"""

from typing import Any

import pytest
import torch
from families import build, draw
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from pipeline import doubts, methods
from pipeline.kernels import columns
from pipeline.masks import eighths, pack, unpack
from pipeline.methods import BROKEN, CannotPrune
from pipeline.prune import prune
from pipeline.selection import smallest_in_rows
from pipeline.spec import GPTQ, RIA, Magnitude, SparseGPT, Wanda, WandaUpdate
from pipeline.stream import BlockStream

CPU, META = torch.device("cpu"), torch.device("meta")
SPECS: tuple[Any, ...] = (
    Magnitude(name="magnitude"),
    Magnitude(name="magnitude", pattern="2:4"),
    Wanda(name="wanda"),
    Wanda(name="wanda", pattern="2:4"),
    RIA(name="ria"),
    RIA(name="ria", comparison="row"),
    SparseGPT(name="sparsegpt", blocksize=16),
    SparseGPT(name="sparsegpt", pattern="2:4", blocksize=16),
    WandaUpdate(name="wanda_update", blocksize=16),
    GPTQ(name="gptq", bits=4, group_size=16, blocksize=16),
    GPTQ(name="gptq", bits=4, group_size=0, act_order=True, blocksize=16),
)


@pytest.fixture
def waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """A CPU goes an accelerator's ways."""
    monkeypatch.setattr(doubts, "waits", lambda _: True)


class NothingFromTheHost(TorchDispatchMode):
    """Copies from there make it wait, too."""

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        found = func(*args, **(kwargs or {}))
        assert all(leaf.is_meta for leaf in tree_leaves((args, kwargs, found)) if isinstance(leaf, Tensor)), func
        return found


def pruned(spec: Any, weight: Tensor, inputs: Tensor) -> Any:
    method = methods.load(spec.name)
    if method.Statistics is None:
        return method.prune(spec, weight, None)
    statistics = method.Statistics(weight.shape[1], weight.device, arithmetic="fast")
    statistics.add(inputs)
    return method.prune(spec, weight, statistics)


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_pruning_reads_nothing(spec: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def rounded(block: Tensor, corner: Tensor, *grid: Any) -> Tensor:  # as Triton: no value read, unlike plain.py
        assert all(part.device == META for part in grid[:3])
        return block - corner.sum()

    monkeypatch.setattr("pipeline.methods.gptq.solve_quantised", rounded)
    monkeypatch.setattr(columns, "_triton", lambda _: None)
    weight = torch.randn(24, 40, device=META, dtype=torch.bfloat16)
    with doubts.gathering() as gathered, NothingFromTheHost():
        found = pruned(spec, weight, torch.randn(2, 30, 40, device=META, dtype=torch.bfloat16))
    assert gathered
    assert found.weight.device == META
    if found.mask is not None:
        with NothingFromTheHost():
            assert eighths(found.mask).shape == (24 * 40 // 8,)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_a_gpu_is_not_waited_for(spec: Any) -> None:
    weight = torch.randn(24, 40, device="cuda", dtype=torch.bfloat16)
    inputs = torch.randn(2, 300, 40, device="cuda", dtype=torch.bfloat16)
    expected = pruned(spec, weight, inputs)  # libraries wake up, Triton compiles
    with doubts.gathering() as gathered:
        torch.cuda.set_sync_debug_mode("error")
        try:
            found = pruned(spec, weight, inputs)
            arrived = doubts.coming([] if found.mask is None else [eighths(found.mask)])
            refuted = doubts.refuted({"": gathered})
        finally:
            torch.cuda.set_sync_debug_mode("default")
    assert refuted() is None
    assert torch.equal(found.weight, expected.weight)
    assert all(part.is_pinned() for part in arrived())


@pytest.mark.usefixtures("waiting")
@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_an_accelerators_ways_lead_to_the_same(spec: Any) -> None:
    model, plain, tokens = build("llama"), build("llama"), draw(6)
    found = [block.masks for block in prune(model, tokens, spec, CPU)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(doubts, "waits", lambda _: False)
        expected = [block.masks for block in prune(plain, tokens, spec, CPU)]
    assert [list(masks) for masks in found] == [list(masks) for masks in expected]
    for masks, others in zip(found, expected, strict=True):
        assert all(torch.equal(unpack(masks[name]), unpack(others[name])) for name in masks)
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), plain.parameters(), strict=True))


@pytest.mark.parametrize("waits", [False, True])
@pytest.mark.parametrize("spec", [Wanda(name="wanda"), SparseGPT(name="sparsegpt"), GPTQ(name="gptq")], ids=str)
def test_the_right_linear_is_named(spec: Any, waits: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doubts, "waits", lambda _: waits)
    model = build("llama")
    model.model.layers[1].mlp.up_proj.weight.data[0, 0] = torch.inf
    with pytest.raises(CannotPrune, match=r"^model\.layers\.1\.mlp\.up_proj: its weights") as refusal:
        list(prune(model, draw(6), spec, CPU))
    assert spec.name == "wanda" or str(refusal.value).endswith(BROKEN)


@pytest.mark.parametrize("waits", [False, True])
def test_a_hessian_that_is_not_positive_definite_is_told_by_its_first_linear(
    waits: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doubts, "waits", lambda _: waits)
    with pytest.raises(CannotPrune, match=r"^model\.layers\.0\.self_attn\.q_proj: the Hessian .* minor \d+ of 32"):
        list(prune(build("llama"), draw(1, 8), SparseGPT(name="sparsegpt", percdamp=0.0), CPU))


@pytest.mark.usefixtures("waiting")
def test_outside_a_block_a_doubt_is_settled_at_once() -> None:
    with pytest.raises(CannotPrune, match="NaN or infinity"):
        smallest_in_rows(torch.full((2, 4), torch.nan), 2)
    with doubts.gathering() as outer, doubts.gathering() as inner:
        smallest_in_rows(torch.full((2, 4), torch.nan), 2)
    assert (len(outer), len(inner)) == (0, 1)


@pytest.mark.usefixtures("waiting")
@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (7, 16), (40, 33)])
def test_masks_are_packed_where_they_lie_as_numpy_packs_them(shape: tuple[int, int]) -> None:
    mask = torch.rand(shape, generator=torch.Generator().manual_seed(0)) < 0.5
    packed = pack(mask)
    assert torch.equal(unpack(packed), mask)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(doubts, "waits", lambda _: False)
        assert packed.sha256 == pack(mask).sha256


@pytest.mark.usefixtures("waiting")
def test_the_host_reads_when_the_next_blocks_inputs_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    happened: list[str] = []
    advance, coming = BlockStream.advance, doubts.coming

    def advancing(stream: BlockStream) -> Any:
        happened.append("advance")
        return advance(stream)

    def arriving(tensors: Any) -> Any:
        arrived = coming(tensors)
        return lambda: happened.append("read") or arrived()

    monkeypatch.setattr(BlockStream, "advance", advancing)
    monkeypatch.setattr(doubts, "coming", arriving)
    list(prune(build("llama"), draw(3), Wanda(name="wanda"), CPU))
    assert happened == ["advance", "read", "read"] * 3 + ["read", "read"]  # doubts and masks
