"""The next block's weights on their way to the accelerator, and changed ones home, while the current block computes.

A thread copies them, mapped from disk or in host memory as they are, into pinned memory piece by piece, and sends
each piece on by a stream beside the current one. Who takes a weight has the current stream wait for it: the host
waits for the thread alone. Home it goes the other way round.
"""

import logging
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from threading import Event
from typing import Any

import torch
from torch import Tensor, nn

from pipeline.lane import CudaLane, Lane, Stages, pieces
from pipeline.residence import Moved, free_bytes

SHARE = 0.25
"""Of an accelerator's free memory that the next block may take; a larger one is copied when its turn comes."""

log = logging.getLogger(__name__)


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
    """One block's weights, on their way to `device` or there, and another's coming home. On a CPU it does nothing.

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
        self._versions: dict[int, int] = {}
        self._coming: Future[None] | None = None

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
        data = {key: home.data for key, home in self._homes.items()}
        self._arriving = self._thread().submit(_fetch, self._lane, self._device, data, self._unwanted)

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

    def bring_home(self, moved: Iterable[Moved]) -> None:
        """Begin to copy what was written to back to where it was before, as it is now."""
        changed = [one for one in moved if one.changed and _alike(one.parameter, one.home)]
        if self._lane is None or not changed:
            return
        self._versions = {id(one.parameter): one.parameter._version for one in changed}
        self._lane.follow()
        pairs = [(one.parameter.data, one.home) for one in changed]
        self._coming = self._thread().submit(_bring_home, self._lane, pairs)

    def is_home(self, parameter: nn.Parameter) -> bool:
        """Whether the parameter as it is now was brought home. Waits for what is on its way."""
        version = self._versions.pop(id(parameter), None)
        if version is None or self._coming is None:
            return False
        if (error := self._coming.exception()) is not None:
            log.warning("changed weights could not be brought home meanwhile: %s", error)
        return error is None and parameter._version == version

    def _thread(self) -> ThreadPoolExecutor:
        self._worker = self._worker or ThreadPoolExecutor(1, "prefetch")
        return self._worker

    def drop(self) -> None:
        """Let go of what was fetched and not taken."""
        self._unwanted.set()
        self._block, self._homes, self._arriving = None, {}, None


def _alike(a: Tensor, b: Tensor) -> bool:
    """Whether copying bytes will do."""
    return a.dtype == b.dtype and a.shape == b.shape and a.is_contiguous() and b.is_contiguous()


def _fetch(
    lane: Lane, device: torch.device, data: dict[int, Tensor], unwanted: Event
) -> tuple[dict[int, Tensor], Any]:
    """In the thread: the copies, and the mark behind the last one."""
    found: dict[int, Tensor] = {}
    with lane.entered():
        stages = Stages(lane)
        for key, home in data.items():
            found[key] = torch.empty_like(home, device=device)
            for source, target in pieces(home, found[key]):
                if unwanted.is_set():
                    return {}, None
                stages.send(source, target)
        return found, lane.mark()


def _bring_home(lane: Lane, changed: list[tuple[Tensor, Tensor]]) -> None:
    """In the thread: those there to those at home."""
    with lane.entered():
        stages = Stages(lane)
        for there, home in changed:
            for source, target in pieces(there, home):
                stages.receive(source, target)
