"""Masks: which weights of a linear were removed, eight to a byte, in a safetensors file and as rows for the store.

A mask file holds one uint8 tensor a linear, named by its dotted path in the model, which is
`numpy.packbits(mask)` of the row-major mask (the first weight in the highest bit, 1 = removed); its metadata holds
"[rows, columns]" by the same name.

tensor legend: rows x columns (of a weight: outputs x inputs)
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, UInt8
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn
from torch.nn.functional import pad

from pipeline import doubts


@dataclass(frozen=True)
class PackedMask:
    """A mask, eight weights to a byte. Equal masks have equal bits: those behind the last weight are 0."""

    shape: tuple[int, int]
    bits: UInt8[np.ndarray, " bytes"]

    @property
    def n_weights(self) -> int:
        return self.shape[0] * self.shape[1]

    @property
    def n_removed(self) -> int:
        return int(np.bitwise_count(self.bits).sum(dtype=np.int64))

    @property
    def sha256(self) -> str:
        """Of the packed bytes."""
        return hashlib.sha256(self.bits.tobytes()).hexdigest()


@dataclass(frozen=True)
class MaskSummary:
    """A row of the store's mask_summary, but for its run. `linear` is named inside its block, `path` in the file."""

    block: int
    linear: str
    n_rows: int
    n_columns: int
    n_removed: int
    sha256: str
    path: str


def pack(mask: Bool[Tensor, "rows columns"]) -> PackedMask:
    """Pack a mask (True = removed)."""
    rows, columns = mask.shape
    return PackedMask((rows, columns), eighths(mask).cpu().numpy())


def eighths(mask: Bool[Tensor, "rows columns"]) -> UInt8[Tensor, " bytes"]:
    """The bits of the packed mask, where the mask lies: an accelerator's need not be waited for."""
    if not doubts.waits(mask):
        return torch.from_numpy(np.packbits(mask.numpy()))
    flat = mask.flatten()
    bytewise = pad(flat.to(torch.uint8), (0, -len(flat) % 8)).view(-1, 8)
    places = torch.arange(7, -1, -1, dtype=torch.uint8, device=mask.device)
    return (bytewise << places).sum(dim=1, dtype=torch.uint8)


def unpack(packed: PackedMask) -> Bool[Tensor, "rows columns"]:
    """The mask that was packed."""
    flat = np.unpackbits(packed.bits, count=packed.n_weights)
    return torch.from_numpy(flat.reshape(packed.shape).view(bool))


def read_masks(path: Path) -> Iterator[tuple[str, PackedMask]]:
    """The masks of a file, in the order of its names. Raises ValueError for a damaged file."""
    try:
        with safe_open(path, framework="numpy") as file:
            shapes = file.metadata() or {}
            for name in file.keys():  # noqa: SIM118  a safetensors file is no mapping
                rows, columns = json.loads(shapes[name])
                packed = PackedMask((rows, columns), file.get_tensor(name))
                if (size := len(packed.bits)) != (packed.n_weights + 7) // 8:
                    raise ValueError(f"{path}: '{name}' has {size} bytes for a mask of {rows} x {columns}")
                yield name, packed
    except (SafetensorError, KeyError, json.JSONDecodeError) as error:
        raise ValueError(f"{path}: not a mask file: {error}") from None


@torch.no_grad()
def apply_masks(model: nn.Module, path: Path) -> int:
    """Set the removed weights of a dense model to 0: the pruned model, if the method left kept weights untouched.

    Returns how many were removed. Raises ValueError if a mask fits no linear of the model.
    """
    n_removed = 0
    linears = {name: module for name, module in model.named_modules() if isinstance(module, nn.Linear)}
    for name, packed in read_masks(path):
        if name not in linears or tuple(linears[name].weight.shape) != packed.shape:
            raise ValueError(f"{path}: '{name}' ({packed.shape[0]} x {packed.shape[1]}) is no linear of this model")
        weight = linears[name].weight
        weight.masked_fill_(unpack(packed).to(weight.device), 0)
        n_removed += packed.n_removed
    return n_removed
