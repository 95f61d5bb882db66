"""Hidden states of a text between two blocks: one buffer, which each block overwrites in place.

Where blocks run on an accelerator the buffer lies there too, if those of a walk and its twins take no more than a
quarter of its free memory; else in pinned host memory, and batches go there and back in the order of the device's
stream, while the host goes on.

tensor legend: sequences x length (tokens) of the whole text, batch x positions of a part of it, features
"""

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from pipeline.residence import free_bytes

SHARE = 0.25
"""Of an accelerator's free memory, for the hidden states of a walk and its twins. The rest is for two blocks, the
statistics of one, and a batch inside it."""

log = logging.getLogger(__name__)


@dataclass
class _Room:
    """Bytes of an accelerator's memory that a walk and its twins may still fill."""

    n_bytes: float

    def take(self, n_bytes: int) -> bool:
        """Whether so many were left. They are taken then."""
        fits = n_bytes <= self.n_bytes
        self.n_bytes -= n_bytes if fits else 0
        return fits


class Hidden:
    """The buffer, empty at first, for blocks that run on `device`."""

    def __init__(
        self, shape: Sequence[int], dtype: torch.dtype, device: torch.device, room: _Room | None = None
    ) -> None:
        self._device, self._room = device, room or _Room(SHARE * free_bytes(device))
        self._states, self._pinned = _empty(tuple(shape), dtype, device, self._room)

    @property
    def n_features(self) -> int:
        return self._states.shape[-1]

    def copy(self) -> "Hidden":
        """Another one with the same states."""
        self.settle()
        other = Hidden(self._states.shape, self._states.dtype, self._device, self._room)
        other._states.copy_(self._states)
        return other

    def read(self, rows: slice) -> Float[Tensor, "batch length features"]:
        """Some sequences, on the device: a view where the buffer lies there, else a copy."""
        return self._states[rows].to(self._device, non_blocking=self._pinned)

    def write(self, rows: slice, states: Float[Tensor, "batch length features"]) -> None:
        """Overwrite some sequences."""
        self._states[rows].copy_(states, non_blocking=self._pinned)

    def part(self, rows: slice, positions: slice) -> Float[Tensor, "batch positions features"]:
        """Some positions of some sequences, on the device. What was written before must have settled."""
        return self._states[rows, positions].to(self._device)

    def settle(self) -> None:
        """Wait until what was written is there. Needed before the host reads: nothing else waits."""
        if self._pinned:
            torch.cuda.synchronize(self._device)

    def version(self) -> int:
        """How often it was written to; tensors made in inference mode don't count."""
        return 0 if self._states.is_inference() else self._states._version


def _empty(shape: tuple[int, ...], dtype: torch.dtype, device: torch.device, room: _Room) -> tuple[Tensor, bool]:
    """A buffer on the device or, for a GPU that has no room, in pinned host memory (True)."""
    if room.take(math.prod(shape) * dtype.itemsize):
        try:
            return torch.empty(shape, dtype=dtype, device=device), False
        except torch.OutOfMemoryError as error:
            log.info("hidden states lie in host memory: %s", error)
    pinned = device.type == "cuda"
    return torch.empty(shape, dtype=dtype, pin_memory=pinned), pinned
