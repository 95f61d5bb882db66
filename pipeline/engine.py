"""Where units of work run: one small interface, and the engine of one machine (plain subprocess workers).

The driver decides on retries; an engine only moves what a unit's generator yields.
"""

import importlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

Kind = Literal["started", "progress", "said", "done", "failed", "died"]


@dataclass(frozen=True)
class Unit:
    """One piece of work. `task` names an importable generator function, "pipeline.execute:execute".

    affinity: units of equal affinity prefer the worker that ran the last one (its model is loaded there).
    """

    key: str
    task: str
    args: Mapping[str, Any]
    affinity: str = ""

    def start(self) -> Iterator[Any]:
        """The generator, not yet begun."""
        module, _, name = self.task.partition(":")
        generator: Iterator[Any] = getattr(importlib.import_module(module), name)(**self.args)
        return generator


@dataclass(frozen=True)
class Failure:
    """An exception in a worker, in words: the class, one line, the traceback."""

    kind: str
    message: str
    traceback: str = ""


@dataclass(frozen=True)
class Said:
    """What the pipeline's own modules logged during a unit; a warning is for people, once."""

    text: str
    warning: bool


@dataclass(frozen=True)
class Told:
    """Progress of one of the runs that a unit does."""

    run_id: str
    data: Any


@dataclass(frozen=True)
class Ended:
    """One of the runs that a unit does is done, or has failed; the unit goes on with the others."""

    run_id: str
    failure: Failure | None = None


@dataclass(frozen=True)
class Event:
    """What happened to a unit. `data`: what the generator yielded (progress), Said, a Failure (failed), or a reason
    (died)."""

    key: str
    kind: Kind
    data: Any = None


@runtime_checkable
class Engine(Protocol):
    """A place to run units."""

    def width(self) -> int:
        """Units worth having in flight now."""

    def submit(self, unit: Unit) -> None:
        """Start a unit. At most width() may be in flight."""

    def poll(self, timeout: float) -> list[Event]:
        """What happened since; waits up to `timeout` seconds for the first event."""

    def cancel(self, key: str) -> None:
        """Stop a unit politely; its end is reported as an event."""

    def close(self, grace: float = 5.0) -> None:
        """Stop everything: politely, and after `grace` seconds by force."""


@dataclass
class _Worker:
    """A worker process and our end of its pipe."""

    process: subprocess.Popen[bytes]
    connection: Connection
    unit: Unit | None = None
    affinity: str = ""


@dataclass
class LocalEngine:
    """Workers of this machine, each a process in a group of its own, started when first needed."""

    workers: int
    environment: Mapping[str, str]
    log: Path
    _slots: list[_Worker | None] = field(default_factory=list)

    def width(self) -> int:
        return self.workers

    def submit(self, unit: Unit) -> None:
        worker = self._free(unit.affinity)
        worker.unit, worker.affinity = unit, unit.affinity
        with suppress(OSError):  # it died just now: poll reports that
            worker.connection.send(unit)

    def poll(self, timeout: float) -> list[Event]:
        busy = {w.connection: w for w in self._slots if w is not None and w.unit is not None}
        if not busy:
            time.sleep(timeout)
            return []
        events = []
        for connection in wait(list(busy), timeout):
            assert isinstance(connection, Connection)
            events += self._receive(busy[connection])
        return events

    def cancel(self, key: str) -> None:
        for worker in self._slots:
            if worker is not None and worker.unit is not None and worker.unit.key == key:
                worker.process.terminate()

    def close(self, grace: float = 5.0) -> None:
        workers = [worker for worker in self._slots if worker is not None]
        for worker in workers:
            worker.process.terminate()
        deadline = time.monotonic() + grace
        for worker in workers:
            with suppress(subprocess.TimeoutExpired):
                worker.process.wait(max(0.0, deadline - time.monotonic()))
            _kill_group(worker.process)
            worker.connection.close()
        self._slots.clear()

    def _free(self, affinity: str) -> _Worker:
        """An idle worker: the one that knows `affinity`, else a new one, else any."""
        for index, slot in enumerate(self._slots):
            if slot is not None and slot.unit is None and slot.process.poll() is not None:
                slot.connection.close()  # died while idle
                self._slots[index] = None
        idle = [worker for worker in self._slots if worker is not None and worker.unit is None]
        for worker in idle:
            if worker.affinity == affinity:
                return worker
        if len(self._slots) < self.workers:
            self._slots.append(worker := self._spawn(len(self._slots)))
            return worker
        for index, slot in enumerate(self._slots):
            if slot is None:
                self._slots[index] = worker = self._spawn(index)
                return worker
        assert idle, "more units in flight than workers"
        return idle[0]

    def _spawn(self, index: int) -> _Worker:
        ours, theirs = Pipe()
        command = [sys.executable, "-m", "pipeline.worker", str(theirs.fileno()), str(os.getpid())]
        with self.log.with_name(f"worker-{index}.log").open("ab") as log:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=dict(self.environment),
                pass_fds=[theirs.fileno()],
                process_group=0,  # Ctrl-C in the terminal reaches the driver only
            )
        theirs.close()
        return _Worker(process, ours)

    def _receive(self, worker: _Worker) -> list[Event]:
        assert worker.unit is not None
        key = worker.unit.key
        events: list[Event] = []
        try:
            while worker.connection.poll():
                kind, data = worker.connection.recv()
                events.append(Event(key, kind, data))
                if kind in ("done", "failed"):
                    worker.unit = None
                    break
        except (EOFError, OSError):
            self._slots[self._slots.index(worker)] = None
            worker.connection.close()
            events.append(Event(key, "died", _last_words(worker.process)))
        return events


def _last_words(process: subprocess.Popen[bytes]) -> str:
    """How a process ended, in words. Its group is swept so that no child of it stays."""
    try:
        code = process.wait(2.0)
    except subprocess.TimeoutExpired:
        code = -signal.SIGKILL
    _kill_group(process)
    if code == -signal.SIGKILL:
        return "killed by signal SIGKILL (the system kills what takes too much memory)"
    return f"killed by signal {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
