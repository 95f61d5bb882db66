"""The next block's weights on their way to the accelerator while the current block computes.

A thread copies them, mapped from disk or in host memory as they are, into pinned memory piece by piece, and sends
each piece on by a stream beside the current one. Who takes a weight has the current stream wait for it: the host
waits for the thread alone.
"""

import logging
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import cycle
from threading import Event
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from pipeline.residence import free_bytes

PIECE, N_PIECES = 2**25, 2
"""Bytes of pinned memory: one piece is filled while another is on its way."""

SHARE = 0.25
"""Of an accelerator's free memory that the next block may take; a larger one is copied when its turn comes."""

log = logging.getLogger(__name__)


class Lane(Protocol):
    """A stream beside the current one: all that is asked of CUDA is asked here. A mark is a point in the stream."""

    def entered(self) -> AbstractContextManager[Any]:
        """While open, this thread's memory and copies are the lane's."""

    def pinned(self, n_bytes: int) -> Tensor:
        """Host memory to copy from."""

    def copy(self, there: Tensor, pinned: Tensor) -> None:
        """Have it copied, in the order of the lane."""

    def mark(self) -> Any:
        """After all that was asked for."""

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

    def copy(self, there: Tensor, pinned: Tensor) -> None:
        there.copy_(pinned, non_blocking=True)

    def mark(self) -> torch.cuda.Event:
        return self._stream.record_event()

    def wait(self, mark: torch.cuda.Event) -> None:
        mark.synchronize()

    def hand_over(self, mark: torch.cuda.Event, tensor: Tensor) -> None:
        current = torch.cuda.current_stream(self._device)
        current.wait_event(mark)
        tensor.record_stream(current)


@dataclass(frozen=True)
class _Home:
    """A parameter's data when the fetch began. Keeping them keeps their address from being given to others."""

    data: Tensor
    version: int

    def is_still(self, parameter: nn.Parameter) -> bool:
        """Whether the parameter has these very data, unchanged."""
        now = parameter.data
        same = now.data_ptr() == self.data.data_ptr() and now.shape == self.data.shape
        return same and now.dtype == self.data.dtype and parameter._version == self.version


class Prefetch:
    """One block's weights, on their way to `device` or there. On a CPU it does nothing.

    lane: a GPU has one of its own.
    """

    def __init__(self, device: torch.device, lane: Lane | None = None) -> None:
        self._device = device
        self._lane = CudaLane(device) if lane is None and device.type == "cuda" else lane
        self._worker: ThreadPoolExecutor | None = None
        self._block: nn.Module | None = None
        self._homes: dict[int, _Home] = {}
        self._arriving: Future[tuple[dict[int, Tensor], Any]] | None = None
        self._unwanted = Event()

    def start(self, block: nn.Module) -> None:
        """Begin to fetch a block's weights, as they are now, if there is room. Asked again, it goes on."""
        if self._lane is None or block is self._block:
            return
        self.drop()
        chosen = [weight for weight in block.parameters() if weight.device.type == "cpu" and weight.is_contiguous()]
        if sum(weight.nbytes for weight in chosen) > SHARE * free_bytes(self._device):
            return
        self._block = block
        self._homes = {id(weight): _Home(weight.data, weight._version) for weight in chosen}
        self._unwanted = Event()
        self._worker = self._worker or ThreadPoolExecutor(1, "prefetch")
        data = {key: home.data for key, home in self._homes.items()}
        self._arriving = self._worker.submit(_fetch, self._lane, self._device, data, self._unwanted)

    def take(self, parameter: nn.Parameter) -> Tensor | None:
        """The parameter's data on the device, once; None where they were not fetched, or are others by now."""
        home = self._homes.pop(id(parameter), None)
        if home is None or not home.is_still(parameter) or self._arriving is None or self._lane is None:
            return None
        try:
            found, mark = self._arriving.result()
        except RuntimeError as error:  # no memory, pinned or there
            log.warning("the next block could not be fetched ahead: %s", error)
            self.drop()
            return None
        there = found.pop(id(parameter))
        self._lane.hand_over(mark, there)
        return there

    def drop(self) -> None:
        """Let go of what was fetched and not taken."""
        self._unwanted.set()
        self._block, self._homes, self._arriving = None, {}, None


def _fetch(
    lane: Lane, device: torch.device, data: dict[int, Tensor], unwanted: Event
) -> tuple[dict[int, Tensor], Any]:
    """In the thread: the copies, and the mark behind the last one."""
    found: dict[int, Tensor] = {}
    with lane.entered():
        stages = cycle([_Stage(lane) for _ in range(N_PIECES)])
        for key, home in data.items():
            found[key] = torch.empty_like(home, device=device)
            parts = (tensor.view(-1).view(torch.uint8).split(PIECE) for tensor in (home, found[key]))
            for source, target in zip(*parts, strict=True):
                if unwanted.is_set():
                    return {}, None
                next(stages).send(source, target)
        return found, lane.mark()


class _Stage:
    """Pinned memory that pieces pass through."""

    def __init__(self, lane: Lane) -> None:
        self._lane, self._memory = lane, lane.pinned(PIECE)
        self._mark: Any = None

    def send(self, source: Tensor, target: Tensor) -> None:
        """Copy a piece. Waits until the one before has left."""
        if self._mark is not None:
            self._lane.wait(self._mark)
        piece = self._memory[: len(source)].copy_(source)
        self._lane.copy(target, piece)
        self._mark = self._lane.mark()
