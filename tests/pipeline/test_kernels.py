"""The inner loops: C, Triton and torch give the same bits; Gram matrices are what they should be; compiling."""

import ctypes
import os
import subprocess
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from torch import Tensor

from pipeline.kernels import columns, compiler, plain
from pipeline.kernels.gram import add_gram, mirror, square_sums

needs_compiler = pytest.mark.skipif(compiler.available() == "torch", reason="no C compiler here")


def block(rows: int, count: int) -> tuple[Tensor, Tensor]:
    """Columns inside a wider weight, some of them 0 or equal, and a triangular factor."""
    generator = torch.Generator().manual_seed(rows * count)
    weight = torch.randn(rows, count + 9, generator=generator)
    weight[:, 2:9] = (weight[:, 2:9] * 2).round()
    corner = torch.triu(torch.randn(count, count, generator=generator) * 0.05) + torch.eye(count)
    return weight, corner


def assert_same(fast: tuple[Tensor, ...], slow: tuple[Tensor, ...]) -> None:
    for a, b in zip(fast, slow, strict=True):
        assert torch.equal(a, b)


@needs_compiler
@pytest.mark.parametrize(("rows", "count"), [(1, 1), (5, 17), (16, 8), (70, 128), (33, 300)])
def test_a_given_mask(rows: int, count: int) -> None:
    weight, corner = block(rows, count)
    mask = torch.rand(rows, count, generator=torch.Generator().manual_seed(1)) < 0.5
    a, b = weight.clone(), weight[:, :count].clone()
    assert_same((columns.solve_masked(a[:, :count], corner, mask),), (plain.solve_masked(b, corner, mask),))
    assert_same((a[:, :count], a[:, count:]), (b, weight[:, count:]))


@needs_compiler
@pytest.mark.parametrize(("removed", "size"), [(2, 4), (4, 8), (1, 4), (3, 6), (10, 16), (1, 2)])
def test_groups(removed: int, size: int) -> None:
    count = 96
    weight, corner = block(40, count)
    a, b = weight.clone(), weight[:, :count].clone()
    fast = columns.solve_grouped(a[:, :count], corner, removed, size, ties_as_topk=True)
    assert_same((*fast, a[:, :count]), (*plain.solve_grouped(b, corner, removed, size), b))
    assert fast[0].reshape(40, -1, size).sum(dim=2).eq(removed).all()


@needs_compiler
def test_of_equal_scores_the_left_ones_go_where_nobody_asks_for_topk() -> None:
    weight = torch.tensor([[1.0, 1, 1, 1], [3, 2, 2, 2], [0, 0, 0, 5]])
    mask, _ = columns.solve_grouped(weight, torch.eye(4), 2, 4, ties_as_topk=False)
    assert mask.int().tolist() == [[1, 1, 0, 0], [0, 1, 1, 0], [1, 1, 0, 0]]


@needs_compiler
@pytest.mark.parametrize("bits", [2, 4, 8])
def test_rounding_to_a_grid(bits: int) -> None:
    rows, count = 37, 80
    weight, corner = block(rows, count)
    generator = torch.Generator().manual_seed(2)
    scale = torch.rand(rows, 3, generator=generator) * 0.3 + 0.01
    zero = torch.randint(0, 2**bits, (rows, 3), generator=generator).float()
    grid = scale, zero, torch.arange(count) // 30, 2**bits - 1
    a, b = weight.clone(), weight[:, :count].clone()
    fast, slow = columns.solve_quantised(a[:, :count], corner, *grid), plain.solve_quantised(b, corner, *grid)
    assert_same((fast, a[:, :count]), (slow, b))


