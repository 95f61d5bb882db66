"""A worker process: takes units from its pipe, runs them one by one, sends back what they yield.

It never outlives the driver: the kernel kills it when the driver dies (Linux); elsewhere the end of the pipe does.
"""

import ctypes
import logging
import os
import queue
import signal
import sys
import threading
import traceback
from collections.abc import Generator
from multiprocessing.connection import Connection

from pipeline import stopping
from pipeline.allocator import keep_freed_memory
from pipeline.engine import Failure, Kind, Said, Unit


def main(descriptor: int, parent: int) -> None:
    """Serve units until the driver is gone or says stop."""
    die_with(parent)
    keep_freed_memory()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, stopping.stop)
    connection = Connection(descriptor)
    line = Line(connection)
    ours = logging.getLogger("pipeline")
    ours.addHandler(line)
    ours.setLevel(logging.INFO)
    units: queue.Queue[Unit] = queue.Queue()
    threading.Thread(target=_receive, args=(connection, units), daemon=True).start()
    try:
        while True:
            serve(units.get(), line)
    except BaseException:
        if not stopping.is_asked():
            raise
        sys.stderr.flush()
        os._exit(0)  # at once: no waiting for threads of libraries


class Line(logging.Handler):
    """Our end of the pipe, which several threads write to: events, and what the pipeline logs."""

    def __init__(self, connection: Connection) -> None:
        super().__init__()
        self._connection = connection
        self._one_at_a_time = threading.Lock()

    def send(self, kind: Kind, data: object = None) -> None:
        with self._one_at_a_time:
            self._connection.send((kind, data))

    def emit(self, record: logging.LogRecord) -> None:
        """Errors are told as failures already."""
        if record.levelno < logging.ERROR:
            self.send("said", Said(record.getMessage(), warning=record.levelno >= logging.WARNING))


def serve(unit: Unit, line: Line) -> None:
    """Run one unit and report: started, progress..., then done or failed. Raises what being stopped raises."""
    line.send("started")
    work = unit.start()
    assert isinstance(work, Generator)
    try:
        for progress in work:
            line.send("progress", progress)
    except Exception as error:
        if stopping.is_asked():
            raise
        line.send("failed", failure(error))
    else:
        line.send("done")
    finally:
        work.close()


def failure(error: Exception) -> Failure:
    """An exception as its class, one line for people and the traceback for the log."""
    first = (str(error).strip().splitlines() or [""])[0]
    kind = type(error)
    plain = kind.__module__ != "builtins" and bool(first)  # our own errors speak for themselves
    message = first if plain else f"{kind.__name__}: {first}".removesuffix(": ")
    return Failure(kind.__name__, message, "".join(traceback.format_exception(error)))


def die_with(parent: int) -> None:
    """Have the kernel kill this process when `parent` dies (Linux), and leave now if it has already."""
    if sys.platform == "linux":
        PR_SET_PDEATHSIG = 1
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def _receive(connection: Connection, units: "queue.Queue[Unit]") -> None:
    while True:
        try:
            units.put(connection.recv())
        except (EOFError, OSError):
            os.kill(os.getpid(), signal.SIGKILL)  # the driver is gone


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
