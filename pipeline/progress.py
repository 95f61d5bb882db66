"""How far a grid is and how long it still takes: reports of workers against the stages expected."""

import time
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, field, replace
from typing import TypeVar

from pipeline.stages import Stage


@dataclass(frozen=True)
class Report:
    """What a worker says of its run. fraction: of the stage. elapsed_s: since the stage began.

    waiting: not at work; `detail` says what for. share: this run's of the worker's time, less than 1 where several
    are measured in one walk; elapsed_s counts no more than that.
    """

    stage: str
    fraction: float = 0.0
    detail: str = ""
    elapsed_s: float = 0.0
    waiting: bool = False
    share: float = 1.0


Result = TypeVar("Result")


def part(reports: Generator[Report, None, Result], begin: float, share: float) -> Generator[Report, None, Result]:
    """The reports of a part of a stage, which begins at `begin` and is `share` of it, as reports of the stage."""
    while True:
        try:
            report = next(reports)
        except StopIteration as end:
            result: Result = end.value
            return result
        yield replace(report, fraction=begin + share * report.fraction)


def outcome(reports: Generator[Report, None, Result]) -> Result:
    """What comes out at the end, the reports unheard."""
    while True:
        try:
            next(reports)
        except StopIteration as end:
            result: Result = end.value
            return result


@dataclass
class Pace:
    """How much longer than expected the stages take here, by name, from what was measured so far."""

    expected_s: dict[str, float] = field(default_factory=dict)
    elapsed_s: dict[str, float] = field(default_factory=dict)

    def observe(self, stage: str, expected_s: float, elapsed_s: float) -> None:
        """Part of a stage took `elapsed_s` where `expected_s` was expected."""
        self.expected_s[stage] = self.expected_s.get(stage, 0.0) + expected_s
        self.elapsed_s[stage] = self.elapsed_s.get(stage, 0.0) + elapsed_s

    def factor(self, stage: str) -> float:
        """Measured over expected. A stage little seen leans on the others; loading tells nothing of computing."""
        if stage in ("load", "calibrate"):
            return self._ratio([stage], 1.0)
        others = [name for name in self.expected_s if name not in ("load", "calibrate")]
        return self._ratio([stage], self._ratio(others, 1.0))

    def _ratio(self, names: Iterable[str], prior: float) -> float:
        weight = 0.3  # seconds of expectation that the prior counts for
        expected = sum(self.expected_s.get(name, 0.0) for name in names)
        elapsed = sum(self.elapsed_s.get(name, 0.0) for name in names)
        return (weight * prior + elapsed) / (weight + expected)


@dataclass
class Course:
    """One run on its way through its stages."""

    stages: tuple[Stage, ...]
    pace: Pace
    clock: Callable[[], float] = time.monotonic
    report: Report = Report("")
    reported_at: float = 0.0

    def update(self, report: Report) -> None:
        """Take a report, and learn the pace from what was done since the last one."""
        last, self.report, self.reported_at = self.report, report, self.clock()
        expected = {stage.name: stage.seconds for stage in self.stages}.get(report.stage)
        if expected is None or report.waiting:
            return
        same = last.stage == report.stage and not last.waiting
        fraction, elapsed = (last.fraction, last.elapsed_s) if same else (0.0, 0.0)
        if report.fraction > fraction:
            self.pace.observe(
                report.stage, expected * (report.fraction - fraction), max(0.0, report.elapsed_s - elapsed)
            )
        elif same:
            self.report = Report(report.stage, fraction, report.detail, elapsed)
            self.reported_at -= report.elapsed_s - elapsed

    def total_s(self) -> float:
        """Expected for the whole run at the present pace."""
        return sum(self.seconds(stage) for stage in self.stages)

    def remaining_s(self) -> float:
        """Expected from now on at the present pace."""
        names = [stage.name for stage in self.stages]
        if self.report.stage not in names:
            return self.total_s()
        at = names.index(self.report.stage)
        current = self.seconds(self.stages[at])
        left = current * (1.0 - self.report.fraction)
        if not self.report.waiting:
            left = max(min(left, 0.02 * current), left - (self.clock() - self.reported_at))
        return left + sum(self.seconds(stage) for stage in self.stages[at + 1 :])

    def fraction(self) -> float:
        """Done of the whole run, 0 to 1."""
        total = self.total_s()
        return 0.0 if total <= 0 else min(1.0, max(0.0, 1.0 - self.remaining_s() / total))

    def seconds(self, stage: Stage) -> float:
        return stage.seconds * self.pace.factor(stage.name)
