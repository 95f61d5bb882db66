"""`calib-explorer show`: a matrix, a view of the store, or the list of what there is."""

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from app import matrix_files, matrix_text
from app.explorer import live
from app.failures import CommandError
from app.figures.printed import figures, is_figure, printed
from app.intervals import with_intervals
from app.listing import listing, relations, tables_listing
from app.sql import ROWS_OF_TEXT, ask, opened, rendered
from app.start import runs_folder
from app.table import without_empty_columns
from app.terminal import ColourChoice, colours, width
from store import queries
from store.reader import Freshness, Reader
from store.view import View
from store.view_files import view_files


def show(
    what: str, format: str, source: str | None, store: Path, color: ColourChoice, *, intervals: bool = False
) -> None:
    """Print `what`: "" for a list, "tables" or "figures" for a longer one, a view or table by name, else a matrix."""
    if intervals and (not what or what in ("tables", "figures") or what in relations() or is_figure(what)):
        raise CommandError("--intervals is for the matrix of a task, as in 'acc?task=arc'")
    if what == "tables":
        print(tables_listing(_not_latex(format, what)))
    elif what == "figures":
        print(figures(store, _not_latex(format, what)))
    elif format == "text" and is_figure(what):
        print(printed(what, store, color))
    elif what in relations():
        print(_relation(what, _not_latex(format, what), source, store))
    elif not what:
        with closing(Reader(store, runs_folder(store))) as reader:
            reader.refresh()
            print(listing(reader.connection, _not_latex(format, "the list")))
    else:
        print(_matrix(_view(what, source), format, store, color, intervals))


def sql_behind(what: str, source: str | None, store: Path) -> str:
    """The SQL of a matrix with its values filled in, or of a view; it runs in any DuckDB client."""
    if what in relations():
        return next((view.sql for view in view_files() if view.name == what), f"FROM {what};")
    view = _view(what, source)
    with closing(Reader(store, runs_folder(store))) as reader, _refusing():
        reader.refresh()
        return queries.matrix_sql(reader.connection, view)


def _relation(name: str, format: str, source: str | None, store: Path) -> str:
    """The rows of a view or table; in text without the columns that hold nothing."""
    with opened(store, views=[name]) as connection:
        columns = ask(connection, f'DESCRIBE "{name}"').rows
        chosen = source if any(column[0] == "source" for column in columns) else None
        where = f" WHERE source = '{chosen}'" if chosen else ""
        table = ask(connection, f'FROM "{name}"{where}', ROWS_OF_TEXT if format == "text" else None)
    return rendered(without_empty_columns(table) if format == "text" else table, format)


def _view(text: str, source: str | None) -> View:
    """Raises CommandError for what is neither a view string nor the name of something in the store."""
    try:
        view = View.parse(text)
    except ValueError as error:
        raise CommandError(str(error)) from None
    return view if source is None else replace(view, source=source)


def _matrix(view: View, format: str, store: Path, color: ColourChoice, intervals: bool) -> str:
    """The matrix, with the runs under way in the cells that they will fill."""
    runs = runs_folder(store)
    with closing(Reader(store, runs, views=())) as reader, _refusing():
        freshness = reader.refresh()
        matrix = queries.matrix(reader.connection, view)
        if intervals:
            with reader:
                matrix = with_intervals(matrix, queries.item_scores(reader.connection, matrix.view))
    under_way = live.Folders(runs).look()
    matrix = replace(matrix, cells={**matrix.cells, **live.cells(matrix, under_way)})
    if format == "csv":
        return matrix_files.csv(matrix)
    if format == "latex":
        return matrix_files.latex(matrix)
    if format == "json":
        return matrix_files.json(matrix, {"store": _facts(freshness)})
    lines = [matrix.title, ""]
    if matrix.columns:
        lines += [*matrix_text.grid(matrix, colours(color), width()), "", *matrix_text.legend(matrix)]
    return "\n".join([*lines, *_notes(store, freshness, under_way if view.source == "run" else ())])


@contextmanager
def _refusing() -> Iterator[None]:
    """A view that names something unknown is the asker's slip: store/ says what would be right."""
    try:
        yield
    except ValueError as error:
        raise CommandError(f"{error}\n('calib-explorer show' lists all there is)") from None


def _facts(freshness: Freshness) -> dict[str, Any]:
    return {
        "held_by": None if freshness.held_by is None else str(freshness.held_by),
        "segments_not_yet_in_it": freshness.overlay_segments,
        "stale": freshness.stale,
    }


def _notes(store: Path, freshness: Freshness, runs: Iterable[live.Live]) -> list[str]:
    """Who keeps the store from being read, and how many runs are still to add to it."""
    notes = []
    if not store.exists() and not runs_folder(store).exists():
        notes.append(f"There is no {store} (yet).")
    if freshness.held_by is not None:
        notes.append(f"{store} is open in {freshness.held_by}: these numbers are from the run folders alone.")
    counts = Counter(run.state.status for run in runs if run.state.status in live.UNFINISHED)
    if counts:
        told = ", ".join(f"{counts[status]} {status}" for status in live.UNFINISHED if counts[status])
        notes.append(f"Runs: {told} ('calib-explorer runs' lists them).")
    return notes


def _not_latex(format: str, what: str) -> str:
    if format == "latex":
        raise CommandError(f"latex is for matrices; print {what} as text, csv or json")
    return format
