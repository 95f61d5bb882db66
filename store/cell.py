"""One cell of a matrix and all that explains it: its rank, its references, its neighbours, the runs behind it."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import duckdb

from store.matrix import Cell, Matrix, target
from store.pivot import filled, paper_twin
from store.resolve import Resolved, resolve
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
    best: the column's best rows. dense, diagonal, paper: the values to compare with, None where there are none;
    diagonal is the column's own language as calibration; paper_table is where `paper` is printed.
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
    paper: float | None
    paper_table: int | None
    column: tuple[tuple[str, float], ...]
    neighbours: tuple[Neighbour, ...]
    runs: tuple[RunBehind, ...]


def cell(connection: duckdb.DuckDBPyConnection, view: View, row: str, column: str) -> CellDetails:
    """Everything known of one cell of the view's matrix. Raises ValueError as `matrix` does."""
    resolved = resolve(connection, replace(view, baseline="none"))
    found = filled(connection, resolved)
    here = found[row, column]
    known = [v for r in found.calibrated() if (v := found[r, column].known) is not None]
    paper, paper_table = _paper(connection, found, row, column)
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
        paper=paper,
        paper_table=paper_table,
        column=tuple((r, value) for r in found.rows if (value := found[r, column].value) is not None),
        neighbours=_neighbours(connection, resolved, row, column),
        runs=_runs(connection, found, row, column),
    )


def _rank(value: float | None, column: list[float], better: str) -> int | None:
    if value is None:
        return None
    return 1 + sum(other < value if better == "lower" else other > value for other in column)


def _paper(
    connection: duckdb.DuckDBPyConnection, found: Matrix, row: str, column: str
) -> tuple[float | None, int | None]:
    if found.view.source == "paper":
        return None, None
    twin = paper_twin(connection, found.view)
    behind = _runs(connection, twin, row, column)
    return twin[row, column].known, behind[0].paper_table if behind else None


def _neighbours(
    connection: duckdb.DuckDBPyConnection, resolved: Resolved, row: str, column: str
) -> tuple[Neighbour, ...]:
    """The other quantities in the same language, each on its newest evaluation; ARC's easy and challenge sets
    beside any column of their language."""
    if resolved.slice is None:
        return ()
    newest: dict[tuple[str, str, str], tuple[Any, Neighbour]] = {}
    parameters = {**resolved.parameters(), "rows": [row], "place": None}
    for _, quantity, task, place, _, unit, better, mean, sd, _, _, time in select(connection, "numbers", parameters):
        key = quantity, task, place
        same = (quantity, task) == (resolved.view.quantity, resolved.view.task)
        if same or target(place) != target(column) or (key in newest and newest[key][0] >= time):
            continue
        newest[key] = (
            time,
            Neighbour(quantity, f"{task} {place[-1]}" if "-" in place else task, unit, better, mean, sd),
        )
    return tuple(sorted((n for _, n in newest.values()), key=lambda n: pair_order((n.quantity, n.task))))


def _runs(connection: duckdb.DuckDBPyConnection, found: Matrix, row: str, column: str) -> tuple[RunBehind, ...]:
    run_ids = list(found[row, column].run_ids)
    if not run_ids:
        return ()
    parameters = {
        "run_ids": run_ids,
        "quantity": found.view.quantity,
        "place": column,
        "evaluations": list(found.evaluations),
    }
    return tuple(RunBehind(*fields) for fields in select(connection, "cell_runs", parameters))
