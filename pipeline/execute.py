"""One run in a worker: wait for the device, hold the run, do it, and write down how it went. Torch is loaded when the
device is ours."""

import logging
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from pipeline import provenance
from pipeline.devices import Device, DeviceError, bind, bound, holders, try_claim
from pipeline.engine import Stopped
from pipeline.plan import Todo, outstanding
from pipeline.progress import Course, Pace, Report
from pipeline.record import Record, circumstances, now
from pipeline.spec import RunSpec
from pipeline.spec.grid import Wanted
from pipeline.stages import Stage
from pipeline.worker import failure
from store.errors import JournalFull
from store.folders import RunFolder, State

STATE_EVERY_S = 0.5


def execute(
    run: RunSpec,
    wanted: tuple[Wanted, ...],
    stages: tuple[Stage, ...],
    runs: Path,
    grid: str,
    allowed: tuple[Device, ...],
    threads: int,
    command: str,
) -> Iterator[Report]:
    """Do what is missing of a run. Raises Busy where somebody else is working on it.

    stages: what the driver expects, in seconds, for the run's own estimate.
    """
    folder = RunFolder.at(runs, run.run_id)
    while (claim := try_claim(bound(allowed), f"grid {grid}", patience_s=1.0)) is None:
        detail = f"waiting for the device, which {holders(bound(allowed))} uses"
        yield Report("load", detail=detail, waiting=True)
    with claim as device, folder.lock():
        bind(device)
        todo = outstanding(run, wanted, folder)
        if todo is not None:
            attempt = Attempt(folder, todo, grid, Course(stages, Pace()))
            yield from attempt.reports(device, threads, command)


@dataclass
class Attempt:
    """One attempt at a run, told to its folder as it goes on."""

    folder: RunFolder
    todo: Todo
    grid: str
    course: Course
    seconds: dict[str, float] = field(default_factory=dict)
    _began: float = field(default_factory=time.monotonic)
    _stage_began: float = 0.0
    _wrote_at: float = 0.0

    def reports(self, device: Device, threads: int, command: str) -> Iterator[Report]:
        """Do it; whatever happens is in the run's record, state, events and log."""
        with logged(self.folder):
            record = Record.open(self.folder, self.todo.run, self.grid)
            record.write("running", circumstances(device.name or device.kind, threads, command))
            self.folder.event("started", {"attempt": record.journal.attempt})
            try:
                yield from self._work(record, device, threads)
            except (Stopped, GeneratorExit, JournalFull, DeviceError):
                self._end("interrupted")
                raise
            except Exception as error:
                self._failed(record, error)
                raise
            record.write("done", self._costs(device))
            record.journal.compact()
            self._end("done")

    def _work(self, record: Record, device: Device, threads: int) -> Iterator[Report]:
        self._tell(Report("load"))
        from pipeline import work  # here, so that torch is not loaded while others use the device

        provenance.reset_peak_memory()
        for report in work.begin(self.todo, self.folder, record, device, threads):
            yield self._tell(report)

    def _tell(self, report: Report) -> Report:
        """Fill in the time, and write the state if it is time to."""
        moment = time.monotonic()
        if report.stage != self.course.report.stage:
            self._stage_began = moment
            self._wrote_at = 0.0
        report = replace(report, elapsed_s=moment - self._stage_began)
        self.seconds[report.stage] = report.elapsed_s
        self.course.update(report)
        if moment - self._wrote_at >= STATE_EVERY_S:
            self._wrote_at = moment
            self.folder.write_state(
                State(
                    status="running",
                    stage=report.stage,
                    fraction=self.course.fraction(),
                    detail=report.detail,
                    eta_s=self.course.remaining_s(),
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
