"""Products by tiles of pairs of bfloat16 against float64; where they take the place of torch's."""

import ctypes
import subprocess
import sys

import pytest
import torch
from families import build
from test_kernels import needs_compiler
from torch import Tensor
from torch.nn.functional import linear

from pipeline.kernels import compiler, gram, products, tiles
from pipeline.kernels.gram import add_gram, mirror
from pipeline.kernels.products import SWITCH, fast_products, products_of

CPU = torch.device("cpu")
needs_tiles = pytest.mark.skipif(not tiles.has_tiles() or compiler.available() == "torch", reason="no tiles here")

SHAPES = [
    (32, 1, 1), (33, 31, 17), (40, 32, 32), (600, 33, 65), (64, 600, 40), (31 + 512, 1100, 70), (512, 576, 192),
    (100, 2100, 33),
]  # fmt: skip
"""rows, depth, columns: on and off the edges of tiles, squares, bands and slices"""


def drawn(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)))


def error(found: Tensor, expected: Tensor) -> float:
    return float((found.double() - expected).norm() / expected.norm())


@needs_tiles
def test_a_processor_with_tiles_uses_them() -> None:
    """A kernel that no longer compiles would be noticed by nothing but the clock."""
    assert tiles.kernels() is not None


@needs_tiles
@pytest.mark.parametrize(("rows", "depth", "columns"), SHAPES)
def test_a_linear_keeps_sixteen_bits(rows: int, depth: int, columns: int) -> None:
    inputs, weight, bias = drawn(rows, depth), drawn(columns, depth), drawn(columns)
    found = tiles.linear(inputs, weight, bias)
    assert found is not None
    assert (found.shape, found.dtype, found.is_contiguous()) == ((rows, columns), torch.float32, True)
    assert error(found, inputs.double() @ weight.double().T + bias) < 1.5e-5
    rounded = inputs.bfloat16().double() @ weight.bfloat16().double().T
    assert error(rounded, inputs.double() @ weight.double().T) > 1e-3  # what one bfloat16 each would give


@needs_tiles
def test_every_number_is_in_its_place() -> None:
    """Sums of powers of two are exact: nothing is hidden in a tolerance."""
    for rows, depth, columns in SHAPES:
        inputs, weight = (torch.zeros(n, depth) for n in (rows, columns))
        for matrix, seed in ((inputs, 1), (weight, 2)):
            at = torch.randint(0, depth, (len(matrix),), generator=torch.Generator().manual_seed(seed))
            matrix[torch.arange(len(matrix)), at] = 2.0 ** (torch.arange(len(matrix)) % 11)
        found = tiles.linear(inputs, weight)
        assert found is not None
        assert torch.equal(found, inputs @ weight.T)


@needs_tiles
def test_both_parts_of_both_factors_count() -> None:
    """1 + 2^-12 is one bfloat16 and another: dropping any of the three products shows."""
    plain, fine = torch.full((32, 64), 1.0), torch.full((32, 64), 1 + 2.0**-12)
    for inputs, weight in [(fine, plain), (plain, fine)]:
        found = tiles.linear(inputs, weight)
        assert found is not None
        assert torch.equal(found, torch.full((32, 32), 64 + 64 * 2.0**-12))


@needs_tiles
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(("tokens", "columns"), [(1, 1), (31, 33), (257, 40), (700, 100), (90, 700), (512, 576)])
def test_gram_by_tiles(tokens: int, columns: int, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(SWITCH)
    monkeypatch.setattr(gram, "library", lambda *_: pytest.fail("by tiles, not by gram.c"))
    inputs = drawn(tokens, columns).to(dtype)
    total = torch.ones(columns, columns)
    add_gram(total, inputs)
    mirror(total)
    wide = inputs.double()
    expected = 1 + wide.T @ wide
    assert error(total, expected) < (1e-5 if dtype == torch.float32 else 2e-7)
    assert torch.allclose(total.diagonal().double(), expected.diagonal(), rtol=2e-5)


@needs_tiles
def test_the_number_of_threads_changes_nothing() -> None:
    inputs, weight = drawn(600, 700), drawn(300, 700)
    results = []
    before = torch.get_num_threads()
    for threads in (1, 3):
        torch.set_num_threads(threads)
        total = torch.zeros(700, 700)
        tiles.add_gram(total, inputs)
        results.append((tiles.linear(inputs, weight), total))
    torch.set_num_threads(before)
    for one, three in zip(*results, strict=True):
        assert torch.equal(one, three)


@needs_tiles
def test_inputs_may_lie_in_memory_in_any_way_and_nothing_beside_them_counts() -> None:
    wide = torch.full((4, 50, 90), float("nan"))
    wide[:3, :40, 10:80] = drawn(3, 40, 70)
    inputs, weight = wide[:3, :40, 10:80], drawn(33, 140)[:, ::2]
    found = tiles.linear(inputs, weight)
    assert found is not None
    assert found.shape == (3, 40, 33)
    assert error(found, inputs.double() @ weight.double().T) < 1.5e-5


@needs_tiles
def test_other_libraries_find_their_tiles_as_they_left_them() -> None:
    """torch's products and attention of bfloat16 configure the same registers, and ours between theirs."""
    a, b = drawn(1, 4, 256, 64).bfloat16(), drawn(256, 256)
    halves = b.bfloat16()
    before = torch.nn.functional.scaled_dot_product_attention(a, a, a, is_causal=True), halves @ halves
    for _ in range(3):
        tiles.linear(b, b)
        after = torch.nn.functional.scaled_dot_product_attention(a, a, a, is_causal=True), halves @ halves
        assert all(map(torch.equal, before, after))


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


@needs_tiles
@pytest.mark.parametrize(("switch", "pairs"), [(None, True), ("float32", False), ("bfloat16", False)])
def test_pairs_are_the_default_and_can_be_refused(
    switch: str | None, pairs: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(SWITCH)
    if switch:
        monkeypatch.setenv(SWITCH, switch)
    calls = []
    monkeypatch.setattr(products.tiles, "linear", lambda *_: calls.append(1))
    with fast_products(CPU, torch.float32):
        linear(*BASE)
    linear(*BASE)
    assert len(calls) == pairs
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


@needs_compiler
def test_without_amx_it_compiles_to_nothing() -> None:
    """On every processor the file compiles: a compiler that knows no tiles says that there are none."""
    script = (
        "import ctypes, pathlib, subprocess, sys, tempfile; from pipeline.kernels import compiler\n"
        "source = pathlib.Path(compiler.__file__).with_name('tiles.c'); folder = tempfile.mkdtemp()\n"
        "made = folder + '/tiles.so'\n"
        "subprocess.run([*compiler._compiler(), str(source), '-shared', '-fPIC', '-o', made], check=True)\n"
        "print(ctypes.CDLL(made).tiles_ready())"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "0"
    assert ctypes.sizeof(ctypes.c_long) == 8  # what the C functions take
