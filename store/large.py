"""The large tables in a reader: views over the attached store and over segments that it does not have yet.

Small tables are copied into the reader's memory (store/reader.py); these are read where they are.
"""

from collections import Counter

import duckdb

from store.attach import ALIAS
from store.schema import Table, journalled
from store.segments import Segment
from store.stage import rows_of, run_key, value_of

SMALL = ("run", "evaluation", "measurement")
"""The tables behind every matrix; in memory a store of 200,000 measurements takes 35 MB."""

LARGE = tuple(name for name in journalled() if name not in SMALL)


def readable(connection: duckdb.DuckDBPyConnection, segments: list[Segment]) -> set[Segment]:
    """Those of `segments` that are whole Parquet files. The others are the ingester's to set aside."""
    if not segments:
        return set()
    try:
        files = [str(segment.path) for segment in segments]
        connection.execute("SELECT count(*) FROM parquet_file_metadata(?)", [files]).fetchall()
    except duckdb.Error:
        half = len(segments) // 2
        return readable(connection, segments[:half]) | readable(connection, segments[half:]) if half else set()
    return set(segments)


def show(
    connection: duckdb.DuckDBPyConnection, table: Table, stored: set[str] | None, segments: list[Segment]
) -> None:
    """Make `table` visible under its name: the attached store's rows, where there is one, with those of `segments`
    in place of older writings of the same units.

    stored: the table's columns in the attached store (an older one lacks some); None without a store.
    """
    parts = [_stored(table, stored, segments)] if stored is not None else []
    runs = Counter(segment.run_id for segment in segments)
    if single := [segment for segment in segments if runs[segment.run_id] == 1]:
        parts.append(_written(connection, table, single))
    if several := [segment for segment in segments if runs[segment.run_id] > 1]:
        parts.append(_last(table, _written(connection, table, several)))
    columns = ", ".join(column.name for column in table.columns)
    body = "\nUNION ALL\n".join(f"SELECT {columns} FROM ({part})" for part in parts or [_nothing(table)])
    connection.execute(f"CREATE OR REPLACE VIEW {table.name} AS\n{body}")


def stored_columns(table: Table, stored: set[str]) -> str:
    """A select list of all columns of `table` from a store that has only the columns `stored`."""
    return ", ".join(
        column.name
        if column.name in stored
        else f"CAST({column.default or 'NULL'} AS {column.type}) AS {column.name}"
        for column in table.columns
    )


def _stored(table: Table, stored: set[str], segments: list[Segment]) -> str:
    if not stored:
        return _nothing(table)
    everything = f"SELECT {stored_columns(table, stored)} FROM {ALIAS}.{table.name} AS old"
    if not segments:
        return everything
    unit = ", ".join(f"old.{name}" for name in table.unit)
    files = rows_of([segment.path for segment in segments])
    known = {column.name for column in table.journal_columns}
    written = ", ".join(value_of(column, known) for column in table.columns if column.name in table.unit)
    kept = f"({unit}) NOT IN (SELECT {written} FROM {files})"
    if not table.has_run:
        return f"{everything} WHERE {kept}"
    keys = ", ".join(str(run_key(run_id)) for run_id in sorted({segment.run_id for segment in segments}))
    return f"{everything} WHERE run_key NOT IN ({keys}) UNION ALL {everything} WHERE run_key IN ({keys}) AND {kept}"


def _written(connection: duckdb.DuckDBPyConnection, table: Table, segments: list[Segment]) -> str:
    files = rows_of([segment.path for segment in segments])
    found = {row[0] for row in connection.execute(f"DESCRIBE SELECT * FROM {files}").fetchall()}
    values = ", ".join(
        f"CAST({value_of(column, found)} AS {column.type}) AS {column.name}" for column in table.columns
    )
    return f"SELECT {values}, filename FROM {files}"


def _last(table: Table, rows: str) -> str:
    unit = ", ".join(table.unit)
    return f"""WITH rows AS MATERIALIZED ({rows}) FROM rows SEMI JOIN (
        SELECT {unit}, max(written_at) AS written_at, max_by(filename, written_at) AS filename
        FROM rows GROUP BY {unit}) USING ({unit}, written_at, filename)"""


def _nothing(table: Table) -> str:
    columns = ", ".join(f"CAST(NULL AS {column.type}) AS {column.name}" for column in table.columns)
    return f"SELECT {columns} WHERE false"
