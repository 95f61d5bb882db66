"""Run with TRITON_INTERPRET=1: the Triton kernel and torch give the same bits, alone and inside the methods."""

from typing import Any

import torch
from torch import Tensor

from pipeline import methods
from pipeline.kernels import columns, compiler, plain, triton_columns
from pipeline.spec import GPTQ, SparseGPT, WandaUpdate

SHAPES = [(33, 48), (16, 128), (1, 1), (20, 17), (5, 200)]
"""Rows and columns: tiles that are full and not, blocks that are whole, short, odd, and wider than 128."""


def check_loops(rows: int, count: int) -> None:
    generator = torch.Generator().manual_seed(rows * count)
    weight = torch.randn(rows, count + 9, generator=generator)
    if compiler.available() != "torch":  # some are 0, some equal: the left ones go, as in columns.c
        weight[:, : count // 3] = (weight[:, : count // 3] * 2).round()
    corner = torch.triu(torch.randn(count, count, generator=generator) * 0.05) + torch.eye(count)
    wide = torch.rand(rows, count + 5, generator=generator) < 0.5
    scale = torch.rand(rows, 3, generator=generator) * 0.2 + 0.01
    loops: list[tuple[str, tuple[Any, ...]]] = [("solve_masked", (wide[:, 2 : count + 2],))]  # a mask inside another
    for bits in (4, 8):
        zero = torch.randint(0, 2**bits, (rows, 3), generator=generator).float()
        loops.append(("solve_quantised", (scale, zero, torch.arange(count) // 16 % 3, 2**bits - 1)))
    loops += [("solve_grouped", (n, m)) for n, m in ((2, 4), (1, 4), (3, 6), (10, 16)) if count % m == 0]
    for name, arguments in loops:
        expected, here = run(plain, name, weight, corner, arguments)
        found, there = run(triton_columns, name, weight, corner, arguments)
        if name == "solve_grouped":
            expected, here = run(columns, name, weight, corner, (*arguments, False))
        assert all(torch.equal(a, b) for a, b in zip(expected, found, strict=True)), (name, rows, count, arguments)
        assert torch.equal(here, there), (name, rows, count, arguments)


def run(module: Any, name: str, weight: Tensor, corner: Tensor, arguments: tuple[Any, ...]) -> tuple[Any, Tensor]:
    """What a loop returns, and the weight it works in, of which it may write to the block alone."""
    work, loop = weight.clone(), getattr(module, name)
    if name == "solve_grouped" and module is columns:
        found = loop(work[:, : len(corner)], corner, *arguments[:2], ties_as_topk=arguments[2])
    else:
        found = loop(work[:, : len(corner)], corner, *arguments)
    return (found if isinstance(found, tuple) else (found,)), work


def check_methods() -> None:
    """172 columns in blocks of 128, the last one of 44; 20 rows in tiles of 16."""
    for spec in (
        SparseGPT(name="sparsegpt"),
        SparseGPT(name="sparsegpt", pattern="2:4"),
        WandaUpdate(name="wanda_update"),
        GPTQ(name="gptq", bits=4, group_size=128),
        GPTQ(name="gptq", bits=4, group_size=20, act_order=True),
        GPTQ(name="gptq", bits=8, group_size=0),
    ):
        by_triton, by_torch = solved(spec, triton_columns), solved(spec, None)
        assert torch.equal(by_triton.weight, by_torch.weight), spec
        assert by_torch.mask is None or torch.equal(by_triton.mask, by_torch.mask), spec


def solved(spec: Any, loops: Any) -> Any:
    method = methods.load(spec.name)
    assert method.Statistics is not None
    generator = torch.Generator().manual_seed(1)
    statistics: Any = method.Statistics(172, torch.device("cpu"), arithmetic="fast")
    statistics.add(torch.randn(2, 200, 172, generator=generator))
    columns._triton = lambda _: loops
    return method.prune(spec, torch.randn(20, 172, generator=generator), statistics)


for shape in SHAPES:
    check_loops(*shape)
check_methods()
