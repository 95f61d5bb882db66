"""The large tables in a reader: views over the attached store and over segments that it does not have yet.

Small tables are copied into the reader's memory (store/mirror.py); these are read where they are.
"""

from collections import Counter
from collections.abc import Sequence

import duckdb

from store.attach import ALIAS
from store.database import columns_of
from store.schema import Table, journalled, tables
from store.segments import Segment
from store.stage import rows_of, run_key, value_of

SMALL = ("run", "evaluation", "measurement")
"""The tables behind every matrix; in memory a store of 200,000 measurements takes 35 MB."""

LARGE = tuple(name for name in journalled() if name not in SMALL)


class LargeTables:
    """The large tables in `connection`. Outside `with reader:` they are names whose rows cannot be asked for."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self._stored: dict[str, dict[str, str]] | None = None
        self._shown: dict[str, tuple[Segment, ...]] = {}
        self._unreadable: set[Segment] = set()
        self._tried: set[Segment] = set()
        self.hide()

    def open(self, attached: bool) -> None:
        """From now on take rows from the attached store, where there is one, and from segments."""
        self._stored = columns_of(self._connection, ALIAS) if attached else None

    def show(self, segments: Sequence[Segment]) -> None:
        """Show the attached store's rows, with those of `segments` in place of older writings of the same units."""
        for name in LARGE:
            wanted = tuple(segment for segment in segments if segment.table == name)
            if self._shown.get(name) != wanted:
                self._show(tables()[name], [segment for segment in wanted if self._whole(wanted, segment)])
                self._shown[name] = wanted

    def hide(self) -> None:
        """Make every table a name without rows to ask for: not an empty one, which would be a wrong answer."""
        for name in LARGE:
            columns = _columns_of_nothing(tables()[name])
            message = f"the rows of {name} are read inside ''with reader:'' only, which opens the store"
            self._connection.execute(
                f"CREATE OR REPLACE VIEW {name} AS SELECT {columns} WHERE error('{message}') IS NULL"
            )
        self._shown.clear()

    def _whole(self, wanted: tuple[Segment, ...], segment: Segment) -> bool:
        if untried := [other for other in wanted if other not in self._tried]:
            self._unreadable |= set(untried) - _readable(self._connection, untried)
            self._tried |= set(untried)
        return segment not in self._unreadable

    def _show(self, table: Table, segments: list[Segment]) -> None:
        parts = [] if self._stored is None else [_stored(table, set(self._stored.get(table.name, ())), segments)]
        runs = Counter(segment.run_id for segment in segments)
        if single := [segment for segment in segments if runs[segment.run_id] == 1]:
            parts.append(_written(self._connection, table, single))
        if several := [segment for segment in segments if runs[segment.run_id] > 1]:
            parts.append(_last(table, _written(self._connection, table, several)))
        columns = ", ".join(column.name for column in table.columns)
        body = "\nUNION ALL\n".join(f"SELECT {columns} FROM ({part})" for part in parts or [_nothing(table)])
        self._connection.execute(f"CREATE OR REPLACE VIEW {table.name} AS\n{body}")


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


def _readable(connection: duckdb.DuckDBPyConnection, segments: list[Segment]) -> set[Segment]:
    """Those of `segments` that are whole Parquet files. The others are the ingester's to set aside."""
    try:
        files = [str(segment.path) for segment in segments]
        connection.execute("SELECT count(*) FROM parquet_file_metadata(?)", [files]).fetchall()
    except duckdb.Error:
        half = len(segments) // 2
        return _readable(connection, segments[:half]) | _readable(connection, segments[half:]) if half else set()
    return set(segments)


def _nothing(table: Table) -> str:
    return f"SELECT {_columns_of_nothing(table)} WHERE false"


def _columns_of_nothing(table: Table) -> str:
    return ", ".join(f"CAST(NULL AS {column.type}) AS {column.name}" for column in table.columns)
