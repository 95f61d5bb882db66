"""X^T X and its diagonal, summed up in float32, of float32 or half-precision inputs.

tensor legend: tokens x columns (input features)
"""

import ctypes

import torch
from jaxtyping import Float
from torch import Tensor

from pipeline.kernels import tiles
from pipeline.kernels.compiler import address, library
from pipeline.kernels.products import pairs_allowed

HALVES = (torch.bfloat16, torch.float16)


def add_gram(total: Float[Tensor, "columns columns"], inputs: Float[Tensor, "tokens columns"]) -> None:
    """total += inputs^T inputs, at least in the upper triangle; `mirror` fills in the rest.

    On a CPU by tiles (bfloat16, and float32 where pairs are allowed) or by gram.c: both do half the multiplications.
    On a GPU halves go through the tensor cores as they are. Products of halves are exact in float32. Else, and where
    there is no C compiler, inputs become float32.
    """
    if inputs.device.type == "cpu" and _by_tiles(inputs.dtype):
        tiles.add_gram(total, inputs)
    elif inputs.device.type == "cpu" and (kernels := library("gram", "fast")) is not None:
        _add_on_cpu(kernels, total, inputs)
    elif inputs.device.type == "cuda" and inputs.dtype in HALVES:
        total += torch.mm(inputs.T, inputs, out_dtype=torch.float32)
    else:
        wide = inputs.float()
        total.addmm_(wide.T, wide)


def square_sums(inputs: Float[Tensor, "tokens columns"]) -> Float[Tensor, " columns"]:
    """The sum of each column's squares, in float32: the diagonal of inputs^T inputs."""
    kernels = library("gram", "fast") if inputs.device.type == "cpu" else None
    if kernels is None or inputs.dtype not in (torch.float32, torch.bfloat16):
        wide = inputs.float()
        return torch.mul(wide, wide).sum(dim=0)
    inputs = inputs.contiguous()
    n_tokens, n_columns = inputs.shape
    sums = torch.empty(n_columns, dtype=torch.float32, device=inputs.device)
    function = kernels.squares_float32 if inputs.dtype == torch.float32 else kernels.squares_bfloat16
    sizes = ctypes.c_long(n_tokens), ctypes.c_long(n_columns)
    function(address(inputs), *sizes, address(sums), ctypes.c_int(torch.get_num_threads()))
    return sums


def mirror(total: Float[Tensor, "columns columns"], step: int = 256) -> None:
    """Copy the upper triangle to the lower one, in place."""
    for start in range(0, len(total), step):
        stop = start + step
        corner = total[start:stop, start:stop]
        corner.copy_(corner.triu() + corner.triu(1).T)
        total[stop:, start:stop] = total[start:stop, stop:].T


def _by_tiles(dtype: torch.dtype) -> bool:
    return (dtype == torch.bfloat16 and tiles.kernels() is not None) or (dtype == torch.float32 and pairs_allowed())


def _add_on_cpu(kernels: ctypes.CDLL, total: Tensor, inputs: Tensor) -> None:
    narrow = inputs.dtype == torch.bfloat16
    inputs = (inputs if narrow else inputs.float()).contiguous()
    n_tokens, n_columns = inputs.shape
    measure = kernels.gram_panel_bytes
    measure.restype, measure.argtypes = ctypes.c_long, [ctypes.c_long]
    space = torch.empty(measure(n_columns) // 4, dtype=torch.float32)
    function = kernels.gram_bfloat16 if narrow else kernels.gram_float32
    sizes = ctypes.c_long(n_tokens), ctypes.c_long(n_columns)
    function(address(inputs), *sizes, address(total), address(space), ctypes.c_int(torch.get_num_threads()))
