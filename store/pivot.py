"""From rows of the query `matrix` to a Matrix."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import duckdb

from store.matrix import Cell, Matrix, Place, order_columns, order_references, order_rows, target
from store.resolve import Resolved, resolve
from store.sql import select, sql
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
    rows = select(connection, "matrix", resolved.parameters()) if resolved.entries else []
    found = _matrix(resolved, rows, tuple(languages))
    found = replace(found, title=title(connection, resolved, {row[-1] for row in rows}))
    return replace(found, base=_base(connection, found))


def matrix_sql(connection: duckdb.DuckDBPyConnection, view: View) -> str:
    """The SQL behind a view's matrix with its values filled in, to paste into any SQL shell."""
    resolved = resolve(connection, view)
    return sql("matrix", resolved.parameters() if resolved.entries else None)


def _matrix(resolved: Resolved, rows: list[tuple[Any, ...]], languages: tuple[str, ...]) -> Matrix:
    cells: dict[Place, Cell] = {}
    calibrations, references = list(languages), list[str]()
    for calibration, method, column, mean, sd, run_ids, note, _ in rows:
        (references if calibration is None else calibrations).append(calibration or method)
        cells[calibration or method, column] = Cell(mean, sd, len(run_ids), tuple(run_ids), note=note or "")
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
        other = paper_twin(connection, found.view)
        return {place: value for place, cell in other.cells.items() if (value := cell.known) is not None}
    if baseline not in BASELINES and baseline not in found.rows:
        raise ValueError(f"no baseline '{baseline}'; valid: {', '.join((*BASELINES, *found.rows))}")
    base = {}
    for row, column in found.cells:
        source = target(column) if baseline == "diagonal" else baseline
        if (value := found[source, column].known) is not None:
            base[row, column] = value
    return base


def paper_twin(connection: duckdb.DuckDBPyConnection, view: View) -> Matrix:
    """The paper's matrix of the same model, method and sparsity; empty where the paper has none."""
    twin = replace(view, source="paper", evaluation=None, setting=None, baseline="none")
    resolved = resolve(connection, twin)
    return _matrix(resolved, select(connection, "matrix", resolved.parameters()) if resolved.entries else [], ())
