"""Runs as their folders tell them, read again twice a second: what is queued, what is running and how far it is.

The folders are read in the store's thread, and store.folders (whose locks take 20 ms to import) is imported there.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from store.matrix import Cell, Matrix, Place, order_columns, order_rows
from store.view import fold

if TYPE_CHECKING:
    from store.folders import RunFolder, State

UNFINISHED = ("running", "queued", "failed", "interrupted")
_ORDER = ("running", "queued", "interrupted", "failed", "done", "")


@dataclass(frozen=True)
class Live:
    """One run: how it stands and, while it is unfinished, what it prunes."""

    run_id: str
    state: State
    model: str = ""
    method: str = ""
    pattern: str | None = None
    sparsity: float | None = None
    calibration: str = ""
    seed: int | None = None


@dataclass(frozen=True)
class Seen:
    """What the last look saw: the runs, who holds the store, the revision of what a reader shows."""

    runs: tuple[Live, ...]
    held_by: str
    revision: int


class Folders:
    """The run folders, with the specs and the final states that were read before."""

    def __init__(self, runs: Path) -> None:
        self.path = runs
        self._specs: dict[str, Live] = {}
        self._finished: dict[str, tuple[int, State]] = {}
        self.seen: Seen | None = None

    def look(self) -> tuple[Live, ...]:
        """Every run, those under way first."""
        from store.folders import run_folders

        found = [self._read(folder) for folder in run_folders(self.path)]
        return tuple(sorted(found, key=lambda run: (_rank(run.state), run.run_id)))

    def _read(self, folder: RunFolder) -> Live:
        written = _mtime(folder.path / "state.json")
        known = self._finished.get(folder.run_id)
        if known is not None and known[0] == written:
            state = known[1]
        else:
            state = folder.state()
            if state.status == "done":
                self._finished[folder.run_id] = written, state
        if state.status not in UNFINISHED:
            return Live(folder.run_id, state)
        if folder.run_id not in self._specs:
            self._specs[folder.run_id] = _spec(folder)
        return replace(self._specs[folder.run_id], state=state)


def cells(matrix: Matrix, runs: Iterable[Live]) -> dict[Place, Cell]:
    """The cells of `matrix` without a number that a queued, running or failed run will fill."""
    waiting: dict[Place, Cell] = {}
    if matrix.view.source != "run":
        return waiting
    for run in runs:
        status = "failed" if run.state.status == "interrupted" else run.state.status
        if run.state.status not in UNFINISHED or not _in_slice(run, matrix):
            continue
        for column in matrix.columns:
            place = (run.calibration, column)
            if matrix[place].value is None and place not in waiting:
                waiting[place] = Cell(
                    run_ids=(run.run_id,), status=status, fraction=run.state.fraction, note=doing(run.state)
                )
    return waiting


def expected(matrix: Matrix, runs: Iterable[Live]) -> Matrix:
    """A matrix without numbers of calibrated runs, as the map that the runs under way will fill."""
    if matrix.view.source != "run" or has_calibrated(matrix):
        return matrix
    coming = [run for run in runs if run.state.status in UNFINISHED and run.calibration not in ("", run.method)]
    coming = [run for run in coming if matrix.view.model in (None, run.model)]
    if not coming:
        return matrix
    first = coming[0]
    view = replace(
        matrix.view, model=first.model, method=first.method, pattern=first.pattern, sparsity=first.sparsity
    )
    rows = order_rows(run.calibration for run in coming if _in_slice(run, replace(matrix, view=view)))
    columns = {language.partition("*")[0] for row in rows for language in row.split("+")}
    return replace(
        matrix, view=view, rows=(*matrix.references, *rows), columns=order_columns({*matrix.columns, *columns})
    )


def has_calibrated(matrix: Matrix) -> bool:
    """Whether there is a number of a run that read calibration text."""
    return any(row not in matrix.references for row, _ in matrix.cells)


def doing(state: State) -> str:
    """What a run is at, and how much is left; why it stopped."""
    from app.runs import duration

    if state.status == "interrupted":
        return f"interrupted at {state.fraction:.0%}; start it again and it goes on from there"
    left = "" if state.eta_s is None else f", {duration(state.eta_s)} left"
    return state.error or " ".join(filter(None, (state.stage, state.detail))) + left


def counts(runs: Iterable[Live]) -> dict[str, int]:
    """How many runs are running, queued, failed (interrupted ones among them)."""
    states = [run.state.status for run in runs]
    return {
        "running": states.count("running"),
        "queued": states.count("queued"),
        "failed": states.count("failed") + states.count("interrupted"),
    }


def _in_slice(run: Live, matrix: Matrix) -> bool:
    view = matrix.view
    same_sparsity = view.sparsity is None or run.sparsity is None or abs(view.sparsity - run.sparsity) < 0.005
    return (
        fold(run.model) == fold(view.model or "")
        and run.method == view.method
        and (run.pattern or None) == (view.pattern or None)
        and same_sparsity
    )


def _spec(folder: RunFolder) -> Live:
    """What a run prunes. pydantic reads it, so that a name on screen is the pipeline's."""
    from pipeline.launch import run_spec
    from store.folders import State

    try:
        spec = run_spec(folder)
    except (OSError, ValueError):
        spec = None
    if spec is None:
        return Live(folder.run_id, State(""))
    at = spec.coordinates
    return Live(
        run_id=folder.run_id,
        state=State(""),
        model=spec.model_name,
        method=at.method,
        pattern=at.pattern,
        sparsity=at.sparsity,
        calibration=at.calibration or at.method,
        seed=at.seed,
    )


def _rank(state: State) -> int:
    return _ORDER.index(state.status) if state.status in _ORDER else len(_ORDER)


def _mtime(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
