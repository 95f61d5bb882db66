"""The driver of a grid: one process that holds the grid, hands its runs to workers and merges what they finish.

It never loads torch. An operating system lock says that it lives; a kill at any moment leaves finished measurements
where they are, and the same command goes on.
"""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from pipeline import devices
from pipeline.analyse import analyse
from pipeline.bell import Bell, listening
from pipeline.dispatch import Dispatch, Halt
from pipeline.engine import LocalEngine
from pipeline.launch import CANCEL
from pipeline.merging import Merging
from pipeline.outcome import BUSY, INTERRUPTED, SOME_FAILED, Outcome, failures, plural
from pipeline.plan import Plan, plan
from pipeline.record import command_line
from pipeline.screen import Overview, Screen, duration
from pipeline.spec import Grid
from pipeline.stages import Machine
from store.errors import Busy, StoreError
from store.folders import GridFolder, RunFolder, State


@dataclass(frozen=True)
class Options:
    """The command line, checked."""

    store: Path
    device: str = "auto"
    threads: int | None = None
    workers: int | None = None
    together: int | None = None
    retry_failed: bool = False

    @property
    def runs(self) -> Path:
        return self.store.parent / "runs"


def drive(grid: Grid, options: Options, screen: Screen) -> int:
    """Do what is missing of `grid`. Returns the exit code; raises DeviceError, StoreError and OSError before
    anything has started."""
    folder = GridFolder.at(options.runs, grid.grid_id)
    folder.path.mkdir(parents=True, exist_ok=True)
    with ExitStack() as held:
        try:
            held.enter_context(folder.lock())
        except Busy:
            screen.complain(_busy(grid, folder))
            return BUSY
        folder.create(grid.model_dump(mode="json"))
        (folder.path / CANCEL).unlink(missing_ok=True)
        return Driver(grid, options, screen, folder).run()


