"""X^T X with float32 accumulation, of float32 or half-precision inputs, added to a running sum.

tensor legend: tokens x columns (input features)
"""

import ctypes

import torch
from jaxtyping import Float
from torch import Tensor

from pipeline.kernels.compiler import address, library
from pipeline.kernels.products import fast_products, has_tiles

HALVES = (torch.bfloat16, torch.float16)


def add_gram(total: Float[Tensor, "columns columns"], inputs: Float[Tensor, "tokens columns"]) -> None:
    """total += inputs^T inputs, at least in the upper triangle; `mirror` fills in the rest.

    On a CPU bfloat16 goes through its tiles where it has some, else both by gram.c, which does half the
    multiplications. On a GPU halves go through the tensor cores as they are. Products of halves are exact in float32.
    Else inputs become float32.
    """
    if inputs.device.type == "cpu" and inputs.dtype == torch.bfloat16 and has_tiles():
        _add_by_tiles(total, inputs.float())
    elif inputs.device.type == "cpu" and (kernels := library("gram", "fast")) is not None:
        _add_on_cpu(kernels, total, inputs)
    elif inputs.device.type == "cuda" and inputs.dtype in HALVES:
        total += torch.mm(inputs.T, inputs, out_dtype=torch.float32)
    else:
        wide = inputs.float()
        total.addmm_(wide.T, wide)


def mirror(total: Float[Tensor, "columns columns"], step: int = 256) -> None:
    """Copy the upper triangle to the lower one, in place."""
    for start in range(0, len(total), step):
        stop = start + step
        corner = total[start:stop, start:stop]
        corner.copy_(corner.triu() + corner.triu(1).T)
        total[stop:, start:stop] = total[start:stop, stop:].T


def _add_by_tiles(total: Tensor, wide: Float[Tensor, "tokens columns"], panel: int = 512) -> None:
    """Of float32 that holds bfloat16: rounding what is multiplied changes nothing. Panels spare most of the lower
    triangle."""
    with fast_products(wide.device, of_halves=True):
        for start in range(0, len(total), panel):
            stop = start + panel
            total[start:stop, start:].addmm_(wide[:, start:stop].T, wide[:, start:])


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
