"""Products by Intel's AMX, whose tiles multiply bfloat16: a float32 goes in as the sum of two (tiles.c).

tensor legend: tokens x columns (input features)
"""

import ctypes
from functools import cache

import torch
from jaxtyping import Float
from torch import Tensor

from pipeline.kernels.compiler import address, library

FEWEST = 32
"""Rows below which packing a weight would take longer than multiplying by it."""


@cache
def has_tiles() -> bool:
    """Whether the processor has tiles that multiply bfloat16 and add up in float32."""
    return bool(torch.cpu.get_capabilities().get("amx_bf16"))


@cache
def kernels() -> ctypes.CDLL | None:
    """The compiled products. None without tiles, a compiler that knows them and OpenMP, or the system's leave."""
    found = library("tiles", "fast") if has_tiles() else None
    return found if found is not None and found.tiles_ready() else None


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor | None:
    """`torch.nn.functional.linear` of float32 with 16 significant bits of each factor; None for what it is not for.

    input: ... x inputs, weight: outputs x inputs, bias: outputs. Infinities become NaN.
    The same for any number of threads.
    """
    if not input.dim() or not weight.numel():
        return None
    library, threads = kernels(), torch.get_num_threads()
    every = [input, weight, *([] if bias is None else [bias])]
    learning = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in every)
    plain = all(tensor.device.type == "cpu" and tensor.dtype == torch.float32 for tensor in every)
    if library is None or learning or not plain or weight.dim() != 2 or input.shape[-1] != weight.shape[1]:
        return None
    n_outputs, depth = weight.shape
    rows = input.reshape(-1, depth).contiguous()
    if len(rows) < FEWEST:
        return None
    weight = weight.contiguous()
    measure = library.product_floats
    measure.restype = ctypes.c_long
    sizes = ctypes.c_long(len(rows)), ctypes.c_long(depth)
    out, space = rows.new_empty(len(rows), n_outputs), rows.new_empty(measure(*sizes, ctypes.c_long(threads)))
    library.product(
        address(rows), *sizes, address(weight), ctypes.c_long(n_outputs), address(out), address(space),
        ctypes.c_int(threads),
    )  # fmt: skip
    if bias is not None:
        out += bias
    return out.view(*input.shape[:-1], n_outputs)


def add_gram(total: Float[Tensor, "columns columns"], inputs: Float[Tensor, "tokens columns"]) -> None:
    """total += inputs^T inputs, at least in the upper triangle.

    Products of bfloat16 are exact; a float32 counts with 16 significant bits. Raises RuntimeError without `kernels`.
    """
    library, threads = kernels(), torch.get_num_threads()
    if library is None or inputs.dtype not in (torch.float32, torch.bfloat16):
        raise RuntimeError(f"no tiles for a Gram matrix of {inputs.dtype}")
    inputs, parts = inputs.contiguous(), 2 if inputs.dtype == torch.float32 else 1
    n_tokens, n_columns = inputs.shape
    measure = library.gram_floats
    measure.restype = ctypes.c_long
    space = total.new_empty(measure(ctypes.c_long(n_columns), ctypes.c_int(parts)))
    library.gram(
        address(inputs), ctypes.c_long(n_tokens), ctypes.c_long(n_columns), address(total), address(space),
        ctypes.c_int(parts), ctypes.c_int(threads),
    )  # fmt: skip