@dataclass
class Driver:
    """One call, holding the grid."""

    grid: Grid
    options: Options
    screen: Screen
    folder: GridFolder
    merging: Merging = field(init=False)
    _began: float = field(default_factory=time.monotonic)
    _wrote_at: float = 0.0

    def __post_init__(self) -> None:
        self.merging = Merging(self.options.store, self.options.runs, self.screen)

    def run(self) -> int:
        found = plan(self.grid, self.options.runs, retry_failed=self.options.retry_failed)
        self.merging.first()
        if not found.todo:
            return self._nothing_to_do(found)
        allowed = devices.choose(self.options.device, self.options.workers)
        self._queue_folders(found)
        self._announce(found, allowed)
        outcome = Outcome(done=[run.run_id for run in found.done], failed=dict(found.failed))
        with listening(Bell(self.folder.path / CANCEL)) as bell:
            try:
                finished = self._work(found, allowed, outcome, bell)
            except Halt as halt:
                return self._halted(halt)
            return self._finished(outcome, found) if finished else self._interrupted()

    def _work(self, found: Plan, allowed: tuple[devices.Device, ...], outcome: Outcome, bell: Bell) -> bool:
        """Until all is done (True) or the bell is heard. Raises Halt."""
        with self._engine(allowed) as engine:
            dispatch = self._dispatch(found, allowed, engine, outcome)
            while dispatch.open and not bell.heard():
                for line in dispatch.turn(0.25):
                    self.screen.complain(line)
                self._show(dispatch.overview())
                self.merging.sometimes()
            if dispatch.open:
                self.screen.say("stopping ...")
            return not dispatch.open

    def _dispatch(
        self, found: Plan, allowed: tuple[devices.Device, ...], engine: LocalEngine, outcome: Outcome
    ) -> Dispatch:
        threads = threads_of(self.options, allowed)
        arguments = {
            "runs": self.options.runs,
            "grid": self.grid.grid_id,
            "allowed": allowed,
            "threads": threads,
            "command": command_line(),
        }
        n_runs = len(found.todo) + len(found.done) + len(found.failed)
        machine = Machine(allowed[0].kind, threads)
        together = self.options.together
        dispatch = Dispatch(self.grid, self.options.runs, engine, machine, arguments, outcome, n_runs, together)
        dispatch.enqueue(found.todo)
        return dispatch

    @contextmanager
    def _engine(self, allowed: tuple[devices.Device, ...]) -> Iterator[LocalEngine]:
        threads = str(threads_of(self.options, allowed))
        environment = {**os.environ, "OMP_NUM_THREADS": threads, "TOKENIZERS_PARALLELISM": "false"}
        engine = LocalEngine(min(self.options.workers or len(allowed), len(allowed)), environment, self.folder.log)
        try:
            yield engine
        finally:
            engine.close()

    def _queue_folders(self, found: Plan) -> None:
        for todo in found.todo:
            run = todo.run
            spec = {"run_id": run.run_id, "grid": self.grid.grid_id, **run.model_dump(mode="json")}
            folder = RunFolder.at(self.options.runs, run.run_id).create(spec)
            if folder.state().status == "failed":
                folder.event("retried")
            if not folder.held():
                folder.write_state(State(status="queued", grid=self.grid.grid_id))

    def _show(self, overview: Overview) -> None:
        self.screen.show(overview)
        if time.monotonic() - self._wrote_at < 1.0:
            return
        self._wrote_at = time.monotonic()
        state = State(
            status="running",
            fraction=overview.fraction,
            detail=f"{overview.n_done} of {overview.n_runs} runs  {overview.detail}",
            eta_s=overview.remaining_s,
            grid=self.grid.grid_id,
        )
        with suppress(OSError):  # a full disk: the run that meets it says so
            self.folder.write_state(state)

    def _announce(self, found: Plan, allowed: tuple[devices.Device, ...]) -> None:
        already = f", {plural(len(found.done), 'run')} there already" if found.done else ""
        where = ", ".join(dict.fromkeys(device.name or device.kind for device in allowed))
        self.screen.say(f"{self.grid.name}: {plural(len(found.todo), 'run')} to do{already}  (on {where})")
        for line in failures(found.failed):
            self.screen.complain(f"{line} (earlier; --retry-failed tries again)")

    def _nothing_to_do(self, found: Plan) -> int:
        self._close("failed" if found.failed else "done")
        there = f"{plural(len(found.done), 'run')}, {plural(found.n_measurements, 'measurement')} are there"
        todo = "nothing to do but what failed" if found.failed else "nothing to do"
        self.screen.say(f"{self.grid.name}: {todo}: {there}")
        for line in failures(found.failed):
            self.screen.complain(f"{line} (earlier; --retry-failed tries again)")
        return SOME_FAILED if found.failed else 0

    def _finished(self, outcome: Outcome, found: Plan) -> int:
        self._analyse()
        merged = self.merging.now(wait_s=1.0)
        self._close("failed" if outcome.failed else "done")
        after = duration(time.monotonic() - self._began)
        where = f" in {self.options.store}" if merged else f" in {self.options.runs}"
        self.screen.say(f"{self.grid.name}: {plural(len(outcome.done), 'run')} done{where} ({after})")
        if n_failed := len(outcome.failed) - len(found.failed):
            logs = self.options.runs / "RUN" / "log.txt"
            self.screen.complain(f"{plural(n_failed, 'run')} failed (logs: {logs}); --retry-failed tries again")
        return outcome.exit_code

    def _analyse(self) -> None:
        """Compare the masks of the finished runs; the grid is done all the same where that cannot be."""
        try:
            analyse(self.options.runs)
        except Busy:
            pass  # another grid's driver is at it, and 'calib-explorer analyse' does the rest
        except (StoreError, ValueError) as error:
            self.screen.complain(f"masks not compared: {error}")

    def _interrupted(self) -> int:
        self.merging.now()
        self._close("interrupted")
        self.screen.say(f"{self.grid.name}: interrupted; what is finished stays, the same command goes on from there")
        return INTERRUPTED

    def _halted(self, halt: Halt) -> int:
        self.merging.now()
        self._close("interrupted")
        self.screen.complain(f"{self.grid.name}: stopped: {halt.reason}")
        return halt.exit_code

    def _close(self, status: str) -> None:
        self.folder.write_state(State(status=status, grid=self.grid.grid_id))


def threads_of(options: Options, allowed: tuple[devices.Device, ...]) -> int:
    """Threads of a worker: as asked, or the cores shared out."""
    if options.threads is not None:
        return options.threads
    return max(1, cores() // (options.workers or len(allowed)))


def cores() -> int:
    """Physical cores that this process may use."""
    physical = psutil.cpu_count(logical=False) or psutil.cpu_count() or 1
    return min(physical, len(os.sched_getaffinity(0))) if sys.platform == "linux" else physical


def _busy(grid: Grid, folder: GridFolder) -> str:
    owner = folder.owner()
    who = f"process {owner.get('pid', '?')} on {owner.get('host', '?')} since {owner.get('since', '?')}"
    log = f"; its log: {folder.log}" if folder.log.exists() else ""
    return f"{grid.name}: somebody else is running this grid: {who}{log}"
