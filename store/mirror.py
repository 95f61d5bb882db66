"""The small tables of a store in a reader's memory: copied once, then kept up to date by what was added.

Segments go in by the ingester's own rule (store/absorb.py), whether they are in the store or not yet. So when the
ingester moves them in, nothing has to be copied; only runs whose segments were never seen here are.
"""

from collections.abc import Sequence
from pathlib import Path

import duckdb

from store import paper
from store.absorb import absorb
from store.attach import ALIAS
from store.database import columns_of, stored_version
from store.large import SMALL, stored_columns
from store.schema import journalled, tables
from store.segments import Segment
from store.stage import empty_stage, run_key, stage, staged_name

_MANY_RUNS = 200
"""With more new runs than this, copying everything is no slower."""


class Mirror:
    """The tables run, evaluation and measurement in the memory of `connection`.

    stored: names of the segments that the store had when it was last read. changes: grows with every change here.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self.stored: set[str] = set()
        self.changes = 0
        self._taken: set[str] = set()
        self._origin: tuple[object, ...] = ()
        for name in SMALL:
            connection.execute(tables()[name].sql)

    def read(self, store: Path, segments: Sequence[Segment]) -> None:
        """Bring the tables up to the attached `store`; `segments` are those on disk.

        Raises StoreError for a store that is newer than this program or not ours.
        """
        origin = (store.stat().st_ino, *stored_version(self._connection, store))
        rows = self._connection.execute(f"SELECT segment, run_id FROM {ALIAS}.segment").fetchall()
        new_runs = {run_id for name, run_id in rows if name not in self.stored and name not in self._taken}
        self.stored = {name for name, _ in rows}
        if origin != self._origin or len(new_runs) > _MANY_RUNS:
            self._copy_everything()
        elif new_runs:
            self._copy_runs(new_runs)
        complete = all(segment.name in self.stored for segment in segments)
        if complete and self._counts("memory") != self._counts(ALIAS):
            self._copy_everything()  # somebody changed the store by hand
        self._origin = origin

    def without_store(self) -> None:
        """Show the paper's numbers where there was no store to copy them from."""
        if not self._origin:
            paper.load(self._connection, "memory")
            self._origin = ("paper",)

    def take(self, segments: list[Segment]) -> None:
        """Take in those of `segments` that are neither here nor in the store."""
        for name in SMALL:
            new = [s for s in segments if s.table == name and s.name not in self._taken and s.name not in self.stored]
            if new:
                stage(self._connection, journalled()[name], new)
                self._absorb(name)
                self._taken.update(segment.name for segment in new)
                self.changes += 1

    def _copy_everything(self) -> None:
        columns = columns_of(self._connection, ALIAS)
        self._connection.execute("BEGIN")
        for name in SMALL:
            chosen = stored_columns(tables()[name], set(columns[name]))
            self._connection.execute(f"DELETE FROM memory.{name}")
            self._connection.execute(f"INSERT INTO memory.{name} SELECT {chosen} FROM {ALIAS}.{name}")
        self._connection.execute("COMMIT")
        self._taken.clear()
        self.changes += 1

    def _copy_runs(self, runs: set[str]) -> None:
        columns = columns_of(self._connection, ALIAS)
        keys = ", ".join(str(run_key(run_id)) for run_id in sorted(runs))
        for name in SMALL:
            table = journalled()[name]
            empty_stage(self._connection, table)
            chosen = stored_columns(table, set(columns[name]))
            where = f"WHERE run_key IN ({keys})" if table.has_run else ""
            self._connection.execute(
                f"INSERT INTO {staged_name(table)} SELECT {chosen}, '' FROM {ALIAS}.{name} {where}"
            )
            self._absorb(name)
        self.changes += 1

    def _absorb(self, name: str) -> None:
        self._connection.execute("BEGIN")
        try:
            absorb(self._connection, "memory", journalled()[name])
            self._connection.execute("COMMIT")
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise

    def _counts(self, catalog: str) -> list[int]:
        return [self._connection.execute(f"SELECT count(*) FROM {catalog}.{name}").fetchall()[0][0] for name in SMALL]
