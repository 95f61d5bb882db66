"""From numbers to a Matrix."""

from collections.abc import Iterable
from dataclasses import replace

import duckdb

from store.matrix import Cell, Matrix, Place, order_columns, order_references, order_rows, target
from store.numbers import Number, of_matrix
from store.published import published
from store.resolve import Resolved, resolve
from store.sql import sql
from store.titles import title
from store.view import BASELINES, View

RELATIVE = ("snr", "pruning_error", "iou")
"""Quantities that compare with the dense model: it has no row of its own in them unless it was measured."""


def matrix(connection: duckdb.DuckDBPyConnection, view: View, languages: Iterable[str] = ()) -> Matrix:
    """The matrix of a view: what is there, and the empty places that belong to it.

    languages: rows and columns wanted whether or not anything is there. By default, where a monolingual calibration
    has numbers, every column's language is a row, so that the missing runs can be seen (and started).
    Raises ValueError, with the nearest valid names, for a view that names something unknown.
    """
    return filled(connection, resolve(connection, view), languages)


def filled(connection: duckdb.DuckDBPyConnection, resolved: Resolved, languages: Iterable[str] = ()) -> Matrix:
    """The matrix of a view that is resolved already."""
    numbers = of_matrix(connection, resolved)
    found = assembled(resolved, numbers, tuple(languages))
    found = replace(found, title=title(connection, resolved, _tables(numbers)))
    return replace(found, base=_base(connection, found))


def _tables(numbers: list[Number]) -> set[int | None]:
    """The paper's tables behind the calibrated rows, behind all rows where none is."""
    return {n.paper_table for n in numbers if n.calibration is not None} or {n.paper_table for n in numbers}


def matrix_sql(connection: duckdb.DuckDBPyConnection, view: View) -> str:
    """The SQL behind a view's matrix with its values filled in, to paste into any SQL shell."""
    resolved = resolve(connection, view)
    return sql("matrix", resolved.parameters() if resolved.entries else None)


def assembled(resolved: Resolved, numbers: Iterable[Number], languages: tuple[str, ...] = ()) -> Matrix:
    """Put numbers in their places and add the empty ones; without title and baseline."""
    cells: dict[Place, Cell] = {}
    calibrations, references = list(languages), list[str]()
    for n in numbers:
        (references if n.calibration is None else calibrations).append(n.row)
        cells[n.row, n.place] = Cell(n.mean, n.sd, len(n.run_ids), tuple(n.run_ids), note=n.note)
    view = resolved.view
    columns = order_columns([*languages, *(column for _, column in cells)])
    if any("+" not in row for row in calibrations) and view.quantity != "iou":
        calibrations += [target(column) for column in columns]
    if view.source == "run" and view.quantity not in RELATIVE and columns:
        references.append("dense")
    first = order_references(references)
    entry = resolved.entries[0] if resolved.entries else None
    return Matrix(
        view=view,
        rows=(*first, *order_rows(calibrations)),
        columns=columns,
        references=first,
        cells=cells,
        unit=entry.unit if entry else "",
        better=entry.better if entry else "",
        evaluations=tuple(sorted({entry.evaluation for entry in resolved.entries})),
    )


def _base(connection: duckdb.DuckDBPyConnection, found: Matrix) -> dict[Place, float]:
    """What the view's baseline subtracts at each place. Raises ValueError for a baseline that is no row."""
    baseline = found.view.baseline
    if baseline == "none":
        return {}
    if baseline == "paper":
        return {place: number.value for place, number in published(connection, found.view).items()}
    if baseline not in BASELINES and baseline not in found.rows:
        raise ValueError(f"no baseline '{baseline}'; valid: {', '.join((*BASELINES, *found.rows))}")
    base = {}
    for row, column in found.cells:
        source = target(column) if baseline == "diagonal" else baseline
        if (value := found[source, column].known) is not None:
            base[row, column] = value
    return base
