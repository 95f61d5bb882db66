"""Weights that pruning changes, in a file that the system pages in and out: memory is for what is worked on.

The file has no name, so that a process that is killed leaves nothing behind.

tensor legend: rows x columns (of a weight)
"""

import errno
import mmap
import os
import shutil
import sys
import tempfile
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

LINE = 64
"""Bytes of a cache line. A weight lies in its line as its twin does in the checkpoint: matrix products may round
differently at another place, and an unchanged weight must give unchanged numbers."""


class Scratch:
    """Room for tensors of `size` bytes together, a LINE more for each, on the disk of `folder`.

    Raises OSError where there is no room: it is taken at once, because a mapped file that finds a full disk later
    kills the process.
    """

    def __init__(self, folder: Path, size: int) -> None:
        free = shutil.disk_usage(folder).free
        if free < size:
            told = (
                f"the weights that pruning changes need {size / 1e6:,.0f} MB on disk, {free / 1e6:,.0f} MB are free"
            )
            raise OSError(errno.ENOSPC, told, str(folder))
        with tempfile.TemporaryFile(dir=folder) as file:  # without a name: a kill leaves nothing behind
            if sys.platform == "linux":
                os.posix_fallocate(file.fileno(), 0, size)
            else:
                file.truncate(size)
            self._bytes = torch.frombuffer(mmap.mmap(file.fileno(), size), dtype=torch.uint8)
        self._end = 0

    def copy(self, weight: Float[Tensor, "rows columns"]) -> Float[Tensor, "rows columns"]:
        """A copy of a weight that may be written to. Raises ValueError when the room is used up."""
        place = weight.data_ptr() % LINE
        if place % weight.itemsize:  # some checkpoints begin a tensor anywhere
            place = 0
        start = self._end + (place - self._bytes.data_ptr() - self._end) % LINE
        self._end = start + weight.nbytes
        if self._end > len(self._bytes):
            raise ValueError(f"{len(self._bytes)} bytes of scratch are not enough for another {weight.nbytes}")
        return self._bytes[start : self._end].view(weight.dtype).view(weight.shape).copy_(weight)


def apart(weight: Float[Tensor, "rows columns"]) -> Float[Tensor, "rows columns"]:
    """The same memory as a storage of its own: tensors that share one are copied when transformers saves a model."""
    own = torch.from_numpy(weight.detach().view(torch.uint8).numpy())
    return own.view(weight.dtype)
