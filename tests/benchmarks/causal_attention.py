"""Causal attention of our own against torch's on a CPU, side by side: milliseconds, times as fast, error to float64.

python tests/benchmarks/causal_attention.py [--threads N]

Where the processor has tiles, torch multiplies bfloat16 by them and is faster: there ours takes float32 only.
"""

import argparse
import time
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from pipeline.kernels.attention import causal_attention

SHAPES = {
    "SmolLM2-135M": (9, 3, 64), "Gemma 3 270M": (4, 1, 256), "Llama 3 8B": (32, 8, 128),
}  # fmt: skip
"""Heads, heads of keys and values, their width."""
LENGTHS = (128, 512, 2048)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    torch.set_num_threads(parser.parse_args().threads)
    print(f"{torch.get_num_threads()} threads{'':27s}torch  (error)        ours  (error)     times as fast")
    for name, (heads, groups, width) in SHAPES.items():
        for length in LENGTHS:
            for dtype in (torch.float32, torch.bfloat16):
                drawn = [torch.randn(1, length, n, width).to(dtype).transpose(1, 2) for n in (heads, groups, groups)]
                exact = attention(*(tensor.double() for tensor in drawn))
                own, own_off = least(lambda drawn=drawn: ours(*drawn)), off(ours(*drawn), exact)
                theirs, theirs_off = least(lambda drawn=drawn: attention(*drawn)), off(attention(*drawn), exact)
                print(
                    f"{name:14s} {length:5d} {str(dtype)[6:]:9s} {theirs:8.2f} ms ({theirs_off:.0e}) "
                    f"{own:8.2f} ms ({own_off:.0e}) {theirs / own:10.2f}",
                    flush=True,
                )


def attention(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """As a model calls it, and copies its result for the projection that follows."""
    found = scaled_dot_product_attention(query, key, value, is_causal=True, enable_gqa=True)
    return found.transpose(1, 2).contiguous()


def ours(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    found = causal_attention(query, key, value, query.shape[-1] ** -0.5)
    if found is None:
        raise SystemExit("no C compiler here: there is no attention of our own")
    return found.transpose(1, 2).contiguous()


def off(found: Tensor, exact: Tensor) -> float:
    """Relative error."""
    return float((found.double() - exact).norm() / exact.norm())


def least(work: Callable[[], object]) -> float:
    """Milliseconds of the fastest of fifteen."""
    times = []
    for _ in range(15):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return 1e3 * min(times)


if __name__ == "__main__":
    main()
