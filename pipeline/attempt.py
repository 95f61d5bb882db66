"""One attempt at a run in a worker, and how it is written down. Torch is loaded when it begins to work."""

import logging
import time
import traceback
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from pipeline import provenance
from pipeline.devices import Device, DeviceError
from pipeline.plan import Todo
from pipeline.progress import Course, Report
from pipeline.record import Record, circumstances, now
from pipeline.stopping import Stopped, is_asked
from pipeline.worker import failure
from store.errors import JournalFull
from store.folders import RunFolder, State

if TYPE_CHECKING:
    from pipeline.shared_walk import Wish

STATE_EVERY_S = 0.5


@dataclass
class Attempt:
    """One attempt at a run, told to its folder as it goes on.

    company: the courses of all runs that the worker does together with this one, its own among them: they end
    together. Let `logged` be open while the run is worked on.
    """

    folder: RunFolder
    todo: Todo
    grid: str
    course: Course
    company: Sequence[Course] = ()
    seconds: dict[str, float] = field(default_factory=dict)
    _began: float = 0.0
    _told_at: float = 0.0
    _wrote_at: float = 0.0

    def reports(self, device: Device, threads: int, command: str) -> "Generator[Report | Wish, None, None]":
        """Do it; whatever happens is in the run's record, state, events and log. Walk for each Wish."""
        self._began = time.monotonic()
        record = Record.open(self.folder, self.todo.run, self.grid)
        record.begin(circumstances(device.name or device.kind, threads, command))
        self.folder.event("started", {"attempt": record.journal.attempt})
        try:
            yield from self._work(record, device, threads)
        except (Stopped, GeneratorExit, JournalFull, DeviceError):
            self._end("interrupted")
            raise
        except Exception as error:
            if is_asked():
                self._end("interrupted")
                raise Stopped from error
            self._failed(record, error)
            raise
        record.write("done", self._costs(device))
        record.journal.compact()
        self._end("done")

    def _work(self, record: Record, device: Device, threads: int) -> "Iterator[Report | Wish]":
        yield self.tell(Report("load"))
        from pipeline import work  # here, so that torch is not loaded while others use the device

        provenance.reset_peak_memory()
        alone = len(self.company) <= 1
        for each in work.begin(self.todo, self.folder, record, device, threads, alone=alone):
            yield self.tell(each) if isinstance(each, Report) else each

    def tell(self, report: Report) -> Report:
        """Fill in the time, and write the state if it is time to."""
        moment = time.monotonic()
        last = self.course.report
        if report.stage != last.stage:
            self._wrote_at = 0.0
        elif not last.waiting:
            spent = (moment - self._told_at) * report.share
            self.seconds[report.stage] = self.seconds.get(report.stage, 0.0) + spent
        self._told_at = moment
        report = replace(report, elapsed_s=self.seconds.setdefault(report.stage, 0.0))
        self.course.update(report)
        if moment - self._wrote_at >= STATE_EVERY_S:
            self._wrote_at = moment
            self.folder.write_state(
                State(
                    status="running",
                    stage=report.stage,
                    fraction=self.course.fraction(),
                    detail=report.detail,
                    eta_s=sum(course.remaining_s() for course in self.company or (self.course,)),
                    grid=self.grid,
                )
            )
        return report

    def _costs(self, device: Device) -> dict[str, object]:
        on_device = sum(s for stage, s in self.seconds.items() if stage not in ("load", "calibrate"))
        return {
            "finished_at": now(),
            "wall_s": time.monotonic() - self._began,
            "device_s": on_device,
            "peak_memory_bytes": provenance.peak_memory_bytes(on_gpu=device.kind == "cuda"),
        }

    def _failed(self, record: Record, error: Exception) -> None:
        reason = failure(error).message
        logging.getLogger(__name__).error("%s", "".join(traceback.format_exception(error)))
        record.write("failed", {"error": reason, "finished_at": now(), "wall_s": time.monotonic() - self._began})
        self._end("failed", reason)

    def _end(self, status: str, error: str = "") -> None:
        with suppress(OSError):
            fraction = 1.0 if status == "done" else self.course.fraction()
            self.folder.event(status, {"reason": error} if error else {"seconds": self.seconds})
            self.folder.write_state(State(status=status, fraction=fraction, error=error, grid=self.grid))


@contextmanager
def logged(folder: RunFolder) -> Iterator[None]:
    """While it lasts, what is logged and warned of goes to the run's log.txt."""
    handler = logging.FileHandler(folder.log, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    logging.captureWarnings(True)
    try:
        yield
    finally:
        root.removeHandler(handler)
        handler.close()
