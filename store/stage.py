"""Reading journal segments into a temporary table of their table's columns, and telling what cannot be read."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from store.attach import quoted
from store.schema import Column, Table
from store.segments import Segment

RUN_KEY = "('0x' || md5(run_id)[1:13])::BIGINT"
"""run.run_key of a run_id: the same in every store, so that stores merge and rebuild without renumbering."""

_NOT_THE_FILES_FAULT = ("Permission denied", "Too many open files", "Out of Memory", "failed to allocate")


def run_key(run_id: str) -> int:
    """RUN_KEY's value for one run_id."""
    return int(hashlib.md5(run_id.encode(), usedforsecurity=False).hexdigest()[:13], 16)


@dataclass
class Staged:
    """What became of some segments.

    rows: those now in the staging table, with their numbers of rows. unreadable, newer (they have columns that this
    program does not know) and passed_over (not the file's fault): the reason for each. vanished: some are gone,
    because their run was compacted meanwhile.
    """

    rows: dict[Segment, int] = field(default_factory=dict)
    unreadable: dict[Segment, str] = field(default_factory=dict)
    newer: dict[Segment, str] = field(default_factory=dict)
    passed_over: dict[Segment, str] = field(default_factory=dict)
    vanished: bool = False


def staged_name(table: Table) -> str:
    """The temporary table that holds a table's staged rows, with the file that each came from."""
    return f"staged_{table.name}"


def stage(connection: duckdb.DuckDBPyConnection, table: Table, segments: list[Segment]) -> Staged:
    """Put the rows of `segments`, all of `table`, into its staging table, which is emptied first.

    A segment is staged whole or not at all. Never raises because of what a file holds.
    """
    empty_stage(connection, table)
    result = Staged()
    by_file = {str(segment.path): segment for segment in segments}
    _stage(connection, table, by_file, result)
    counts = f"SELECT filename, count(*) FROM {staged_name(table)} GROUP BY filename"
    for file, rows in connection.execute(counts).fetchall():
        result.rows[by_file[file]] = rows
    return result


def empty_stage(connection: duckdb.DuckDBPyConnection, table: Table) -> None:
    """Make the staging table of `table`, without rows."""
    definitions = [f"{column.name} {column.type}{' NOT NULL' * column.required}" for column in table.columns]
    single = [f"UNIQUE (filename, {', '.join(table.unit)})"] if table.one_row else []
    columns = ", ".join([*definitions, "filename VARCHAR NOT NULL", *single])
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {staged_name(table)} ({columns})")


def rows_of(files: list[Path]) -> str:
    """The SQL relation of all rows of Parquet files, with a column filename."""
    names = ", ".join(quoted(path) for path in files)
    return f"read_parquet([{names}], union_by_name = true, filename = true)"


def value_of(column: Column, found: set[str]) -> str:
    """The SQL expression of a column from segments that have the columns `found`."""
    if column.name == "run_key":
        return RUN_KEY
    return column.name if column.name in found else column.default or "NULL"


def _stage(connection: duckdb.DuckDBPyConnection, table: Table, files: dict[str, Segment], result: Staged) -> None:
    """Read all files at once; where that fails, each half by itself, down to the file that is to blame."""
    if not files:
        return
    try:
        unknown = _read(connection, table, list(files))
    except duckdb.Error as error:
        if len(files) == 1:
            _blame(next(iter(files.values())), error, result)
            return
        names = sorted(files)
        for half in (names[: len(names) // 2], names[len(names) // 2 :]):
            _stage(connection, table, {name: files[name] for name in half}, result)
        return
    for name, column in unknown.items():
        result.newer[files[name]] = f"column {table.name}.{column}"
    if unknown:
        _stage(connection, table, {name: files[name] for name in files.keys() - unknown.keys()}, result)


def _read(connection: duckdb.DuckDBPyConnection, table: Table, files: list[str]) -> dict[str, str]:
    """Stage `files`; or, where some have columns that this program does not know, stage none and name those."""
    source = rows_of([Path(file) for file in files])
    connection.execute(f"CREATE OR REPLACE TEMP TABLE raw AS SELECT * FROM {source}")
    known = {column.name for column in table.journal_columns} | {"filename"}
    found = {row[0] for row in connection.execute("DESCRIBE raw").fetchall()}
    if found - known:
        names = ", ".join(f"'{name}'" for name in sorted(found - known))
        query = f"SELECT file_name, min(name) FROM parquet_schema(?) WHERE name IN ({names}) GROUP BY file_name"
        return dict(connection.execute(query, [files]).fetchall())
    values = ", ".join(value_of(column, found) for column in table.columns)
    connection.execute(f"INSERT INTO {staged_name(table)} SELECT {values}, filename FROM raw")
    connection.execute("DROP TABLE raw")
    return {}


def _blame(segment: Segment, error: duckdb.Error, result: Staged) -> None:
    reason = str(error).partition("\n")[0]
    if not segment.path.exists():
        result.vanished = True  # compacted meanwhile: its rows are in another segment now
    elif any(text in reason for text in _NOT_THE_FILES_FAULT):
        result.passed_over[segment] = reason
    else:
        result.unreadable[segment] = reason
