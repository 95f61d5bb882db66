"""Conditions on tensors that must hold. Reading one makes the host wait for an accelerator: there they are gathered
and read together, so that a whole block is pruned without a wait. On a CPU each is read where it stands.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

import torch
from jaxtyping import Bool
from torch import Tensor


@dataclass(frozen=True)
class Doubt:
    """Whether something holds, unread, and what to raise if it doesn't."""

    holds: Bool[Tensor, ""]
    error: Callable[[], Exception]


_GATHERED: ContextVar[list[Doubt] | None] = ContextVar("_GATHERED", default=None)


def require(holds: Bool[Tensor, ""], error: Callable[[], Exception]) -> None:
    """Raise the error unless it holds: now or, on an accelerator inside `gathering`, when that is settled.

    Until then what doesn't hold goes on: numbers may be wrong, but nothing may depend on them.
    """
    doubt, gathered = Doubt(holds, error), _GATHERED.get()
    if gathered is not None and waits(holds):
        gathered.append(doubt)
    elif not bool(holds):
        raise error()


@contextmanager
def gathering() -> Iterator[list[Doubt]]:
    """While open, what is required of an accelerator's tensors is put off into the list."""
    gathered: list[Doubt] = []
    token = _GATHERED.set(gathered)
    try:
        yield gathered
    finally:
        _GATHERED.reset(token)


def refuted(doubts: Mapping[str, Sequence[Doubt]]) -> Callable[[], tuple[str, Exception] | None]:
    """Read all doubts at once, when it is called: name and error of the first that does not hold, None if all do."""
    every = [(name, doubt) for name, own in doubts.items() for doubt in own]
    arrived = coming([torch.stack([doubt.holds for _, doubt in every])] if every else [])

    def first() -> tuple[str, Exception] | None:
        hold = [one for part in arrived() for one in part.tolist()]
        wrong = (named for named, holds in zip(every, hold, strict=True) if not holds)
        return next(((name, doubt.error()) for name, doubt in wrong), None)

    return first


def coming(tensors: Sequence[Tensor]) -> Callable[[], list[Tensor]]:
    """Send tensors to the host, which goes on, and waits for them when it calls for them."""
    arriving = [tensor.to("cpu", non_blocking=True) for tensor in tensors]
    mark = torch.cuda.current_stream().record_event() if any(tensor.is_cuda for tensor in tensors) else None

    def arrived() -> list[Tensor]:
        if mark is not None:
            mark.synchronize()
        return arriving

    return arrived


def waits(tensor: Tensor) -> bool:
    """Whether the host would wait to read a value of it."""
    return tensor.device.type != "cpu"
