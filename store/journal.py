"""A run's journal: finished work as small Parquet files in the run's folder, the durable record of everything.

A run writes here and never opens results.duckdb, so it never waits for whoever holds that file. One call is one
segment: written under a hidden name, forced to disk, renamed. results.duckdb is made from segments (store/ingest.py)
and can be made again from them.
"""

import io
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars

from store.errors import JournalFull, StoreError
from store.files import no_space, sync_folder, write_durably
from store.folders import RunFolder
from store.frames import Rows, dtype, frame
from store.schema import Table, journalled
from store.segments import Segment, segments_in

Unit = tuple[str, str, str, str]
"""evaluation, measure, task, language: what is measured, or missing, as a whole."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Journal:
    """Writes one run's segments. Hold the run's lock (RunFolder.lock) while using it: it is the only writer.

    attempt: which execution of the run this is, from 1; `next_attempt(folder)` says.
    """

    def __init__(self, folder: RunFolder, attempt: int) -> None:
        self.folder = folder
        self.attempt = attempt
        folder.journal.mkdir(parents=True, exist_ok=True)
        self._last_us = max((s.time_ns // 1000 for s in segments_in(folder.journal)), default=0)

    def write(self, table: str, rows: Rows) -> Path:
        """Write one segment and return when it is safe on disk.

        rows: dicts, or a polars frame, with the table's columns except run_key, run_id and written_at, which are
        filled in. They replace earlier rows of the same unit as a whole (see schema.sql): for "measurement" all
        rows of one evaluation, measure, task and language; for "run" the whole row.
        Raises ValueError for rows that do not fit the table, JournalFull when the disk is full.
        """
        if table not in journalled():
            raise ValueError(f"no table '{table}' in the journal; tables: {', '.join(journalled())}")
        microseconds = self._stamp()
        written_at = _EPOCH + timedelta(microseconds=microseconds)
        data = frame(journalled()[table], rows, self.folder.run_id, written_at)
        return self._write(microseconds, table, data)

    def compact(self) -> None:
        """Make one segment of each table's several, for a finished run. Safe to be killed in: until the old ones
        are gone both are there, and equal units count once."""
        for leftover in self.folder.journal.glob(".*.tmp"):
            leftover.unlink(missing_ok=True)
        by_table: dict[str, list[Segment]] = {}
        for segment in segments_in(self.folder.journal):
            by_table.setdefault(segment.table, []).append(segment)
        for name, several in by_table.items():
            if len(several) > 1 and name in journalled():
                self._compact(journalled()[name], several)

    def _compact(self, table: Table, several: list[Segment]) -> None:
        schema = {column.name: dtype(column.type) for column in table.journal_columns}
        read = [(segment, data) for segment in several if (data := _read(segment.path)) is not None]
        whole = [(segment, data) for segment, data in read if data.schema.items() <= schema.items()]
        if len(whole) < 2:
            return  # unreadable ones are the ingester's to set aside; other versions' stay as they are
        data = _latest(table, [data for _, data in whole])
        self._write(self._stamp(), table.name, data)
        for segment, _ in whole:
            segment.path.unlink(missing_ok=True)
        sync_folder(self.folder.journal)

    def _write(self, microseconds: int, table: str, data: polars.DataFrame) -> Path:
        path = self.folder.journal / f"{microseconds * 1000}-a{self.attempt}-{table}.parquet"
        buffer = io.BytesIO()
        data.write_parquet(buffer, compression="zstd", statistics=len(data) > 1000)  # small ones are opened faster
        try:
            write_durably(path, buffer.getvalue())
        except OSError as error:
            if no_space(error):
                raise JournalFull(
                    f"no space left to write {path} ({len(buffer.getvalue()):,} bytes); everything finished "
                    "before is safe. Make room and start the same command again: it goes on from there"
                ) from error
            raise StoreError(f"cannot write {path}: {error.strerror or error}") from error
        return path

    def _stamp(self) -> int:
        """Now in microseconds (what a TIMESTAMPTZ holds), later than any segment here even if the clock went back."""
        self._last_us = max(time.time_ns() // 1000, self._last_us + 1)
        return self._last_us


def next_attempt(folder: RunFolder) -> int:
    """1 for a run that never wrote anything, else one more than its last attempt."""
    return 1 + max((segment.attempt for segment in segments_in(folder.journal)), default=0)


def units(folder: RunFolder) -> set[Unit]:
    """What this run has measured: a segment is whole or not there. Unreadable segments count as not measured."""
    found: set[Unit] = set()
    for data in _measurements(folder):
        found.update(data.select("evaluation", "measure", "task", "language").unique().iter_rows())
    return found


def _latest(table: Table, several: list[polars.DataFrame]) -> polars.DataFrame:
    """Rows of the last writing of each unit, from one segment only: the same writing is in two where an earlier
    compaction was killed before it had removed what it had copied."""
    parts = [data.with_columns(_segment=polars.lit(index)) for index, data in enumerate(several)]
    data = polars.concat(parts, how="diagonal")
    for last in ("written_at", "_segment"):
        data = data.filter(polars.col(last) == polars.col(last).max().over(list(table.journal_unit)))
    return data.drop("_segment")


def _measurements(folder: RunFolder) -> Iterator[polars.DataFrame]:
    for segment in segments_in(folder.journal):
        if segment.table == "measurement" and (data := _read(segment.path)) is not None:
            yield data


def _read(path: Path) -> polars.DataFrame | None:
    try:
        with path.open("rb") as file:
            return polars.read_parquet(file)
    except (polars.exceptions.PolarsError, FileNotFoundError):
        return None
