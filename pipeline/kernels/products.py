"""Matrix products on a CPU: how their inputs may be rounded, and what its processor multiplies fastest."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import torch

SWITCH = "CALIB_EXPLORER_PRODUCTS"
"""Environment variable: "float32" rounds nothing, on any processor."""


@contextmanager
def rough_products(device: torch.device) -> Iterator[None]:
    """Let torch multiply float32 on a CPU by whatever is fastest: some processors round inputs to bfloat16 and add up
    in float32 (Intel's AMX), on others it only takes other instructions. On other devices nothing changes."""
    if device.type != "cpu" or os.environ.get(SWITCH) == "float32":
        yield
        return
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


@cache
def has_tiles() -> bool:
    """Whether the processor multiplies tiles of bfloat16 and adds up in float32: four times as fast as our C."""
    return bool(torch.cpu.get_capabilities().get("amx_bf16"))


def rounded_to(device: torch.device) -> str:
    """What `rough_products` may round to here: "bfloat16" or "float32"."""
    rounds = device.type == "cpu" and has_tiles() and os.environ.get(SWITCH) != "float32"
    return "bfloat16" if rounds else "float32"
