"""Products of float32 by tiles, as pairs of bfloat16, against torch's on a CPU: milliseconds, times as fast, error to
float64. Beside them what rounding to one bfloat16 would take and cost.

python tests/benchmarks/tile_products.py [--threads N]
"""

import argparse
from functools import partial

import torch
from causal_attention import least, off
from torch import Tensor
from torch.nn.functional import linear

from pipeline.kernels import gram, tiles
from pipeline.kernels.compiler import library

LINEARS = {
    "SmolLM2-135M up": (512, 576, 1536), "SmolLM2-135M down": (512, 1536, 576), "SmolLM2-135M k": (512, 576, 192),
    "Llama 3 8B q": (512, 4096, 4096),
}  # fmt: skip
"""Tokens, inputs, outputs."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    torch.set_num_threads(parser.parse_args().threads)
    if tiles.kernels() is None:
        raise SystemExit("this processor has no tiles (Intel's AMX), or there is no C compiler that knows them")
    print(f"{torch.get_num_threads()} threads{'':21s}torch  (error)        pairs  (error)   as fast   one bfloat16")
    for name, (tokens, inputs, outputs) in LINEARS.items():
        x, w = torch.randn(tokens, inputs), torch.randn(outputs, inputs)
        exact = x.double() @ w.double().T
        plain, pairs = partial(linear, x, w), partial(tiles.linear, x, w)
        row(name, exact, (least(plain), plain()), (least(pairs), pairs()), rounded(x, w))
    for columns in (576, 1536, 4096):
        x, total = torch.randn(512, columns), torch.zeros(columns, columns)
        exact = (x.double().T @ x.double()).triu()
        ways = []
        for add in (by_gram_c, tiles.add_gram):
            took = least(partial(add, total, x))
            add(once := torch.zeros(columns, columns), x)
            ways.append((took, once.triu()))
        row(f"Gram {columns} (gram.c)", exact, *ways)


def by_gram_c(total: Tensor, inputs: Tensor) -> None:
    gram._add_on_cpu(library("gram", "fast"), total, inputs)


def rounded(x: Tensor, w: Tensor) -> tuple[float, Tensor]:
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    took, found = least(partial(linear, x, w)), linear(x, w)
    torch.set_float32_matmul_precision(before)
    return took, found


def row(name: str, exact: Tensor, *ways: tuple[float, Tensor]) -> None:
    cells = [f"{took:8.2f} ms ({off(found, exact):.0e})" for took, found in ways]
    cells.insert(2, f"{ways[0][0] / ways[1][0]:8.2f}")
    print(f"{name:20s} " + " ".join(cells), flush=True)


if __name__ == "__main__":
    main()
