"""`calib-explorer sql`: a query against the store as it is now, running runs included. Never writes to it."""

import signal
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from importlib.resources import files
from pathlib import Path

import duckdb

from app.failures import CommandError
from app.start import runs_folder
from app.table import Table, as_csv, as_json, as_text
from app.terminal import width
from store.reader import Reader

ROWS_OF_TEXT = 1000
"""More rows than these nobody reads in a terminal; csv and json print all."""

READING = ("SELECT", "EXPLAIN", "PRAGMA", "CALL", "COPY", "MULTI", "VARIABLE_SET", "SET", "RELATION")
"""Statement types that leave tables alone. COPY is for export: no table can be written to. MULTI is PIVOT."""


def answer(query: str, format: str, store: Path) -> None:
    """Print what `query` returns. Raises CommandError with DuckDB's own hint for an error in it."""
    with opened(store) as connection, _ended_by_ctrl_c():
        table = ask(connection, query, ROWS_OF_TEXT if format == "text" else None)
    print(rendered(table, format))


@contextmanager
def opened(store: Path, views: Collection[str] | None = None) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection with every table and the `views` named, or every view, held for one question."""
    with closing(Reader(store, runs_folder(store), views=views)) as reader, reader:
        yield reader.connection


def ask(connection: duckdb.DuckDBPyConnection, query: str, limit: int | None = None) -> Table:
    """The rows of the last statement of `query`, `limit` at most."""
    try:
        statements = connection.extract_statements(query)
        if not statements:
            raise CommandError("no query; 'calib-explorer sql --examples' shows some")
        for statement in statements:
            _refuse_writing(statement)
            result = connection.execute(statement)
        columns = _distinct([column[0] for column in result.description or ()])
        rows = result.fetchall() if limit is None else result.fetchmany(limit + 1)
    except duckdb.Error as error:
        raise CommandError(explained(error)) from None
    return Table(columns, tuple(rows[:limit]), more=limit is not None and len(rows) > limit)


def rendered(table: Table, format: str) -> str:
    """`table` as text (for the terminal's width), csv or json."""
    if format == "csv":
        return as_csv(table)
    return as_json(table) if format == "json" else as_text(table, width())


def explained(error: duckdb.Error) -> str:
    """DuckDB's message with its "Did you mean" and its pointer into the query."""
    return f"SQL: {str(error).strip()}"


def example_queries() -> str:
    """store/examples.sql, as it is."""
    return (files("store") / "examples.sql").read_text(encoding="utf-8").rstrip()


@contextmanager
def _ended_by_ctrl_c() -> Iterator[None]:
    """DuckDB hears Ctrl-C only between its tasks, which can be minutes. Nothing is written here, so just end."""
    before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _refuse_writing(statement: duckdb.Statement) -> None:
    kind = statement.type.name
    if kind not in READING:
        raise CommandError(
            f"'calib-explorer sql' only reads, and this is {kind}: open the store with 'duckdb results.duckdb' to "
            "write to it (runs go on meanwhile)"
        )


def _distinct(names: list[str]) -> tuple[str, ...]:
    """Column names with "_1", "_2" at repeated ones, as DuckDB does it in a table."""
    return tuple(f"{name}_{names[:i].count(name)}" if name in names[:i] else name for i, name in enumerate(names))
