"""Where the time of pruning goes on a GPU: the product's steps, watched from outside, with events in its stream."""

import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

import torch

from pipeline import methods, stream

PHASES = ("setup", "first pass", "statistics", "update", "second pass", "copies", "rest")


@dataclass
class Phases:
    """Seconds and the host's waits by phase. A phase inside another one counts for itself alone."""

    device: Any
    waited: list[Any]
    spans: list[tuple[str, Any, Any, int]] = field(default_factory=list)
    open: list[str] = field(default_factory=list)
    since: tuple[Any, int] | None = None

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        self._turn()
        self.open.append(name)
        try:
            yield
        finally:
            self._turn()
            self.open.pop()

    def _turn(self) -> None:
        """The span that ends here goes to the phase that is open."""
        now = self._now(), len(self.waited)
        if self.since is not None:
            name = self.open[-1] if self.open else "rest"
            self.spans.append((name, self.since[0], now[0], now[1] - self.since[1]))
        self.since = now

    def _now(self) -> Any:
        if self.device.type != "cuda":
            return time.perf_counter()
        event = torch.cuda.Event(enable_timing=True)
        event.record()
        return event

    def totals(self) -> tuple[dict[str, float], dict[str, int]]:
        """After the device has come to its end."""
        seconds, waits = dict.fromkeys(PHASES, 0.0), dict.fromkeys(PHASES, 0)
        for name, start, stop, n_waits in self.spans:
            seconds[name] += start.elapsed_time(stop) / 1000 if self.device.type == "cuda" else stop - start
            waits[name] += n_waits
        return seconds, waits


@contextmanager
def waits(on_gpu: bool) -> Iterator[list[Any]]:
    """While open, torch warns whenever the host waits. The warnings."""
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("ignore")
        warnings.filterwarnings("always", message=".*synchronizing")
        if on_gpu:
            torch.cuda.set_sync_debug_mode("warn")
        try:
            yield found
        finally:
            if on_gpu:
                torch.cuda.set_sync_debug_mode("default")


@contextmanager
def watched(phases: Phases, spec: Any) -> Iterator[None]:
    """While open, the product's steps tell which phase they are."""
    method: Any = methods.load(spec.name)
    kind, resident = method.Statistics, stream.resident

    def within(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def called(*arguments: Any, **keywords: Any) -> Any:
            with phases.phase(name):
                return function(*arguments, **keywords)

        return called

    def passing(name: str, function: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[Any]]:
        def passes(*arguments: Any) -> Iterator[Any]:
            with phases.phase(name):
                yield from function(*arguments)

        return passes

    @contextmanager
    def moved(*arguments: Any) -> Iterator[Any]:
        there: AbstractContextManager[Any] = resident(*arguments)
        found = within("copies", there.__enter__)()
        try:
            yield found
        finally:
            within("copies", there.__exit__)(*sys.exc_info())

    counted = type("Watched", (kind,), {"add": within("statistics", kind.add)})
    walk = stream.BlockStream
    with (
        patch.object(method, "Statistics", counted),
        patch.object(method, "prune", within("update", method.prune)),
        patch.object(walk, "__init__", within("setup", walk.__init__)),
        patch.object(walk, "run", passing("first pass", walk.run)),
        patch.object(walk, "advance", passing("second pass", walk.advance)),
        patch.object(stream, "resident", moved),
    ):
        yield
