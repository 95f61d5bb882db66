"""Moving journal segments into results.duckdb: now and then, for a moment, by whichever process gets the chance.

One process at a time (elected by a lock on "<store>.ingest-lock") opens the store, moves in what is new and lets
go. Rows and the note of their segments (table segment) are committed together, so a segment is in or not. Nobody
waits: if somebody holds the store, segments stay where they are and are moved in the next time.

A writer killed in the middle of a block that DuckDB writes in place, it seems, leaves a file that cannot be read (a
checksum that did not match, once in some hundred kills). While a store is written to, "<store>.writing" lies beside
it: where that is found later, the writer died, and a store that is then damaged is made afresh from the run folders
at once.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import duckdb
from filelock import Timeout

from store.attach import ALIAS, Held, attached, explain, in_memory
from store.database import bring_up, create, current, stored_version
from store.errors import StoreDamaged, StoreError
from store.intake import IngestReport, elected, take_in
from store.rebuild import make_afresh


def ingest(store: Path, runs: Path, wait_s: float = 0.0) -> IngestReport:
    """Move every new segment under `runs` into `store`, which is made if it is not there.

    wait_s: how long to wait for another ingester or for somebody who has the store open.
    Raises StoreError for a store that cannot be used (damaged, newer, not ours, read-only, no space), never because
    somebody has it open, and never because of a segment.
    """
    try:
        with elected(store, wait_s):
            return _ingest(store, runs, wait_s)
    except Timeout:
        return IngestReport(elected=False)
    except Held as held:
        return IngestReport(held_by=held.by)
    except duckdb.Error as error:
        raise explain(error, store) from error
    except OSError as error:
        raise StoreError(f"{store}: {error.strerror or error}; the results are safe in the run folders") from error


def _ingest(store: Path, runs: Path, wait_s: float) -> IngestReport:
    mark = Path(f"{store}.writing")
    died = mark.exists()
    mark.touch()
    try:
        report = _move(store, runs, wait_s, check=died)
    except (Held, StoreError, duckdb.Error) as error:
        told = explain(error, store) if isinstance(error, duckdb.Error) else error
        damaged = isinstance(told, StoreDamaged)
        if not died and (damaged or told is error):
            mark.unlink(missing_ok=True)  # it was like that, or was not opened: no writing of ours was cut off
        if not (died and damaged):
            raise told from error
        report = _repair(store, runs)
    mark.unlink(missing_ok=True)
    return report


def _move(store: Path, runs: Path, wait_s: float, check: bool) -> IngestReport:
    if not store.exists():
        create(store)
    with _connection() as connection, attached(connection, store, read_only=False, wait_s=wait_s):
        if check:
            _read_through(connection)
        if stored_version(connection, store) != current():
            bring_up(connection)
        return take_in(connection, runs)


def _read_through(connection: duckdb.DuckDBPyConnection) -> None:
    """Read everything in the attached store: a damaged block raises duckdb.Error. (1 s for 10 million rows.)"""
    query = f"SELECT table_name FROM duckdb_tables() WHERE database_name = '{ALIAS}'"
    for (name,) in connection.execute(query).fetchall():
        connection.execute(f"SELECT bit_xor(hash(rows)) FROM {ALIAS}.{name} AS rows").fetchall()


def _repair(store: Path, runs: Path) -> IngestReport:
    rebuilt = make_afresh(store, runs)
    report = rebuilt.report
    report.repaired.append(
        f"{store} was damaged by a process that was killed while writing it, and is made afresh from the run "
        f"folders; the damaged file is {rebuilt.kept}"
    )
    return report


_instance: list[duckdb.DuckDBPyConnection] = []


@contextlib.contextmanager
def _connection() -> Iterator[duckdb.DuckDBPyConnection]:
    """This process's in-memory DuckDB for ingesting. Used by its one elected thread; thrown away after an error."""
    if not _instance:
        _instance.append(in_memory())
    try:
        yield _instance[0]
    except Held:
        raise
    except BaseException:
        for connection in _instance:
            connection.close()
        _instance.clear()
        raise
