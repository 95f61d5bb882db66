"""Handing out a grid's runs to an engine: order, retries, what failed, how long it still takes."""

import time
from dataclasses import dataclass, field, replace
from pathlib import Path

from pipeline.engine import Engine, Event, Failure, Said, Unit
from pipeline.outcome import BAD_INPUT, SOME_FAILED, Outcome
from pipeline.plan import Todo, outstanding
from pipeline.progress import Course, Pace, Report
from pipeline.record import MAX_DEATHS, deaths, fail
from pipeline.screen import Overview
from pipeline.spec import Grid, RunSpec
from pipeline.stages import Machine, Stage, stages
from store.folders import RunFolder

PATIENCE_S = 2.0
"""Before a run that somebody else is working on is looked at again."""

ENDS_THE_CALL = {"DeviceError": BAD_INPUT, "JournalFull": SOME_FAILED}
"""Failures that no other run would be spared, with the exit code; the runs may go on another time."""


@dataclass
class Halt(Exception):
    """No run can go on: why, and the call's exit code."""

    reason: str
    exit_code: int


@dataclass
class _Job:
    """A run on its way. not_before: it waits for somebody else until then (clock of `time.monotonic`)."""

    todo: Todo
    course: Course
    not_before: float = 0.0
    waiting_for: str = ""


