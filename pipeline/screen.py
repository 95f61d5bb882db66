"""What the driver shows: one live bar on a terminal, a line now and then in a log, JSON lines, or nothing."""

import json
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Protocol, runtime_checkable

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Column

EVERY_S = 10.0
"""Between two lines of a log when nothing but the fraction changes."""

AT_LEAST_S = 2.0
"""Between two lines of a log, however fast stages change."""


@dataclass(frozen=True)
class Overview:
    """The whole grid at this moment.

    stage: the active runs and their stages, "" before the first. detail: the same, with what changes all the time.
    """

    fraction: float
    remaining_s: float
    n_done: int
    n_runs: int
    stage: str
    detail: str


@runtime_checkable
class Screen(Protocol):
    """Where the driver's words go."""

    def say(self, text: str) -> None:
        """A line that stays."""

    def complain(self, text: str) -> None:
        """A line about something that went wrong."""

    def show(self, overview: Overview) -> None:
        """The state now; called a few times a second."""

    def close(self) -> None:
        """No more is shown."""


class Bar:
    """One live line on a terminal."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            TextColumn("{task.percentage:3.0f} %"),
            BarColumn(bar_width=16),
            TextColumn("{task.fields[left]}", table_column=Column(no_wrap=True)),
            TextColumn("{task.fields[doing]}", table_column=Column(no_wrap=True, overflow="ellipsis", ratio=1)),
            console=console,
            transient=True,
            expand=True,
            refresh_per_second=4,
        )
        self._task = self._progress.add_task("grid", total=1.0, left="", doing="starting")
        self._progress.start()

    def say(self, text: str) -> None:
        self._progress.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def complain(self, text: str) -> None:
        self.say(text)

    def show(self, overview: Overview) -> None:
        left = f"{duration(overview.remaining_s)} left"
        doing = f"{overview.n_done}/{overview.n_runs} runs  {overview.detail}"
        self._progress.update(self._task, completed=overview.fraction, left=left, doing=doing)

    def close(self) -> None:
        self._progress.stop()


class Log:
    """A line at each change of stage and every ten seconds, for files and pipes."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._stage = ""
        self._at = 0.0

    def say(self, text: str) -> None:
        with suppress(OSError):  # nobody reads any more: the run goes on
            print(text, flush=True)

    def complain(self, text: str) -> None:
        self.say(text)

    def show(self, overview: Overview) -> None:
        stage = overview.stage or self._stage
        if self._clock() - self._at < (EVERY_S if stage == self._stage else AT_LEAST_S):
            return
        self._stage, self._at = stage, self._clock()
        self.say(
            f"{time.strftime('%H:%M:%S')} {100 * overview.fraction:3.0f} %  {duration(overview.remaining_s)} left  "
            f"{overview.n_done}/{overview.n_runs} runs  {overview.detail}"
        )

    def close(self) -> None:
        pass


class Lines:
    """JSON, one object a line: {"say": ...} or the overview, once a second."""

    def __init__(self) -> None:
        self._at = 0.0

    def say(self, text: str) -> None:
        self._write({"say": text})

    def complain(self, text: str) -> None:
        self._write({"error": text})

    def show(self, overview: Overview) -> None:
        if time.monotonic() - self._at >= 1.0:
            self._at = time.monotonic()
            self._write(asdict(overview))

    def close(self) -> None:
        pass

    def _write(self, value: dict[str, object]) -> None:
        with suppress(OSError):
            print(json.dumps(value, ensure_ascii=False), flush=True)


class Silence:
    """--quiet: nothing but what went wrong."""

    def say(self, text: str) -> None:
        pass

    def complain(self, text: str) -> None:
        with suppress(OSError):
            print(text, file=sys.stderr, flush=True)

    def show(self, overview: Overview) -> None:
        pass

    def close(self) -> None:
        pass


def choose(*, quiet: bool, as_json: bool) -> Screen:
    """The screen that fits where the output goes."""
    if as_json:
        return Lines()
    if quiet:
        return Silence()
    return Bar(Console()) if sys.stdout.isatty() else Log()


def duration(seconds: float) -> str:
    """ "41 s", "2:41 min", "1:05 h"."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    return f"{whole // 60}:{whole % 60:02d} min" if whole < 3600 else f"{whole // 3600}:{whole % 3600 // 60:02d} h"
