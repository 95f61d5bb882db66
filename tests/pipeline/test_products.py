"""How float32 may be multiplied: what torch's functions give way to, where, and what can be asked for."""

import pytest
import torch
from families import build
from test_kernels import needs_compiler
from test_tiles import drawn, error, needs_tiles
from torch.nn.functional import linear

from pipeline.kernels import attention, products, tiles
from pipeline.kernels.gram import add_gram
from pipeline.kernels.products import SWITCH, fast_products, products_of

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("has_tiles", "switch", "taken", "rounded"),
    [
        (True, None, "highest", "float32"),
        (True, "bfloat16", "medium", "bfloat16"),
        (True, "float32", "highest", "float32"),
        (False, None, "medium", "float32"),
        (False, "bfloat16", "medium", "float32"),
        (False, "float32", "highest", "float32"),
    ],
)
def test_products_round_float32_only_where_that_was_asked_for(
    has_tiles: bool, switch: str | None, taken: str, rounded: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a compiler, that is: with one, tiles take pairs (below)."""
    monkeypatch.setattr("pipeline.kernels.tiles.has_tiles", lambda: has_tiles)
    monkeypatch.setattr("pipeline.kernels.tiles.kernels", lambda: None)
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    monkeypatch.delenv(SWITCH)
    if switch:
        monkeypatch.setenv(SWITCH, switch)
    before = torch.get_float32_matmul_precision()
    for dtype in (torch.float32, torch.bfloat16):
        with fast_products(CPU, dtype):
            assert torch.get_float32_matmul_precision() == taken
    assert torch.get_float32_matmul_precision() == before
    with fast_products(torch.device("meta"), torch.float32):
        assert torch.get_float32_matmul_precision() == before
    assert (products_of(CPU), products_of(torch.device("meta"))) == (rounded, "float32")


def test_arm_may_round_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.kernels.tiles.kernels", lambda: None)
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    monkeypatch.delenv(SWITCH)
    with fast_products(CPU, torch.float32):
        assert torch.get_float32_matmul_precision() == "highest"
    monkeypatch.setenv(SWITCH, "bfloat16")
    assert products_of(CPU) == "bfloat16"


def test_another_word_for_products_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SWITCH, "bf16")
    with pytest.raises(ValueError, match="CALIB_EXPLORER_PRODUCTS is 'bf16'; it can be float32 or bfloat16"):
        products_of(CPU)


@pytest.mark.skipif(tiles.has_tiles(), reason="this processor rounds what it multiplies by tiles")
def test_without_tiles_the_fastest_products_round_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measured: bfloat16 inputs would differ by 1e-3."""
    monkeypatch.delenv(SWITCH)
    generator = torch.Generator().manual_seed(6)
    for tokens, inputs, outputs in [(512, 576, 1536), (96, 1536, 576), (7, 64, 33)]:
        a, b = (torch.randn(*shape, generator=generator) for shape in ((tokens, inputs), (outputs, inputs)))
        with fast_products(CPU, torch.float32):
            product = torch.nn.functional.linear(a, b).double()
        expected = a.double() @ b.double().T
        assert float((product - expected).norm() / expected.norm()) < 1e-5


BASE = drawn(40, 64), drawn(48, 64)
REFUSED = {
    "too few rows": (BASE[0][:31], BASE[1]),
    "bfloat16": (BASE[0].bfloat16(), BASE[1].bfloat16()),
    "float64": (BASE[0].double(), BASE[1].double()),
    "learning inputs": (BASE[0].clone().requires_grad_(), BASE[1]),
    "learning weight": (BASE[0], BASE[1].clone().requires_grad_()),
    "learning bias": (*BASE, drawn(48).requires_grad_()),
    "a vector": (BASE[0], BASE[1][0]),
    "no outputs": (BASE[0], BASE[1][:0]),
    "no inputs": (BASE[0][:, :0], BASE[1][:, :0], drawn(48)),
    "no numbers": (BASE[0].to("meta"), BASE[1].to("meta")),
}


@needs_tiles
@pytest.mark.parametrize("why", REFUSED)
def test_what_it_is_not_for_is_left_to_torch(why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(SWITCH)
    assert tiles.linear(*REFUSED[why]) is None
    with fast_products(CPU, torch.float32):
        found = linear(*REFUSED[why])
    expected = linear(*REFUSED[why])
    assert (found.shape, found.dtype, found.requires_grad) == (expected.shape, expected.dtype, expected.requires_grad)
    assert found.is_meta or torch.equal(found, expected)


@needs_tiles
def test_what_torch_refuses_stays_torchs_to_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(SWITCH)
    with fast_products(CPU, torch.float32), pytest.raises(RuntimeError):
        linear(BASE[0], BASE[1][:, :60])
    with fast_products(CPU, torch.float32), pytest.raises(RuntimeError):
        linear(BASE[0], BASE[1].double())
    with fast_products(CPU, torch.float32), pytest.raises(RuntimeError):
        linear(torch.tensor(1.0), BASE[1])


@needs_tiles
@pytest.mark.parametrize(("switch", "pairs"), [(None, True), ("float32", False), ("bfloat16", False)])
def test_pairs_are_the_default_and_can_be_refused(
    switch: str | None, pairs: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(SWITCH)
    if switch:
        monkeypatch.setenv(SWITCH, switch)
    calls = []
    monkeypatch.setattr(tiles, "linear", lambda *_: calls.append("linear"))
    monkeypatch.setattr(tiles, "add_gram", lambda *_: calls.append("gram"))
    with fast_products(CPU, torch.float32):
        linear(*BASE)
    linear(*BASE)
    add_gram(torch.zeros(64, 64), BASE[0])
    assert calls == {None: ["linear", "gram"], "float32": [], "bfloat16": ["gram"]}[switch]
    assert products_of(CPU) == ("bfloat16 pairs" if pairs else switch)
    assert products_of(torch.device("meta")) == "float32"


@pytest.mark.parametrize("family", ["llama", "cohere", "phi3"])
@needs_tiles
def test_a_model_answers_as_before(family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(SWITCH)
    model = build(family)
    tokens = torch.randint(0, model.config.get_text_config().vocab_size, (2, 40))
    with torch.no_grad():
        expected = model(input_ids=tokens).logits
        with fast_products(CPU, torch.float32):
            found = model(input_ids=tokens).logits
    assert not torch.equal(found, expected)
    assert torch.allclose(found, expected, rtol=1e-3, atol=1e-4 * float(expected.abs().max()))


@needs_tiles
def test_torchs_own_are_faster_for_bfloat16(monkeypatch: pytest.MonkeyPatch) -> None:
    heads = drawn(1, 2, 40, 16)
    calls = []
    monkeypatch.setattr(attention, "causal_attention", lambda *_: calls.append(1))
    for dtype, wanted in [(torch.float32, 1), (torch.bfloat16, 1)]:
        some = heads.to(dtype)
        assert attention.attend(some, some, some, is_causal=True) is None
        assert len(calls) == wanted
    monkeypatch.setattr(products, "_FastOperations", lambda *_: pytest.fail("nothing to take the place of"))
    with fast_products(CPU, torch.bfloat16):
        pass


@needs_compiler
def test_elsewhere_there_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another processor, a compiler that does not know them, a system that does not let us."""
    monkeypatch.setattr(tiles, "has_tiles", lambda: False)
    assert tiles.kernels.__wrapped__() is None
    monkeypatch.setattr(tiles, "has_tiles", lambda: True)
    for found in (None, type("Library", (), {"tiles_ready": staticmethod(lambda: 0)})):
        monkeypatch.setattr(tiles, "library", lambda *_, found=found: found)
        assert tiles.kernels.__wrapped__() is None
    monkeypatch.setattr(tiles, "kernels", lambda: None)
    monkeypatch.delenv(SWITCH)
    assert tiles.linear(*BASE) is None
    assert products_of(CPU) == "float32"
    with pytest.raises(RuntimeError, match=r"no tiles for a Gram matrix of torch\.float32"):
        tiles.add_gram(torch.zeros(64, 64), BASE[0])
    total = torch.zeros(64, 64)
    add_gram(total, BASE[0].bfloat16())
    assert error(total.triu(), (BASE[0].bfloat16().double().T @ BASE[0].bfloat16().double()).triu()) < 1e-6