@needs_compiler
def test_what_is_no_number_is_not_rounded_to_one() -> None:
    weight, corner = block(3, 8)
    weight[1, 2] = torch.nan
    grid = torch.ones(3, 1), torch.zeros(3, 1), torch.zeros(8, dtype=torch.int64), 15
    fast, slow = weight[:, :8].clone(), weight[:, :8].clone()
    columns.solve_quantised(fast, corner, *grid)
    plain.solve_quantised(slow, corner, *grid)
    assert torch.equal(fast.isnan(), slow.isnan())
    assert fast[1, 2:].isnan().all()
    assert fast[[0, 2]].isfinite().all()


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize(("tokens", "columns"), [(1, 1), (513, 70), (40, 576), (0, 5)])
def test_sums_of_squares(
    compiled: bool, dtype: torch.dtype, tokens: int, columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not compiled:
        monkeypatch.setattr("pipeline.kernels.gram.library", lambda *_: None)
    wide = torch.randn(tokens, 2 * columns, generator=torch.Generator().manual_seed(5)).to(dtype)
    inputs = wide[:, ::2]
    sums = square_sums(inputs)
    assert (sums.shape, sums.dtype) == ((columns,), torch.float32)
    assert torch.allclose(sums.double(), inputs.double().square().sum(dim=0), rtol=1e-5)


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize("tiles", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize(("tokens", "columns"), [(1, 1), (513, 70), (40, 576), (700, 33)])
def test_gram(
    compiled: bool, tiles: bool, dtype: torch.dtype, tokens: int, columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not compiled:
        monkeypatch.setattr("pipeline.kernels.gram.library", lambda *_: None)
    if not tiles:
        monkeypatch.setattr("pipeline.kernels.tiles.kernels", lambda: None)
    inputs = torch.randn(tokens, columns, generator=torch.Generator().manual_seed(3)).to(dtype)
    total = torch.zeros(columns, columns)
    add_gram(total, inputs)
    add_gram(total, inputs[: tokens // 2])
    mirror(total, step=32)
    wide = inputs.double()
    expected = wide.T @ wide + wide[: tokens // 2].T @ wide[: tokens // 2]
    assert torch.equal(total, total.T)
    assert torch.allclose(total.double(), expected, rtol=1e-5, atol=1e-5 * float(expected.diagonal().mean()))


@needs_compiler
def test_the_number_of_threads_changes_nothing() -> None:
    inputs = torch.randn(300, 200, generator=torch.Generator().manual_seed(4))
    totals = []
    before = torch.get_num_threads()
    for threads in (1, 3):
        torch.set_num_threads(threads)
        totals.append(torch.zeros(200, 200))
        add_gram(totals[-1], inputs)
    torch.set_num_threads(before)
    assert torch.equal(*totals)


def test_without_a_compiler_there_is_no_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiler, "_compiler", lambda: None)
    assert compiler.library.__wrapped__("columns", "off") is None


def test_a_compiler_that_fails_is_told_once_and_torch_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "cc"
    broken.write_text("#!/bin/sh\necho out of luck >&2; exit 1\n")
    broken.chmod(0o755)
    monkeypatch.setattr(compiler, "_compiler", lambda: (str(broken),))
    monkeypatch.setattr(compiler.platformdirs, "user_cache_path", lambda _: tmp_path)
    with pytest.warns(RuntimeWarning, match=r"gram\.c could not be compiled with .*: out of luck"):
        assert compiler.library.__wrapped__("gram", "fast") is None
    assert list((tmp_path / "kernels").iterdir()) == []


@needs_compiler
def test_what_does_not_load_is_compiled_again_in_another_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As zig does with -fopenmp: it compiles, and the library it needs is not there."""
    real = compiler._compiler()
    assert real is not None
    wrapper = tmp_path / "cc"
    wrapper.write_text(
        "#!/bin/sh\n"
        'for last; do :; done\ncase "$*" in *-fopenmp*) echo no library > "$last";; *) exec '
        f'{" ".join(real)} "$@";; esac\n'
    )
    wrapper.chmod(0o755)
    monkeypatch.setattr(compiler, "_compiler", lambda: (str(wrapper),))
    monkeypatch.setattr(compiler.platformdirs, "user_cache_path", lambda _: tmp_path)
    assert isinstance(compiler.library.__wrapped__("gram", "fast"), ctypes.CDLL)
    (made,) = (tmp_path / "kernels").iterdir()
    made.unlink()  # not overwritten: it is mapped
    made.write_text("damaged")
    assert isinstance(compiler.library.__wrapped__("gram", "fast"), ctypes.CDLL)


@needs_compiler
def test_it_is_compiled_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiler.platformdirs, "user_cache_path", lambda _: tmp_path)
    assert isinstance(compiler.library.__wrapped__("columns", "off"), ctypes.CDLL)
    (made,) = (tmp_path / "kernels").iterdir()
    changed = made.stat().st_mtime_ns
    compiler.library.__wrapped__("columns", "off")
    assert made.stat().st_mtime_ns == changed
    monkeypatch.setattr(compiler, "_version", lambda _: b"a newer one")
    compiler.library.__wrapped__("columns", "off")
    assert len(list((tmp_path / "kernels").iterdir())) == 2


@needs_compiler
def test_a_header_that_changed_is_compiled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiler.platformdirs, "user_cache_path", lambda _: tmp_path)
    monkeypatch.setattr(compiler, "__file__", str(tmp_path / "compiler.py"))
    (tmp_path / "some.c").write_text('#include "some.h"\nint number(void) { return NUMBER; }\n')
    for number in (1, 2):
        (tmp_path / "some.h").write_text(f"#define NUMBER {number}\n")
        library = compiler.library.__wrapped__("some", "off")
        assert library is not None
        assert library.number() == number


def test_an_installation_has_the_sources() -> None:
    kept = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["tool"]["setuptools"]
    endings = {ending.removeprefix("*") for ending in kept["package-data"]["*"]}
    assert {file.suffix for file in Path(compiler.__file__).parent.iterdir() if file.is_file()} - {".py"} <= endings


@pytest.mark.skipif(find_spec("triton") is None, reason="no triton for this system")
def test_the_triton_kernel_in_its_interpreter() -> None:
    """In a process of its own: the interpreter is chosen when triton is imported."""
    check = Path(__file__).with_name("triton_check.py")
    environment = {**os.environ, "TRITON_INTERPRET": "1"}
    done = subprocess.run([sys.executable, str(check)], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
