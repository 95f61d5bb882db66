"""Causal attention on a CPU in float32, up to twice as fast as torch's at the lengths of calibration text.

In tiles with a running maximum and sum: FlashAttention (Dao, Fu, Ermon, Rudra, Ré 2022, arXiv 2205.14135).

tensor legend: batch x heads x length x depth; groups: the heads of keys and values
"""

import ctypes
import math

import torch
from jaxtyping import Float
from torch import Tensor

from pipeline.kernels import tiles
from pipeline.kernels.compiler import address, library


def attend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor | None:
    """`torch.nn.functional.scaled_dot_product_attention`; None for what `causal_attention` cannot do, or does slower.

    Masks (a sliding window, say) are torch's, and bfloat16 where its own kernel has tiles.
    """
    every = (query, key, value)
    learning = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in every)
    plain = is_causal and attn_mask is None and dropout_p == 0 and not learning
    alike = all(t.device.type == "cpu" and t.dtype == query.dtype and t.dim() == 4 for t in every)
    ours = query.dtype == torch.float32 or (query.dtype == torch.bfloat16 and not tiles.has_tiles())
    if not (plain and alike and ours and key.shape == value.shape):
        return None
    batch, heads, length, depth = query.shape
    groups = key.shape[1]
    if key.shape != (batch, groups, length, depth) or heads % groups or (groups != heads and not enable_gqa):
        return None
    return causal_attention(query, key, value, 1 / math.sqrt(depth) if scale is None else scale)


def causal_attention(
    query: Float[Tensor, "batch heads length depth"],
    key: Float[Tensor, "batch groups length depth"],
    value: Float[Tensor, "batch groups length depth"],
    scale: float,
) -> Float[Tensor, "batch heads length depth"] | None:
    """softmax(scale Q K^T) V over each token and those before it, summed up in float32; the dtype of `query`.

    Query head h reads group h * groups // heads. A score that is no finite number makes its row NaN, where torch
    leaves out minus infinity. The same for any number of threads. None without a C compiler, and where it knows no
    OpenMP but torch would use more than two threads.
    """
    kernels = library("attention", "fast")
    if kernels is None or (torch.get_num_threads() > 2 and not kernels.attention_is_parallel()):
        return None
    batch, heads, length, depth = query.shape
    groups, threads = key.shape[1], torch.get_num_threads()
    wide = [_dense(tensor.float()) for tensor in (query, key, value)]
    out = torch.empty(batch, length, heads, depth, dtype=torch.float32, device=query.device)
    measure = kernels.attention_floats
    measure.restype = ctypes.c_long
    sizes = [ctypes.c_long(size) for size in (batch, groups, length, depth)]
    space = torch.empty(measure(*sizes, ctypes.c_int(threads)), dtype=torch.float32, device=query.device)
    strides = (ctypes.c_long * 9)(*(stride for tensor in wide for stride in tensor.stride()[:3]))
    kernels.attention(
        *map(address, wide), address(out), strides, sizes[0], ctypes.c_long(heads), *sizes[1:],
        ctypes.c_float(scale), address(space), ctypes.c_int(threads),
    )  # fmt: skip
    return out.to(query.dtype).transpose(1, 2)


def _dense(tensor: Tensor) -> Tensor:
    return tensor if tensor.stride(-1) == 1 else tensor.contiguous()
