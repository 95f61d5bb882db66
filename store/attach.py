"""Opening results.duckdb: for a moment, by one thread of this process at a time, with errors that say what to do.

A long-lived in-memory DuckDB attaches the file and detaches it (5 ms) instead of connecting to it anew (20 ms).
"""

import contextlib
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb

from store.errors import StoreDamaged, StoreError
from store.holder import Holder, holder, this_process

ALIAS = "results"
"""The name of the attached store in our connections."""

_GATE = threading.Lock()
_RETRY_S = 0.01


class Held(Exception):
    """Somebody has the store open in a way that keeps us out."""

    def __init__(self, by: Holder) -> None:
        super().__init__(str(by))
        self.by = by


def in_memory() -> duckdb.DuckDBPyConnection:
    """A new in-memory DuckDB to attach stores to. It never draws a progress bar into the terminal."""
    connection = duckdb.connect()
    connection.execute("SET enable_progress_bar = false")
    return connection


@contextlib.contextmanager
def attached(
    connection: duckdb.DuckDBPyConnection, store: Path, *, read_only: bool, wait_s: float = 0.3
) -> Iterator[None]:
    """Have `store` attached as "results". A transaction left open is rolled back at the end.

    Raises Held when somebody else has it open for longer than `wait_s`, StoreError when it cannot be used.
    """
    deadline = time.monotonic() + wait_s
    if not _GATE.acquire(timeout=max(wait_s, 0.001)):
        raise Held(this_process(not read_only))
    try:
        _attach(connection, store, read_only, deadline)
        try:
            yield
        finally:
            _detach(connection)
    finally:
        _GATE.release()


def quoted(path: Path) -> str:
    """A path as an SQL string."""
    return "'" + str(path).replace("'", "''") + "'"


_REBUILD = "'calib-explorer rebuild --store {store}' makes it afresh from the run folders and keeps the old file"

_EXPLANATIONS = (
    (
        ("No space left", "Disk quota"),
        "no space left beside {store}; the results are safe in the run folders. Make room",
    ),
    (("Read-only file system",), "{store} is on a read-only disk: it can be read, but nothing can be added to it"),
    (("Permission denied",), "no permission to open {store} or to write in its folder ({first})"),
    (("WAL",), "{store}.wal is not {store}'s own log ({first}). Move it away, or: " + _REBUILD),
    (("not a valid DuckDB database",), "{store} is not a DuckDB database. Move it away, or: " + _REBUILD),
    (
        ("newer version", "higher storage version", "newer DuckDB"),
        "{store} was written by a newer DuckDB than {duckdb} ({first}). Upgrade duckdb",
    ),
    (
        ("Corrupt", "checksum", "Could not read", "eserializ", "etadata", "INTERNAL"),
        "{store} is damaged ({first}). " + _REBUILD,
    ),
)
"""What an error of DuckDB says, in this order, and what it means."""


def explain(error: duckdb.Error, store: Path) -> StoreError:
    """What an error of DuckDB means for the person who wants to use `store`."""
    text = str(error)
    first = text.partition("\n")[0]
    for marks, message in _EXPLANATIONS:
        if any(mark in text for mark in marks):
            kind = StoreDamaged if _REBUILD in message else StoreError
            return kind(message.format(store=store, first=first, duckdb=duckdb.__version__))
    return StoreError(f"{store}: {first}")


def _attach(connection: duckdb.DuckDBPyConnection, store: Path, read_only: bool, deadline: float) -> None:
    while True:
        by = holder(store, to_write=not read_only)
        if by is None:
            try:
                mode = "READ_ONLY" if read_only else "READ_WRITE"
                connection.execute(f"ATTACH {quoted(store)} AS {ALIAS} (TYPE duckdb, {mode})")
                _check_length(connection, store)
                return
            except duckdb.Error as error:
                by = _who(error, store, read_only)
        if time.monotonic() >= deadline:
            raise Held(by)
        time.sleep(_RETRY_S)


def _who(error: duckdb.Error, store: Path, read_only: bool) -> Holder:
    """The holder that an ATTACH met; raises StoreError where that was not the trouble."""
    text = str(error)
    if "Unique file handle conflict" in text or "different configuration" in text:
        return this_process(read_write=True)
    if "Could not set lock" in text:
        return holder(store, to_write=not read_only) or Holder(0, "", True)
    raise explain(error, store) from error


def _check_length(connection: duckdb.DuckDBPyConnection, store: Path) -> None:
    """A file cut short opens without complaint as long as its first blocks are there. (Free blocks at the end of a
    whole file may be missing, so total_blocks says nothing; nor does anything while rows are in a log.)"""
    if Path(f"{store}.wal").exists():
        return
    query = "SELECT block_size * used_blocks FROM pragma_database_size() WHERE database_name = ?"
    size = connection.execute(query, [ALIAS]).fetchall()
    if size and store.stat().st_size < size[0][0]:
        _detach(connection)
        raise StoreDamaged(
            f"{store} is damaged: it was cut short ({store.stat().st_size:,} bytes of {size[0][0]:,} or more). "
            + _REBUILD.format(store=store)
        )


def _detach(connection: duckdb.DuckDBPyConnection) -> None:
    with contextlib.suppress(duckdb.Error):
        connection.execute("ROLLBACK")
    with contextlib.suppress(duckdb.Error):
        connection.execute("USE memory")
        connection.execute(f"DETACH DATABASE IF EXISTS {ALIAS}")
