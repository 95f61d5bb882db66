"""Handing out a grid's runs to an engine: order, retries, what failed, how long it still takes."""

import time
from dataclasses import dataclass, field, replace
from pathlib import Path

from pipeline.engine import Ended, Engine, Event, Failure, Said, Told, Unit
from pipeline.job import InFlight, Job, doing, labels, paced
from pipeline.outcome import BAD_INPUT, SOME_FAILED, Outcome
from pipeline.plan import Todo, outstanding
from pipeline.progress import Course, Pace, Report
from pipeline.record import MAX_DEATHS, deaths, fail
from pipeline.room import room
from pipeline.screen import Overview
from pipeline.spec import Grid
from pipeline.stages import Machine, stages
from pipeline.together import company
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
class Dispatch:
    """The runs of one call. `arguments` are those of `execute` that all runs share.

    together: pruned runs to measure beside one dense pass at most; None: as memory allows.
    """

    grid: Grid
    runs: Path
    engine: Engine
    machine: Machine
    arguments: dict[str, object]
    outcome: Outcome
    n_runs: int
    together: int | None = None
    pace: Pace = field(default_factory=Pace)
    _queue: list[Job] = field(default_factory=list)
    _active: dict[str, InFlight] = field(default_factory=dict)
    _room: dict[tuple[object, ...], int] = field(default_factory=dict)
    _past: list[Course] = field(default_factory=list)
    _affinity: str = ""
    _told: set[str] = field(default_factory=set)
    _shown: float = 0.0

    def enqueue(self, todo: tuple[Todo, ...]) -> None:
        """Take the runs to do, in order."""
        loaded = ""
        sizes: dict[tuple[object, ...], int] = {}
        for each in todo:
            key = each.affinity, each.missing
            if key not in sizes:
                sizes[key] = len(self._company(each, todo))
            self._queue.append(Job(each, self._course(each, each.affinity == loaded, sizes[key])))
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
        active = [job for unit in self._active.values() for job in unit.jobs.values()]
        courses = [job.course for job in (*self._queue, *active)]
        left = sum(course.remaining_s() for course in courses)
        total = sum(course.total_s() for course in (*courses, *self._past))
        self._shown = max(self._shown, 0.0 if total <= 0 else 1.0 - left / total)
        n_done = self.n_runs - len(courses)
        remaining = left / max(1, min(self.engine.width(), len(courses)))
        speaking = [jobs for unit in self._active.values() if (jobs := unit.speaking())]
        stages = [(labels(jobs), jobs[0].course.report.stage) for jobs in speaking]
        stage = " | ".join(f"{runs}: {name}" for runs, name in stages if name)
        detail = " | ".join(map(doing, speaking)) or self._standstill()
        return Overview(min(1.0, self._shown), remaining, n_done, self.n_runs, stage, detail)

    def _hand_out(self) -> None:
        while len(self._active) < self.engine.width() and (job := self._next()) is not None:
            self._start(job)

    def _ready(self) -> list[Job]:
        """Runs that need not wait."""
        return [job for job in self._queue if job.not_before <= time.monotonic()]

    def _next(self) -> Job | None:
        """The next run that need not wait, if possible for the model that the free worker has."""
        ready = self._ready()
        fitting = [job for job in ready if job.todo.affinity == self._affinity]
        return next(iter(fitting or ready), None)

    def _start(self, job: Job) -> None:
        if job.waiting_for:  # somebody else may have done it meanwhile
            self._queue.remove(job)
            todo = outstanding(job.todo.run, self.grid.wanted, RunFolder.at(self.runs, job.todo.run.run_id))
            if todo is None:
                self._finish(job)
            else:
                self._submit([Job(todo, self._course(todo))])
            return
        free = [] if job.alone else [other for other in self._ready() if not other.alone and not other.waiting_for]
        chosen = self._company(job.todo, tuple(other.todo for other in free))
        jobs = [job] if len(chosen) == 1 else [other for other in free if other.todo in chosen]
        for each in jobs:
            self._queue.remove(each)
            if len(jobs) > 1:
                each.course = self._course(each.todo, each is not jobs[0], len(jobs))
        self._submit(jobs)

    def _submit(self, jobs: list[Job]) -> None:
        first = jobs[0].todo
        unit = InFlight({job.todo.run.run_id: job for job in jobs}, first.run.run_id)
        company = {run_id: (job.todo.run, paced(job.course)) for run_id, job in unit.jobs.items()}
        args = {**self.arguments, "company": company, "wanted": self.grid.wanted}
        self._active[first.run.run_id] = unit
        self.engine.submit(Unit(first.run.run_id, "pipeline.execute:execute", args, first.affinity))

    def _company(self, first: Todo, ready: tuple[Todo, ...]) -> list[Todo]:
        return company(first, ready, self._most, self.engine.width())

    def _most(self, todo: Todo) -> int:
        key = todo.affinity, todo.missing, todo.run.method.name
        if key not in self._room:  # asked before anything is loaded
            self._room[key] = self.together or room(todo, self.machine.kind, self.engine.width(), self.runs)
        return self._room[key]

    def _take(self, event: Event) -> list[str]:
        unit = self._active[event.key]
        if event.kind == "progress":
            return self._progressed(unit, event.data)
        if event.kind == "said":
            return self._said(unit.jobs.get(unit.spoken_of), event.data)
        if event.kind == "started":
            return []
        del self._active[event.key]
        lines: list[str] = []
        for job in unit.jobs.values():
            self._affinity = job.todo.affinity
            if event.kind == "died":
                lines += self._died(job, str(event.data))
            elif isinstance(event.data, Failure):
                lines += self._failed(job, event.data)
        return lines

    def _progressed(self, unit: InFlight, news: Told | Ended) -> list[str]:
        """A run of a unit went on, or ended."""
        if isinstance(news, Told):
            unit.spoken_of = news.run_id
            unit.jobs[news.run_id].course.update(news.data)
            return []
        job = unit.jobs.pop(news.run_id)
        self._affinity = job.todo.affinity
        if news.failure is not None:
            return self._failed(job, news.failure)
        self._finish(job)
        return []

    def _said(self, job: Job | None, said: Said) -> list[str]:
        if said.warning:
            new = said.text not in self._told
            self._told.add(said.text)
            return [said.text] if new else []
        if job is not None:
            job.course.report = replace(job.course.report, detail=said.text)
        return []

    def _finish(self, job: Job) -> None:
        self._past.append(replace(job.course, report=Report("")))
        self.outcome.done.append(job.todo.run.run_id)

    def _failed(self, job: Job, failure: Failure) -> list[str]:
        if failure.kind == "Busy":
            again = replace(job, not_before=time.monotonic() + PATIENCE_S, waiting_for=failure.message)
            self._queue.append(again)
            return [] if job.waiting_for else [f"waiting: {failure.message}"]
        if failure.kind in ENDS_THE_CALL:
            raise Halt(failure.message, ENDS_THE_CALL[failure.kind])
        lines = self._give_up(job, failure.message)
        if job.course.report.stage == "load" and failure.kind != "AnotherModel":
            for other in [other for other in self._queue if other.todo.affinity == job.todo.affinity]:
                self._queue.remove(other)
                self._give_up(other, failure.message)
        return lines

    def _died(self, job: Job, reason: str) -> list[str]:
        run_id = job.todo.run.run_id
        folder = RunFolder.at(self.runs, run_id)
        folder.event("died", {"reason": reason})
        count = deaths(folder)
        if count >= MAX_DEATHS:
            return self._give_up(job, f"its worker died {count} times, at last {reason}")
        self._queue.insert(0, Job(job.todo, self._course(job.todo), alone=True))
        return [f"{run_id}: worker {reason}; starting again ({count} of {MAX_DEATHS} deaths)"]

    def _give_up(self, job: Job, reason: str) -> list[str]:
        run = job.todo.run
        folder = RunFolder.at(self.runs, run.run_id)
        if folder.state().status != "failed":
            fail(folder, run, self.grid.grid_id, reason)
        new = reason not in self.outcome.failed.values()
        self.outcome.failed[run.run_id] = reason
        return [f"failed: {run.run_id}: {reason}"] if new else []

    def _course(self, todo: Todo, model_ready: bool = False, n_together: int = 1) -> Course:
        expected = stages(
            todo.run,
            todo.missing,
            self.machine,
            masks_ready=todo.masks_ready,
            model_ready=model_ready,
            tasks=todo.tasks,
            n_together=n_together,
        )
        return Course(expected, self.pace)

    def _standstill(self) -> str:
        return next((f"waiting: {job.waiting_for}" for job in self._queue if job.waiting_for), "")
