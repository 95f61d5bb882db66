"""What pruning must at least cost on this machine: operations and bytes of each phase over measured peak rates."""

import time
from collections.abc import Callable
from typing import Any

import torch


def least_seconds(model: Any, tokens: Any, dtype: torch.dtype, *, second_order: bool) -> dict[str, float]:
    """Seconds by phase, if every phase ran at the rate of this machine's best matrix product.

    Two passes through each block, the first without the last projection, the second not through the last block;
    Gram matrices of each distinct input by half; causal attention by half; factors by Cholesky alone.
    """
    blocks = list(model.model.layers)
    config = model.config
    n_tokens, length = tokens.size, tokens.shape[1]
    rate, wide = peak(dtype), peak(torch.float32)
    linears = [module for module in blocks[0].modules() if isinstance(module, torch.nn.Linear)]
    weights = sum(linear.weight.numel() for linear in linears)
    last = linears[-1].weight.numel()
    passes = len(blocks) * (2 * weights - last) - weights
    heads = config.num_attention_heads * getattr(config, "head_dim", config.hidden_size // config.num_attention_heads)
    attention = (2 * len(blocks) - 1) * 2 * n_tokens * length * heads
    distinct = [config.hidden_size, heads, config.hidden_size, config.intermediate_size]
    found = {"forward": (2 * n_tokens * passes + attention) / rate, "statistics": 0.0, "update": 0.0}
    if second_order:
        found["statistics"] = len(blocks) * n_tokens * sum(n * n for n in distinct) / rate
        factors = sum(n**3 / 3 for n in distinct)
        updates = sum(linear.weight.numel() * linear.in_features for linear in linears)
        found["update"] = len(blocks) * (factors + updates) / wide
    else:
        moved = len(blocks) * n_tokens * sum(distinct) * dtype.itemsize
        found["statistics"] = moved / bandwidth()
    return found


def peak(dtype: torch.dtype) -> float:
    """Operations a second of a large matrix product."""
    a, b = torch.randn(1024, 2048).to(dtype), torch.randn(2048, 2048).to(dtype)
    return 2 * 1024 * 2048 * 2048 / best(lambda: a @ b)


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
