"""A stream beside the one that computes, for copies between an accelerator and memory that is not pinned."""

from contextlib import AbstractContextManager
from itertools import cycle
from typing import Any, Protocol

import torch
from torch import Tensor

PIECE, N_PIECES = 2**25, 2
"""Bytes of pinned memory: one piece is filled while another is on its way."""


class Lane(Protocol):
    """A stream beside the current one: all that is asked of CUDA is asked here. A mark is a point in the stream."""

    def entered(self) -> AbstractContextManager[Any]:
        """While open, this thread's memory and copies are the lane's."""

    def pinned(self, n_bytes: int) -> Tensor:
        """Host memory to copy from and to."""

    def copy(self, target: Tensor, source: Tensor) -> None:
        """Have it copied, in the order of the lane. One of the two is pinned."""

    def mark(self) -> Any:
        """After all that was asked for."""

    def follow(self) -> None:
        """What is asked for from now on comes after all that the current stream was asked for. The host goes on."""

    def wait(self, mark: Any) -> None:
        """Until the lane has come to a mark."""

    def hand_over(self, mark: Any, tensor: Tensor) -> None:
        """The current stream, not the host, waits for the mark; from then on it has the tensor's memory too."""


class CudaLane:
    """A lane of a GPU's."""

    def __init__(self, device: torch.device) -> None:
        self._device, self._stream = device, torch.cuda.Stream(device)

    def entered(self) -> AbstractContextManager[Any]:
        return torch.cuda.stream(self._stream)

    def pinned(self, n_bytes: int) -> Tensor:
        return torch.empty(n_bytes, dtype=torch.uint8, pin_memory=True)

    def copy(self, target: Tensor, source: Tensor) -> None:
        target.copy_(source, non_blocking=True)

    def mark(self) -> torch.cuda.Event:
        return self._stream.record_event()

    def follow(self) -> None:
        self._stream.wait_stream(torch.cuda.current_stream(self._device))

    def wait(self, mark: torch.cuda.Event) -> None:
        mark.synchronize()

    def hand_over(self, mark: torch.cuda.Event, tensor: Tensor) -> None:
        current = torch.cuda.current_stream(self._device)
        current.wait_event(mark)
        tensor.record_stream(current)


class Stages:
    """Pinned memory that tensors pass through, piece by piece. Used with the lane entered."""

    def __init__(self, lane: Lane) -> None:
        self._lane = lane
        self._memory = cycle([lane.pinned(PIECE) for _ in range(N_PIECES)])
        self._marks: list[Any] = []

    def send(self, source: Tensor, target: Tensor) -> None:
        """To the accelerator. Waits until the piece before the last one has left."""
        if len(self._marks) == N_PIECES:
            self._lane.wait(self._marks.pop(0))
        piece = next(self._memory)[: len(source)].copy_(source)
        self._lane.copy(target, piece)
        self._marks.append(self._lane.mark())

    def receive(self, source: Tensor, target: Tensor) -> None:
        """From the accelerator, when it is there."""
        piece = next(self._memory)[: len(source)]
        self._lane.copy(piece, source)
        self._lane.wait(self._lane.mark())
        target.copy_(piece)


def pieces(source: Tensor, target: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Two contiguous tensors of equal shape, as pairs of bytes."""
    parts = (tensor.view(-1).view(torch.uint8).split(PIECE) for tensor in (source, target))
    return list(zip(*parts, strict=True))
