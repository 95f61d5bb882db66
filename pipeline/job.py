"""Runs on their way: waiting in a driver's queue, or with a worker that does some of them together."""

from dataclasses import dataclass

from pipeline.plan import Todo
from pipeline.progress import Course
from pipeline.spec import RunSpec
from pipeline.stages import Stage


@dataclass
class Job:
    """A run on its way. not_before: it waits for somebody else until then (clock of `time.monotonic`).

    alone: its worker died, so it shares none until it is known whose fault that was.
    """

    todo: Todo
    course: Course
    not_before: float = 0.0
    waiting_for: str = ""
    alone: bool = False


@dataclass
class InFlight:
    """A unit: the runs, by id, that its worker has not ended yet, and which of them it spoke of last."""

    jobs: dict[str, Job]
    spoken_of: str

    def speaking(self) -> list[Job]:
        """The runs that are being worked on."""
        last = self.jobs.get(self.spoken_of)
        if last is not None and last.course.report.share < 1:
            return [job for job in self.jobs.values() if job.course.report.share < 1]
        return [] if last is None else [last]


def label(run: RunSpec) -> str:
    """A run in a few words: "wanda-0.5 de"."""
    at = run.coordinates
    words = [run.method_label, at.calibration, f"s{at.seed}" if at.seed else ""]
    return " ".join(word for word in words if word)


def labels(jobs: list[Job]) -> str:
    """Runs in a few words."""
    return ", ".join(label(job.todo.run) for job in jobs)


def doing(jobs: list[Job]) -> str:
    """What is being done with runs that are worked on together."""
    report = jobs[0].course.report
    words = [labels(jobs), report.stage or "starting", report.detail]
    return "  ".join(word for word in words if word)


def paced(course: Course) -> tuple[Stage, ...]:
    """Its stages with the seconds expected at the present pace."""
    return tuple(Stage(stage.name, course.seconds(stage)) for stage in course.stages)
