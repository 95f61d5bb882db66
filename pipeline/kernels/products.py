"""Matrix products on a CPU: how their inputs may be rounded, and what its processor multiplies fastest."""

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import torch

SWITCH = "CALIB_EXPLORER_PRODUCTS"
"""Environment variable: "bfloat16" lets float32 inputs be rounded to it where that is faster, "float32" keeps to
torch's own way of multiplying. Without it torch takes the fastest way that rounds nothing."""


@contextmanager
def fast_products(device: torch.device, *, of_halves: bool = False) -> Iterator[None]:
    """Let torch multiply float32 on a CPU by whatever is fastest, where that rounds no inputs or is allowed to.

    of_halves: what is multiplied holds bfloat16, which rounding does not change. On other devices nothing changes.

    Some processors then round inputs to bfloat16 and add up in float32 (Intel's AMX, ARM's bf16); others only take
    other instructions. Rounded, Wanda and SparseGPT took 0.6 of the time, and SmolLM2's perplexities in seven
    languages differed from those of exact arithmetic by up to 4.5 %.
    """
    if device.type == "cpu" and (of_halves or rounded_to(device) == "bfloat16" or _rounds_nothing()):
        before = torch.get_float32_matmul_precision()
        torch.set_float32_matmul_precision("medium")
        try:
            yield
        finally:
            torch.set_float32_matmul_precision(before)
    else:
        yield


@cache
def has_tiles() -> bool:
    """Whether the processor multiplies tiles of bfloat16 and adds up in float32: four times as fast as our C."""
    return bool(torch.cpu.get_capabilities().get("amx_bf16"))


def rounded_to(device: torch.device) -> str:
    """What `fast_products` may round float32 to here: "bfloat16" or, not at all, "float32". Raises ValueError."""
    rounds = _asked() == "bfloat16" and device.type == "cpu" and _may_round()
    return "bfloat16" if rounds else "float32"


def _rounds_nothing() -> bool:
    return not _may_round() and _asked() != "float32"


def _may_round() -> bool:
    """Whether torch's "medium" rounds here: on x86 with tiles only; elsewhere that depends on more."""
    return has_tiles() or platform.machine().lower() not in ("x86_64", "amd64")


def _asked() -> str:
    asked = os.environ.get(SWITCH, "")
    if asked not in ("", "float32", "bfloat16"):
        raise ValueError(f"{SWITCH} is '{asked}'; it can be float32 or bfloat16, or not be set")
    return asked
