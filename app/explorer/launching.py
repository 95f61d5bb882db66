"""What `r` starts: the run that a cell is missing, made from a run beside it; or the demo where there is none.

Asked in the store's thread: pydantic, which reads and checks grids, is imported here and only when it is needed.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from textual.message import Message

from app.explorer.store_thread import Question
from store.matrix import Matrix, Place, target

if TYPE_CHECKING:
    from pipeline.spec import Grid
    from store.reader import Reader


@dataclass(frozen=True)
class Wish:
    """What is to be run. like: the run to take the settings from; "" for the demo. language: to be measured too."""

    like: str = ""
    calibration: str = ""
    seed: int | None = None
    language: str = ""
    retry: bool = False

    @property
    def dense(self) -> bool:
        """Whether it is the unpruned model that is missing."""
        return self.calibration == "dense"


@dataclass(frozen=True)
class Offer:
    """A run as it would be started. facts: (name, words) to show; command: the same from a shell."""

    wish: Wish
    facts: tuple[tuple[str, str], ...]
    command: str


class Offered(Message):
    """What would be run."""

    def __init__(self, offer: Offer) -> None:
        super().__init__()
        self.offer = offer


class Refused(Message):
    """Why something cannot be run."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text


class Launched(Message):
    """A run was started. what: in words."""

    def __init__(self, what: str) -> None:
        super().__init__()
        self.what = what


@dataclass
class Launches:
    """The processes started from here, kept to be collected when they end (they do not depend on us)."""

    under_way: list[tuple[subprocess.Popen[bytes], Path]] = field(default_factory=list)

    def ended_badly(self) -> str:
        """Collect those that ended; the last words of one that could not start, "" if there is none."""
        text = ""
        for process, log in list(self.under_way):
            if (code := process.poll()) is not None:
                self.under_way.remove((process, log))
                text = f"the run ended (exit code {code}): {_last_line(log)}" if code not in (0, 1) else text
        return text


def wish(matrix: Matrix, place: Place) -> Wish:
    """The run that fills `place`, or one more seed where there is a number. Raises ValueError where none can."""
    row, column = place
    if matrix.view.source == "paper":
        raise ValueError("these are published numbers: press m for measured ones, then r")
    like = _neighbour(matrix, row)
    if not like:
        return Wish()
    cell = matrix[place]
    if row in matrix.references and (cell.value is not None or row != "dense"):
        raise ValueError(f"{row} reads no calibration text: there is nothing more to run")
    seed = cell.n_seeds if cell.value is not None else None
    return Wish(like, row, seed, target(column), retry=True)


def offer(store: Path, runs: Path, wished: Wish) -> Question:
    """What `wished` would run."""

    def question(reader: Reader) -> Message:
        try:
            grid = make(runs, wished)
        except ValueError as error:
            return Refused(str(error))
        return Offered(Offer(wished, tuple(_facts(grid, reader)), _command(wished, grid, store)))

    return question


def start(store: Path, runs: Path, wished: Wish, launches: Launches) -> Question:
    """Start `wished` as a process of its own."""

    def question(_: Reader) -> Message:
        from pipeline.launch import launch
        from store.folders import GridFolder

        try:
            grid = make(runs, wished)
            folder = GridFolder.at(runs, grid.grid_id)
            if folder.held():
                return Refused("somebody is running this already")
            arguments = ("--retry-failed",) if wished.retry else ()
            launches.under_way.append((launch(grid, store, arguments=arguments), folder.log))
        except ValueError as error:
            return Refused(str(error))
        except OSError as error:
            return Refused(f"{error.filename}: {error.strerror}")
        return Launched(next(grid.runs()).run_id if wished.like else "the demo")

    return question


def write_down(runs: Path, wished: Wish) -> Question:
    """Put the grid of `wished` where the command that was copied looks for it."""

    def question(_: Reader) -> Message | None:
        from store.folders import GridFolder

        try:
            grid = make(runs, wished)
            GridFolder.at(runs, grid.grid_id).create(grid.model_dump(mode="json"))
        except (ValueError, OSError) as error:
            return Refused(str(error))
        return None

    return question


def make(runs: Path, wished: Wish) -> Grid:
    """The grid of `wished`. Raises GridError, which is a ValueError."""
    from pipeline.demo import GRID
    from pipeline.launch import load, one_run_grid
    from pipeline.spec import Grid

    if not wished.like:
        return load(GRID)
    if wished.dense:
        data = one_run_grid(runs, wished.like).model_dump(mode="json")
        data["axes"] |= {"method": [{"name": "dense"}], "calibration": [], "seed": [0]}
        data["calibration"] = None
    else:
        data = one_run_grid(runs, wished.like, wished.calibration, wished.seed).model_dump(mode="json")
    for measure in data["measure"]:
        if wished.language and wished.language not in measure["languages"]:
            measure["languages"] = [*measure["languages"], wished.language]
    return Grid.parse(data, runs / "grid.toml")


def _neighbour(matrix: Matrix, row: str) -> str:
    """A run of the slice, of the same row where there is one."""
    rows = [row, *matrix.calibrated()]
    return next((ids[0] for r in rows for c in matrix.columns if (ids := matrix[r, c].run_ids)), "")


def _facts(grid: Grid, reader: Reader) -> Iterator[tuple[str, str]]:
    runs = list(grid.runs())
    first = runs[0]
    yield "model", first.model_name
    yield "method", first.method_label if len(runs) == 1 else f"{len(runs)} runs: " + " ".join(_methods(grid))
    if grid.calibration is not None:
        text = grid.calibration
        yield "text", f"{text.source}, {text.samples} x {text.length} tokens"
    for measure in grid.measure:
        yield "measures", f"{measure.name} in {' '.join(measure.languages)}"
    for task in grid.task:
        yield "task", f"{task.name} in {' '.join(task.languages)}" if task.languages else task.name
    if estimate := _estimate(reader, {run.method.name for run in runs}, first.model_name):
        yield "takes", estimate if len(runs) == 1 else f"{estimate} for each"


def _methods(grid: Grid) -> list[str]:
    return list(dict.fromkeys(method.name for method in grid.axes.method))


def _estimate(reader: Reader, methods: set[str], model: str) -> str:
    from app.runs import duration
    from store import queries

    times = [
        run.wall_s
        for run in queries.runs(reader.connection)
        if run.wall_s and run.status == "done" and run.model == model and run.method in methods
    ]
    return f"about {duration(median(times))} (median of {len(times)} like it)" if times else ""


def _command(wished: Wish, grid: Grid, store: Path) -> str:
    from store.folders import GridFolder

    path = GridFolder.at(store.parent / "runs", grid.grid_id).path / "grid.json"
    return f"calib-explorer run --headless {path if wished.like else 'demo'} --store {store}"


def _last_line(log: Path) -> str:
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    except OSError:
        return "no log"
    return lines[-1] if lines else "no message"
