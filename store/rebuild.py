"""Making results.duckdb afresh from the run folders: after damage, or where a schema change is more than adding."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb
from filelock import Timeout

from store.attach import ALIAS, Held, attached, explain, in_memory, quoted
from store.database import create
from store.errors import StoreError
from store.files import sync_folder
from store.holder import holder
from store.intake import IngestReport, elected, take_in

_PATIENCE_S = 10.0


@dataclass(frozen=True)
class Rebuilt:
    """What was moved in, and where the old store is now; None where there was none."""

    report: IngestReport
    kept: Path | None


def rebuild(store: Path, runs: Path) -> Rebuilt:
    """Make `store` from the segments under `runs` and put it in the old one's place, which is kept beside it.

    Equal row for row to what ingesting gave (only table `segment` names compacted segments by their new names).
    Raises StoreError while somebody has the store open.
    """
    try:
        with elected(store, _PATIENCE_S):
            return make_afresh(store, runs)
    except Timeout:
        raise StoreError(f"another process is writing to {store}; try again when it is done") from None
    except Held as held:
        raise StoreError(f"{store} is open in {held.by}: close it and try again") from None
    except duckdb.Error as error:
        raise explain(error, store) from error


def make_afresh(store: Path, runs: Path) -> Rebuilt:
    """The same for who is elected already. Raises Held, duckdb.Error, OSError."""
    fresh = store.with_name(f".{store.name}.rebuilt")
    try:
        return Rebuilt(_make(fresh, runs), _put_in_place(fresh, store))
    finally:
        fresh.unlink(missing_ok=True)


def _make(fresh: Path, runs: Path) -> IngestReport:
    create(fresh)
    connection = in_memory()
    try:
        connection.execute(f"ATTACH {quoted(fresh)} AS {ALIAS} (TYPE duckdb)")
        report = take_in(connection, runs)
        connection.execute(f"DETACH {ALIAS}")
    finally:
        connection.close()
    return report


def _put_in_place(fresh: Path, store: Path) -> Path | None:
    if not store.exists():
        fresh.replace(store)
        sync_folder(store.parent)
        return None
    kept = store.with_name(f"{store.name}.{datetime.now():%Y%m%d-%H%M%S}.old")
    with _nobody_else(store):
        store.replace(kept)
        log = Path(f"{store}.wal")
        if log.exists():
            log.replace(f"{kept}.wal")
        fresh.replace(store)
        sync_folder(store.parent)
    return kept


@contextlib.contextmanager
def _nobody_else(store: Path) -> Iterator[None]:
    """Hold the old store, so that nobody opens it between its two names; a damaged one cannot be held."""
    connection = in_memory()
    try:
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(attached(connection, store, read_only=False, wait_s=_PATIENCE_S))
                connection.execute(f"CHECKPOINT {ALIAS}")  # its log is empty when the names change
            except (StoreError, duckdb.Error):
                if (by := holder(store, to_write=True)) is not None:
                    raise Held(by) from None
            yield
    finally:
        connection.close()
