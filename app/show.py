"""`calib-explorer show`: a matrix, a view of the store, or the list of what there is."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb

from app import matrix_files, matrix_text
from app.explorer import live
from app.failures import CommandError
from app.listing import listing, relations, tables_listing
from app.sql import ROWS_OF_TEXT, ask, rendered
from app.start import runs_folder
from app.terminal import ColourChoice, colours, width
from store import queries
from store.matrix import Matrix
from store.reader import Freshness, Reader
from store.view import View, nearest


def show(what: str, format: str, source: str | None, store: Path, color: ColourChoice) -> None:
    """Print `what`: "" for a list, "tables" for a longer one, the name of a view or table, else a matrix."""
    if what == "tables":
        print(tables_listing(_not_latex(format, what)))
        return
    view = None if what in ("", *relations()) else _view(what, source)
    runs = runs_folder(store)
    with Reader(store, runs) as reader:
        freshness = reader.refresh()
        if not what:
            print(listing(reader.connection, _not_latex(format, "the list")))
        elif view is None:
            limit = ROWS_OF_TEXT if format == "text" else None
            print(rendered(ask(reader.connection, f'FROM "{what}"', limit), _not_latex(format, what)))
        else:
            print(_printed(_matrix(reader.connection, view, runs), format, color, freshness))


def _view(text: str, source: str | None) -> View:
    """Raises CommandError for what is neither a view string nor the name of something in the store."""
    try:
        view = View.parse(text)
    except ValueError as error:
        raise CommandError(str(error)) from None
    return view if source is None else replace(view, source=source)


def _matrix(connection: duckdb.DuckDBPyConnection, view: View, runs: Path) -> Matrix:
    """The matrix, with the runs under way in the cells that they will fill."""
    try:
        matrix = queries.matrix(connection, view)
    except ValueError as error:
        raise CommandError(f"{error}\n('calib-explorer show' lists all there is)") from None
    return replace(matrix, cells={**matrix.cells, **live.cells(matrix, live.Folders(runs).look())})


def _printed(matrix: Matrix, format: str, color: ColourChoice, freshness: Freshness) -> str:
    if format == "csv":
        return matrix_files.csv(matrix)
    if format == "latex":
        return matrix_files.latex(matrix)
    if format == "json":
        return matrix_files.json(matrix, {"store": _facts(freshness)})
    lines = [matrix.title, ""]
    if matrix.columns:
        lines += [*matrix_text.grid(matrix, colours(color), width()), "", *matrix_text.legend(matrix)]
    return "\n".join([*lines, *_notes(freshness)])


def _facts(freshness: Freshness) -> dict[str, Any]:
    return {
        "held_by": None if freshness.held_by is None else str(freshness.held_by),
        "segments_not_yet_in_it": freshness.overlay_segments,
        "stale": freshness.stale,
    }


def _notes(freshness: Freshness) -> list[str]:
    """What the reader should know of the store while somebody else uses it."""
    return []


def _not_latex(format: str, what: str) -> str:
    if format == "latex":
        raise CommandError(f"latex is for matrices; print {what} as text, csv or json")
    return format
