"""The store: readable, by whom it is held, what waits to be moved into it, what was set aside; and stopped runs."""

from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import duckdb

from app.doctor.finding import Finding
from app.start import runs_folder
from store.errors import StoreError
from store.folders import run_folders
from store.holder import holder
from store.reader import Freshness, Reader
from store.schema import VERSION

COUNTS = "SELECT count(DISTINCT run_id), count(*) FROM metrics WHERE source = 'run'"


def storage(store: Path) -> Iterator[Finding]:
    """Findings on the store and the run folders beside it."""
    runs = runs_folder(store)
    held = holder(store, to_write=True)
    try:
        with closing(Reader(store, runs)) as reader:
            freshness = reader.refresh()
            yield _contents(store, reader.connection)
    except StoreError as error:
        yield Finding("store", "fail", "can't be read", str(error))
        return
    if held is not None:
        how = "to write" if held.read_write else "to read"
        advice = "harmless: runs go on, and results are moved in when it is closed"
        yield Finding("lock", "warn", f"{store} is open {how} in {held}", advice)
    yield _waiting(freshness)
    if corrupt := sorted(runs.glob("*/journal/*.corrupt")):
        advice = "the same 'run' command measures again what they held; delete them when you have looked"
        yield Finding("segments", "warn", f"{len(corrupt)} set aside as unreadable, the first {corrupt[0]}", advice)
    yield _runs(runs)


def _contents(store: Path, connection: duckdb.DuckDBPyConnection) -> Finding:
    n_runs, n_numbers = connection.execute(COUNTS).fetchall()[0]
    numbers = f"{n_numbers:,} numbers of {n_runs} runs"
    if not store.exists():
        return Finding("store", "ok", f"{store} does not exist yet; {numbers}", "the first run makes it")
    size = store.stat().st_size / 1e6
    return Finding("store", "ok", f"{store}: schema {VERSION}, {numbers}, {size:.1f} MB, DuckDB {duckdb.__version__}")


def _waiting(freshness: Freshness) -> Finding:
    if not freshness.overlay_segments:
        return Finding("segments", "ok", "all moved into the store")
    seen = f"{freshness.overlay_segments} waiting to be moved into the store (shown all the same)"
    return Finding("segments", "ok", seen, "'calib-explorer ingest' moves them now")


def _runs(runs: Path) -> Finding:
    states = Counter(folder.state().status or "new" for folder in run_folders(runs))
    seen = ", ".join(f"{count} {status}" for status, count in states.most_common()) or "none yet"
    stopped = states["failed"] + states["interrupted"]
    advice = "'calib-explorer runs' says why and how to go on" if stopped else ""
    return Finding("runs", "warn" if stopped else "ok", f"{seen} in {runs}", advice)
