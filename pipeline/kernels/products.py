"""How float32 may be multiplied on a CPU, and what its processor then does fastest."""

import os
import platform
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch.nn.functional import linear, scaled_dot_product_attention
from torch.overrides import TorchFunctionMode

from pipeline.kernels import attention, tiles

SWITCH = "CALIB_EXPLORER_PRODUCTS"
"""Environment variable: "bfloat16" lets float32 inputs be rounded to it where that is faster, "float32" has them
multiplied as they are. If it is not set, they keep at least 16 significant bits."""

WORDS = ("", "float32", "bfloat16")
"""What it can be; "": not set."""


@contextmanager
def fast_products(device: torch.device, dtype: torch.dtype) -> Iterator[None]:
    """On a CPU, linears and causal attention of `dtype` take what is fastest and allowed. Elsewhere nothing changes.

    Intel's AMX multiplies bfloat16: a float32 as a pair of them (`tiles`) or, asked to round, as one; ARM may round
    too. Other processors only take other instructions, and round nothing. Rounded, SmolLM2's perplexities in seven
    languages differed from those of exact arithmetic by up to 4.5 %. Where torch's own are the fastest (bfloat16 on
    AMX), nothing stands between it and the block: that took 3 % of the time. Raises ValueError for another word in
    SWITCH.
    """
    if device.type != "cpu":
        yield
        return
    products, before = products_of(device), torch.get_float32_matmul_precision()
    if products == "bfloat16" or (_asked() != "float32" and not _may_round()):
        torch.set_float32_matmul_precision("medium")
    try:
        with _FastOperations(products) if dtype == torch.float32 or not tiles.has_tiles() else nullcontext():
            yield
    finally:
        torch.set_float32_matmul_precision(before)


def products_of(device: torch.device) -> str:
    """What `fast_products` takes for a float32 here: "float32", "bfloat16 pairs" or "bfloat16". Raises ValueError."""
    return _products(device, _asked())


def word_for(products: str, device: torch.device) -> str | None:
    """The word in SWITCH that makes `products_of` say `products` here; None where none does."""
    return next((word for word in WORDS if _products(device, word) == products), None)


def pairs_allowed() -> bool:
    """Whether float32 may be multiplied as pairs of bfloat16, and the processor can. (Gram matrices are, too, where
    linears may round to one.) Raises ValueError."""
    return _pairs(_asked())


class _FastOperations(TorchFunctionMode):
    """While it is entered, torch's functions give way to ours where those can do it. Sums come in another order."""

    def __init__(self, products: str) -> None:
        super().__init__()
        self.pairs = products == "bfloat16 pairs"

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs, found = kwargs or {}, None
        if func is scaled_dot_product_attention:
            found = attention.attend(*args, **kwargs)
        elif func is linear and self.pairs:
            found = tiles.linear(*args, **kwargs)
        return func(*args, **kwargs) if found is None else found


def _products(device: torch.device, asked: str) -> str:
    if device.type == "cpu" and asked == "bfloat16" and _may_round():
        return "bfloat16"
    return "bfloat16 pairs" if device.type == "cpu" and _pairs(asked) else "float32"


def _pairs(asked: str) -> bool:
    return asked != "float32" and tiles.kernels() is not None


def _may_round() -> bool:
    """Whether torch's "medium" rounds here: on x86 with tiles only; elsewhere that depends on more."""
    return tiles.has_tiles() or platform.machine().lower() not in ("x86_64", "amd64")


def _asked() -> str:
    asked = os.environ.get(SWITCH, "")
    if asked not in WORDS:
        raise ValueError(f"{SWITCH} is '{asked}'; it can be float32 or bfloat16, or not be set")
    return asked
