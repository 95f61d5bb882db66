"""What pruning must at least cost on this machine: operations and bytes of each phase over measured peak rates.

Operations: two passes through each block, the first without the last projection, the second not through the last
block; causal attention by half; Gram matrices of each distinct input by half, for Wanda their diagonals; factors by
Cholesky alone, and each column's update of those behind it; for Wanda a product and a comparison a weight.
Bytes: what cannot stay in a cache. Weights are read once a pass, hidden states read in both and written in one; the
Gram matrices and factors are written and read once; weights are read and written by the update.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch

from pipeline.kernels.products import products_of

Seconds = Mapping[str, float]
"""Of each phase."""


@dataclass(frozen=True)
class Work:
    """What a phase must do, and the numbers it multiplies."""

    operations: float
    n_bytes: float
    dtype: torch.dtype

    @property
    def seconds(self) -> tuple[float, float]:
        """At the rate of this machine's best product, and of its memory."""
        return self.operations / peak(self.dtype), self.n_bytes / bandwidth()


def least_work(model: Any, tokens: Any, dtype: torch.dtype, *, second_order: bool) -> dict[str, Work]:
    """By phase. second_order: Gram matrices and updates, as for SparseGPT and GPTQ; else as for Wanda."""
    blocks, config = list(model.model.layers), model.config
    n_blocks, n_tokens, length = len(blocks), tokens.size, tokens.shape[1]
    linears = [module for module in blocks[0].modules() if isinstance(module, torch.nn.Linear)]
    weights, last = sum(linear.weight.numel() for linear in linears), linears[-1].weight.numel()
    passed = n_blocks * (2 * weights - last) - weights
    heads = config.num_attention_heads * getattr(config, "head_dim", config.hidden_size // config.num_attention_heads)
    attention = (2 * n_blocks - 1) * 2 * n_tokens * length * heads
    hidden = (3 * n_blocks - 2) * n_tokens * config.hidden_size
    forward = Work(2 * n_tokens * passed + attention, dtype.itemsize * (passed + hidden), dtype)
    inputs = [config.hidden_size, heads, config.hidden_size, config.intermediate_size]  # q k v, o, gate up, down
    changed = n_blocks * 2 * weights * dtype.itemsize
    if not second_order:
        statistics = Work(n_blocks * 2 * n_tokens * sum(inputs), 0, dtype)
        return {"forward": forward, "statistics": statistics, "update": Work(n_blocks * 2 * weights, changed, dtype)}
    squares, cubes = n_blocks * sum(n * n for n in inputs), n_blocks * sum(n**3 for n in inputs)
    updates = n_blocks * sum(linear.weight.numel() * linear.in_features for linear in linears)
    return {
        "forward": forward,
        "statistics": Work(n_tokens * squares, 4 * squares, dtype),
        "update": Work(cubes / 3 + updates, 3 * 4 * squares + changed, torch.float32),
    }


def table(model: Any, tokens: Any, taken: Mapping[str, Seconds], *, second_order: bool) -> Iterator[str]:
    """Lines. taken: measured seconds of each phase by way; a way in bfloat16 ends in "-bf16"."""
    yield f"limits at this machine's best rates on {torch.get_num_threads()} threads; times: measured over least"
    for dtype, end in ((torch.float32, ""), (torch.bfloat16, "-bf16")):
        ways = {way: seconds for way, seconds in taken.items() if way.endswith("-bf16") == bool(end)}
        if not ways:
            continue
        work = least_work(model, tokens, dtype, second_order=second_order)
        rates = f"{peak(dtype) / 1e9:,.0f} GFLOP/s, {bandwidth() / 1e9:.1f} GB/s"
        yield f"{str(dtype).removeprefix('torch.')}: {rates}"
        columns = f"{'GFLOP':>11s} {'s':>6s} {'GB':>6s} {'s':>6s} {'least s':>8s}"
        yield f"  {'':10s}{columns}" + "".join(f"{way:>16s}  times" for way in ways)
        least = {phase: max(own.seconds) for phase, own in work.items()}
        for phase, own in work.items():
            products, memory = own.seconds
            numbers = f"{own.operations / 1e9:11,.1f} {products:6.2f} {own.n_bytes / 1e9:6.2f} {memory:6.2f}"
            measured = "".join(_compared(ways[way][phase], least[phase]) for way in ways)
            yield f"  {phase:10s}{numbers} {least[phase]:8.2f}{measured}"
        whole = sum(least.values())
        yield f"  {'all':42s} {whole:8.2f}" + "".join(_compared(sum(ways[way].values()), whole) for way in ways)
    if products_of(torch.device("cpu")) == "bfloat16 pairs":
        yield "fast multiplies float32 as pairs of bfloat16 here, and may so go below the limit of torch's float32"


def _compared(measured: float, least: float) -> str:
    return f"{measured:14.2f} s {measured / least:6.2f}"


@cache
def peak(dtype: torch.dtype) -> float:
    """Operations a second of a large matrix product."""
    a, b = torch.randn(1024, 2048).to(dtype), torch.randn(2048, 2048).to(dtype)
    return 2 * 1024 * 2048 * 2048 / best(lambda: a @ b)


@cache
def bandwidth() -> float:
    """Bytes a second of a copy, read and written."""
    a = torch.randn(2**25)
    b = torch.empty_like(a)
    return 2 * a.numel() * 4 / best(lambda: b.copy_(a))


def best(work: Callable[[], object]) -> float:
    """The shortest of several runs."""
    found = []
    for _ in range(7):
        started = time.perf_counter()
        work()
        found.append(time.perf_counter() - started)
    return min(found)


def processor() -> str:
    """Its family and model, and what decides how it multiplies."""
    lines = Path("/proc/cpuinfo").read_text().split("\n\n")[0].splitlines()
    facts = dict(line.split("\t: ", 1) for line in lines if "\t: " in line)
    facts = {name.strip(): value for name, value in facts.items()}
    can = [name for name in ("avx2", "avx512_f", "avx512_bf16", "amx_bf16") if torch.cpu.get_capabilities().get(name)]
    named = [facts.get("model name", "?"), *(f"{k} {facts[k]}" for k in ("cpu family", "model") if k in facts)]
    return f"{' '.join(named)} ({', '.join(can)})"