@dataclass
class Dispatch:
    """The runs of one call. `arguments` are those of `execute` that all runs share."""

    grid: Grid
    runs: Path
    engine: Engine
    machine: Machine
    arguments: dict[str, object]
    outcome: Outcome
    n_runs: int
    pace: Pace = field(default_factory=Pace)
    _queue: list[_Job] = field(default_factory=list)
    _active: dict[str, _Job] = field(default_factory=dict)
    _past: list[Course] = field(default_factory=list)
    _affinity: str = ""
    _told: set[str] = field(default_factory=set)
    _shown: float = 0.0

    def enqueue(self, todo: tuple[Todo, ...]) -> None:
        """Take the runs to do, in order."""
        loaded = ""
        for each in todo:
            self._queue.append(_Job(each, self._course(each, model_ready=each.affinity == loaded)))
            loaded = each.affinity

    @property
    def open(self) -> bool:
        """Whether anything is still to do."""
        return bool(self._queue or self._active)

    def turn(self, timeout: float) -> list[str]:
        """Hand out what can be handed out, and take in what happens within `timeout` seconds. Returns complaints.

        Raises Halt when no run can go on.
        """
        self._hand_out()
        lines: list[str] = []
        for event in self.engine.poll(timeout):
            lines += self._take(event)
        self._hand_out()
        return lines

    def overview(self) -> Overview:
        """The state now. The fraction never goes back."""
        courses = [job.course for job in (*self._queue, *self._active.values())]
        left = sum(course.remaining_s() for course in courses)
        total = sum(course.total_s() for course in (*courses, *self._past))
        self._shown = max(self._shown, 0.0 if total <= 0 else 1.0 - left / total)
        n_done = self.n_runs - len(self._queue) - len(self._active)
        remaining = left / max(1, min(self.engine.width(), len(courses)))
        stages = [(label(job.todo.run), job.course.report.stage) for job in self._active.values()]
        stage = " | ".join(f"{run}: {name}" for run, name in stages if name)
        detail = " | ".join(_doing(job) for job in self._active.values()) or self._standstill()
        return Overview(min(1.0, self._shown), remaining, n_done, self.n_runs, stage, detail)

    def _hand_out(self) -> None:
        while len(self._active) < self.engine.width() and (job := self._next()) is not None:
            self._start(job)

    def _next(self) -> _Job | None:
        """The next run that need not wait, if possible for the model that the free worker has."""
        ready = [job for job in self._queue if job.not_before <= time.monotonic()]
        fitting = [job for job in ready if job.todo.affinity == self._affinity]
        return next(iter(fitting or ready), None)

    def _start(self, job: _Job) -> None:
        self._queue.remove(job)
        run = job.todo.run
        if job.waiting_for:  # somebody else may have done it meanwhile
            todo = outstanding(run, self.grid.wanted, RunFolder.at(self.runs, run.run_id))
            if todo is None:
                self._finish(job)
                return
            job = _Job(todo, self._course(todo, model_ready=False))
        self._active[run.run_id] = job
        paced = tuple(Stage(stage.name, job.course.seconds(stage)) for stage in job.course.stages)
        args = {**self.arguments, "run": run, "wanted": self.grid.wanted, "stages": paced}
        self.engine.submit(Unit(run.run_id, "pipeline.execute:execute", args, job.todo.affinity))

    def _take(self, event: Event) -> list[str]:
        job = self._active[event.key]
        if event.kind == "progress":
            assert isinstance(event.data, Report)
            job.course.update(event.data)
            return []
        if event.kind == "said":
            return self._said(job, event.data)
        if event.kind == "started":
            return []
        del self._active[event.key]
        self._affinity = job.todo.affinity
        if event.kind == "done":
            self._finish(job)
            return []
        if event.kind == "died":
            return self._died(job, str(event.data))
        assert isinstance(event.data, Failure)
        return self._failed(job, event.data)

    def _said(self, job: _Job, said: Said) -> list[str]:
        if said.warning:
            new = said.text not in self._told
            self._told.add(said.text)
            return [said.text] if new else []
        job.course.report = replace(job.course.report, detail=said.text)
        return []

    def _finish(self, job: _Job) -> None:
        self._past.append(replace(job.course, report=Report("")))
        self.outcome.done.append(job.todo.run.run_id)

    def _failed(self, job: _Job, failure: Failure) -> list[str]:
        if failure.kind == "Busy":
            again = replace(job, not_before=time.monotonic() + PATIENCE_S, waiting_for=failure.message)
            self._queue.append(again)
            return [] if job.waiting_for else [f"waiting: {failure.message}"]
        if failure.kind in ENDS_THE_CALL:
            raise Halt(failure.message, ENDS_THE_CALL[failure.kind])
        lines = self._give_up(job, failure.message)
        if job.course.report.stage == "load":
            for other in [other for other in self._queue if other.todo.affinity == job.todo.affinity]:
                self._queue.remove(other)
                self._give_up(other, failure.message)
        return lines

    def _died(self, job: _Job, reason: str) -> list[str]:
        run_id = job.todo.run.run_id
        folder = RunFolder.at(self.runs, run_id)
        folder.event("died", {"reason": reason})
        count = deaths(folder)
        if count >= MAX_DEATHS:
            return self._give_up(job, f"its worker died {count} times, at last {reason}")
        self._queue.insert(0, _Job(job.todo, self._course(job.todo, model_ready=False)))
        return [f"{run_id}: worker {reason}; starting again ({count} of {MAX_DEATHS} deaths)"]

    def _give_up(self, job: _Job, reason: str) -> list[str]:
        run = job.todo.run
        folder = RunFolder.at(self.runs, run.run_id)
        if folder.state().status != "failed":
            fail(folder, run, self.grid.grid_id, reason)
        new = reason not in self.outcome.failed.values()
        self.outcome.failed[run.run_id] = reason
        return [f"failed: {run.run_id}: {reason}"] if new else []

    def _course(self, todo: Todo, *, model_ready: bool) -> Course:
        expected = stages(
            todo.run,
            todo.missing,
            self.machine,
            masks_ready=todo.masks_ready,
            model_ready=model_ready,
            tasks=todo.tasks,
        )
        return Course(expected, self.pace)

    def _standstill(self) -> str:
        return next((f"waiting: {job.waiting_for}" for job in self._queue if job.waiting_for), "")


def label(run: RunSpec) -> str:
    """A run in a few words: "wanda-0.5 de"."""
    at = run.coordinates
    words = [run.method_label, at.calibration, f"s{at.seed}" if at.seed else ""]
    return " ".join(word for word in words if word)


def _doing(job: _Job) -> str:
    report = job.course.report
    words = [label(job.todo.run), report.stage or "starting", report.detail]
    return "  ".join(word for word in words if word)
