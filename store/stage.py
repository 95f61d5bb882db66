"""Reading journal segments into a temporary table of exactly their table's columns, and telling what cannot be read."""

from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from store.attach import quoted
from store.schema import Column, Table
from store.segments import Segment

RUN_KEY = "('0x' || md5(run_id)[1:13])::BIGINT"
"""run.run_key of a run_id: the same in every store, so that stores merge and rebuild without renumbering."""

_NOT_THE_FILES_FAULT = ("Permission denied", "Too many open files", "Out of Memory", "failed to allocate")


@dataclass
class Staged:
    """What became of some segments. `rows`: those now in the temporary table, with their numbers of rows."""

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
    definitions = ", ".join(_definition(column) for column in table.columns)
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE {staged_name(table)} ({definitions}, filename VARCHAR NOT NULL)"
    )
    result = Staged()
    _stage(connection, table, {str(segment.path): segment for segment in segments}, result)
    counts = f"SELECT filename, count(*) FROM {staged_name(table)} GROUP BY filename"
    by_file = {str(segment.path): segment for segment in segments}
    for file, rows in connection.execute(counts).fetchall():
        result.rows[by_file[file]] = rows
    return result


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
    source = f"[{', '.join(quoted(Path(name)) for name in files)}]"
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE raw AS "
        f"SELECT * FROM read_parquet({source}, union_by_name = true, filename = true)"
    )
    known = {column.name for column in table.journal_columns} | {"filename"}
    found = {row[0] for row in connection.execute("DESCRIBE raw").fetchall()}
    if found - known:
        names = ", ".join(f"'{name}'" for name in sorted(found - known))
        query = (
            f"SELECT file_name, min(name) FROM parquet_schema({source}) WHERE name IN ({names}) GROUP BY file_name"
        )
        return dict(connection.execute(query).fetchall())
    values = ", ".join(_value(column, found) for column in table.columns)
    connection.execute(f"INSERT INTO {staged_name(table)} SELECT {values}, filename FROM raw")
    connection.execute("DROP TABLE raw")
    return {}


def _definition(column: Column) -> str:
    return f"{column.name} {column.type}{' NOT NULL' if column.required else ''}"


def _value(column: Column, found: set[str]) -> str:
    if column.name == "run_key":
        return RUN_KEY
    return column.name if column.name in found else column.default or "NULL"


def _blame(segment: Segment, error: duckdb.Error, result: Staged) -> None:
    reason = str(error).partition("\n")[0]
    if not segment.path.exists():
        result.vanished = True  # compacted meanwhile: its rows are in another segment now
    elif any(text in reason for text in _NOT_THE_FILES_FAULT):
        result.passed_over[segment] = reason
    else:
        result.unreadable[segment] = reason
