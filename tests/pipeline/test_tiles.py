"""Products by tiles of pairs of bfloat16 against float64, and the memory they touch."""

import ctypes
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from test_kernels import needs_compiler
from torch import Tensor

from pipeline.kernels import compiler, gram, tiles
from pipeline.kernels.compiler import address
from pipeline.kernels.gram import add_gram, mirror
from pipeline.kernels.products import SWITCH

KNOWN = ("__AMX_BF16__", "__AVX512BF16__", "_OPENMP")
needs_tiles = pytest.mark.skipif(tiles.kernels() is None, reason="no tiles here")

SHAPES = [
    (32, 1, 1), (33, 31, 17), (40, 32, 32), (600, 33, 65), (64, 600, 40), (31 + 512, 1100, 70), (512, 576, 192),
    (100, 2100, 33),
]  # fmt: skip
"""rows, depth, columns: on and off the edges of tiles, squares, bands and slices"""


def drawn(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)))


def error(found: Tensor, expected: Tensor) -> float:
    return float((found.double() - expected).norm() / expected.norm())


def defines(*flags: str) -> str:
    """What the compiler defines with these flags; nothing where it does not know them."""
    command = [*(compiler._compiler() or ()), *flags, "-dM", "-E", "-x", "c", os.devnull]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


@needs_compiler
def test_a_processor_with_tiles_uses_them() -> None:
    """A kernel that no longer compiles would be noticed by nothing but the clock."""
    if not tiles.has_tiles() or not all(name in defines("-march=native", "-fopenmp") for name in KNOWN):
        pytest.skip("no tiles here, or a compiler that knows none")
    assert tiles.kernels() is not None


@needs_compiler
def test_it_compiles_where_it_cannot_run(tmp_path: Path) -> None:
    flags = ("-march=sapphirerapids", "-fopenmp")
    if not all(name in defines(*flags) for name in KNOWN):
        pytest.skip("this compiler knows no tiles")
    source, made = Path(tiles.__file__).with_suffix(".c"), tmp_path / "tiles.o"
    command = [*(compiler._compiler() or ()), *flags, "-O3", "-Wall", "-Wextra", "-Werror", "-c", str(source)]
    done = subprocess.run([*command, "-o", str(made)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


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


@pytest.fixture
def threads() -> Iterator[Callable[[int], None]]:
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


@needs_tiles
@pytest.mark.parametrize("rows", [600, 100])
def test_the_number_of_threads_changes_nothing(rows: int, threads: Callable[[int], None]) -> None:
    """Threads share rows where there are many, columns where there are few; some may have nothing to do."""
    inputs, weight = drawn(rows, 700), drawn(90, 700)
    results = []
    for count in (1, 2, 3, 7):
        threads(count)
        total = torch.zeros(700, 700)
        tiles.add_gram(total, inputs)
        results.append((tiles.linear(inputs, weight), total))
    for other in results[1:]:
        assert all(map(torch.equal, results[0], other))
    assert error(results[0][0], inputs.double() @ weight.double().T) < 1.5e-5


@needs_tiles
def test_a_number_that_is_none_spoils_its_row_or_column_only() -> None:
    inputs, weight = drawn(40, 33), drawn(50, 33)
    whole = tiles.linear(inputs, weight)
    assert whole is not None
    spoilt = inputs.clone()
    spoilt[7] = float("nan")
    found = tiles.linear(spoilt, weight)
    assert found is not None
    assert found.isnan().any(dim=1).nonzero().tolist() == [[7]]
    assert torch.equal(found[8:], whole[8:])
    spoilt = weight.clone()
    spoilt[49] = float("inf")
    found = tiles.linear(inputs, spoilt)
    assert found is not None
    assert found.isnan().all(dim=0).nonzero().tolist() == [[49]]
    assert torch.equal(found[:, :49], whole[:, :49])


@needs_tiles
@pytest.mark.parametrize(("rows", "depth", "columns"), SHAPES)
def test_it_writes_where_it_should(rows: int, depth: int, columns: int, threads: Callable[[int], None]) -> None:
    """The C functions themselves, their outputs and working space between numbers that must stay."""
    threads(3)
    library, space = tiles.kernels(), torch.full((4 * (rows + 500) * (depth + 500),), 7.0)
    assert library is not None
    inputs, weight, out = drawn(rows, depth), drawn(columns, depth), torch.full((rows * columns + 999,), 7.0)
    sizes = ctypes.c_long(rows), ctypes.c_long(depth)
    library.product(address(inputs), *sizes, address(weight), ctypes.c_long(columns), address(out), address(space), 3)
    assert (out[: rows * columns] != 7).all()
    assert (out[rows * columns :] == 7).all()
    assert (space[library.product_floats(*sizes, ctypes.c_long(3)) :] == 7).all()
    space, sums = torch.full((4 * 600 * (depth + 500),), 7.0), torch.full((depth * depth + 999,), 7.0)
    library.gram(address(inputs), *sizes, address(sums), address(space), 2, 3)
    assert (sums[depth * depth :] == 7).all()
    assert (space[library.gram_floats(sizes[1], 2) :] == 7).all()


@needs_tiles
def test_a_gram_matrix_has_no_negative_eigenvalues(monkeypatch: pytest.MonkeyPatch) -> None:
    """One token's massive activations over all others, as in real models: damping adds 0.01 of the mean diagonal,
    which in 4,096 columns is 2e-6 of the trace. Without the product of both low parts it would not be enough."""
    monkeypatch.delenv(SWITCH)
    inputs = 1e-3 * drawn(64, 600)
    inputs[0] += 3000.7 + 900 * drawn(600)
    total = torch.zeros(600, 600)
    add_gram(total, inputs)
    mirror(total)
    assert float(torch.linalg.eigvalsh(total.double()).min() / total.trace()) > -1e-7


@needs_tiles
def test_inputs_may_lie_in_memory_in_any_way_and_nothing_beside_them_counts() -> None:
    wide = torch.full((4, 50, 90), float("nan"))
    wide[:3, :40, 10:80] = drawn(3, 40, 70)
    inputs, weight = wide[:3, :40, 10:80], drawn(33, 140)[:, ::2]
    found = tiles.linear(inputs, weight)
    assert found is not None
    assert found.shape == (3, 40, 33)
    assert error(found, inputs.double() @ weight.double().T) < 1.5e-5


PROBE = """
#include <immintrin.h>
#include <string.h>
static char set[64];
void configure(int rows)
{
    memset(set, 0, 64);
    set[0] = 1; set[16] = 32; set[48] = (char)rows;
    _tile_loadconfig(set);
}
int configured(void)
{
    static char found[64];
    _tile_storeconfig(found);
    __asm__ volatile("" ::"r"(found) : "memory");
    return memcmp(set, found, 64) == 0;
}
"""


@needs_tiles
def test_other_libraries_find_their_tiles_as_they_left_them(tmp_path: Path) -> None:
    """torch's attention of bfloat16 does not configure them again at each call."""
    source, made = tmp_path / "probe.c", tmp_path / "probe.so"
    source.write_text(PROBE)
    flags = ("-march=native", "-O1", "-shared", "-fPIC")
    subprocess.run([*(compiler._compiler() or ()), *flags, str(source), "-o", str(made)], check=True)
    probe = ctypes.CDLL(str(made))
    probe.configure(5)
    tiles.linear(drawn(40, 50), drawn(60, 50))
    assert probe.configured()
    probe.configure(3)
    tiles.add_gram(torch.zeros(50, 50), drawn(40, 50))
    assert probe.configured()


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
