"""One cell of a matrix and all that explains it: its rank, its references, its neighbours, the runs behind it."""

from dataclasses import dataclass, replace
from datetime import datetime

import duckdb

from store.matrix import Cell, target
from store.numbers import Number, of_slice
from store.pivot import assembled
from store.published import Published, published
from store.resolve import resolve
from store.slices import pair_order
from store.sql import select
from store.view import View


@dataclass(frozen=True)
class RunBehind:
    """A run whose number is in the cell's mean. value: that run's own; wall_s: of its last attempt, s."""

    run_id: str
    seed: int | None
    value: float | None
    status: str
    host: str | None
    device: str | None
    started_at: datetime | None
    finished_at: datetime | None
    wall_s: float | None
    git_commit: str | None
    sparsity_reached: float | None
    paper_table: int | None


@dataclass(frozen=True)
class Neighbour:
    """Another quantity at the same place, mean and sd over seeds."""

    quantity: str
    task: str
    unit: str
    better: str
    value: float | None
    sd: float | None


@dataclass(frozen=True)
class CellDetails:
    """rank, of: place among the calibrated rows of the column, 1 is best; None for a reference or missing cell.
    best: the column's best rows. dense, diagonal, paper: what to compare with, None where there is none; diagonal is
    the column's own language as calibration.
    column: (row, value) of every row with a number.
    """

    row: str
    column_name: str
    cell: Cell
    unit: str
    better: str
    rank: int | None
    of: int
    best: tuple[str, ...]
    dense: float | None
    diagonal: float | None
    paper: Published | None
    column: tuple[tuple[str, float], ...]
    neighbours: tuple[Neighbour, ...]
    runs: tuple[RunBehind, ...]


def cell(connection: duckdb.DuckDBPyConnection, view: View, row: str, column: str) -> CellDetails:
    """Everything known of one cell of the view's matrix. Raises ValueError as `matrix` does."""
    resolved = resolve(connection, replace(view, baseline="none"))
    numbers = of_slice(connection, resolved, None, _places(column))
    shown = {(entry.quantity, entry.task, entry.evaluation) for entry in resolved.entries}
    own = [n for n in numbers if (n.quantity, n.task, n.evaluation) in shown]
    found = assembled(resolved, own)
    here = found[row, column]
    known = [v for r in found.calibrated() if (v := found[r, column].known) is not None]
    return CellDetails(
        row=row,
        column_name=column,
        cell=here,
        unit=found.unit,
        better=found.better,
        rank=_rank(here.known, known, found.better) if row in found.calibrated() else None,
        of=len(known),
        best=found.best(column),
        dense=found["dense", column].known,
        diagonal=found[target(column), column].known,
        paper=published(connection, found.view).get((row, column)) if found.view.source == "run" else None,
        column=tuple((r, value) for r in found.rows if (value := found[r, column].value) is not None),
        neighbours=_neighbours([n for n in numbers if n.row == row and n not in own]),
        runs=_runs(connection, next((n for n in own if (n.row, n.place) == (row, column)), None)),
    )


def _places(column: str) -> list[str]:
    """The column's language, for English ARC's easy and challenge sets too."""
    language = target(column)
    return list({column, language, f"{language}-e", f"{language}-c"})


def _rank(value: float | None, column: list[float], better: str) -> int | None:
    if value is None:
        return None
    return 1 + sum(other < value if better == "lower" else other > value for other in column)


def _neighbours(numbers: list[Number]) -> tuple[Neighbour, ...]:
    """The other quantities of one row, each on its newest evaluation."""
    found = {
        (n.quantity, n.task): Neighbour(n.quantity, n.task, n.unit, n.better, n.mean, n.sd)
        for n in sorted(numbers, key=lambda n: n.newest)
    }
    return tuple(sorted(found.values(), key=lambda other: pair_order((other.quantity, other.task))))


def _runs(connection: duckdb.DuckDBPyConnection, number: Number | None) -> tuple[RunBehind, ...]:
    """The runs of a cell with the number that each gave."""
    if number is None:
        return ()
    values = dict(zip(number.run_ids, number.values, strict=True))
    return tuple(
        RunBehind(run_id, seed, values[run_id], *rest)
        for run_id, seed, *rest in select(connection, "cell_runs", {"run_ids": number.run_ids})
    )
