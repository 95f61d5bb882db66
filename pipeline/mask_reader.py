"""Reading masks.safetensors without torch and without copying: bits are mapped from disk and looked at in parts."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import UInt8


@dataclass(frozen=True, eq=False)
class MappedMask:
    """The packed bits of one linear's mask (1 = removed)."""

    shape: tuple[int, int]
    bits: UInt8[np.ndarray, " bytes"]


def mapped_masks(path: Path) -> dict[str, MappedMask]:
    """The masks of a file by the linears' dotted paths. Raises ValueError for a damaged file."""
    try:
        data = np.memmap(path, dtype=np.uint8, mode="r")
        length = int.from_bytes(data[:8].tobytes(), "little")
        header = json.loads(data[8 : 8 + length].tobytes())
        shapes = header.pop("__metadata__", {})
        masks = {}
        for name, entry in header.items():
            rows, columns = json.loads(shapes[name])
            start, end = entry["data_offsets"]
            bits = data[8 + length + start : 8 + length + end]
            if len(bits) != (rows * columns + 7) // 8:
                raise ValueError(f"{path}: '{name}' has {len(bits)} bytes for a mask of {rows} x {columns}")
            masks[name] = MappedMask((rows, columns), bits)
    except (OSError, KeyError, TypeError, json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: not a mask file: {error}") from None
    return masks
