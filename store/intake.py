"""Taking segments into an attached store, and who may: the part that ingesting, rebuilding and packing share."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import duckdb
from filelock import FileLock, Timeout

from store.absorb import absorb
from store.attach import ALIAS
from store.errors import StoreError
from store.files import no_space
from store.holder import Holder
from store.schema import journalled
from store.segments import Segment, all_segments
from store.stage import Staged, stage

_BATCH_BYTES = 16_000_000
"""Parquet bytes of one transaction; unpacked in memory they are up to twenty times as many."""


@dataclass(frozen=True)
class IngestReport:
    """What one ingest did.

    elected: False when another process was ingesting. held_by: who had the store open and kept us out.
    repaired: what was done about a store that a killed writer had damaged.
    quarantined: unreadable segments, renamed to *.corrupt, with the reason. waiting: segments left where they are,
    with the reason (written by a newer program, no permission).
    """

    n_segments: int = 0
    n_rows: int = 0
    held_by: Holder | None = None
    quarantined: list[str] = field(default_factory=list)
    repaired: list[str] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    elected: bool = True


@contextlib.contextmanager
def elected(store: Path, wait_s: float) -> Iterator[None]:
    """Be the only process that writes to `store`. Raises filelock.Timeout, or StoreError where no lock can be had."""
    path = Path(f"{store}.ingest-lock")
    try:
        lock = FileLock(path, thread_local=False)
        lock.acquire(timeout=wait_s, poll_interval=0.02)
    except OSError as error:
        if no_space(error):
            raise StoreError(f"no space left beside {store}; the results are safe in the run folders") from error
        if isinstance(error, Timeout):
            raise
        raise StoreError(
            f"cannot write in {store.absolute().parent} ({error.strerror or error}): the store there can be read, "
            "but nothing can be added to it. Choose another with --store"
        ) from error
    try:
        yield
    finally:
        lock.release()


def take_in(connection: duckdb.DuckDBPyConnection, runs: Path) -> IngestReport:
    """Move every segment under `runs` that the attached store does not have into it, some megabytes a transaction."""
    report = IngestReport()
    for _ in range(100):
        known = {name for (name,) in connection.execute(f"SELECT segment FROM {ALIAS}.segment").fetchall()}
        pending = [segment for segment in all_segments(runs) if segment.name not in known]
        again = False
        for batch in _batches([segment for segment in pending if segment.table in journalled()]):
            report, vanished = _take_batch(connection, batch, report)
            again |= vanished
        if not again:
            alien = {s: f"table '{s.table}'" for s in pending if s.table not in journalled()}
            return replace(report, waiting=[*dict.fromkeys(report.waiting), *_newer(alien)])
    return report


def _take_batch(
    connection: duckdb.DuckDBPyConnection, batch: list[Segment], report: IngestReport
) -> tuple[IngestReport, bool]:
    """One transaction. The second value says that a segment was compacted meanwhile, so look again."""
    outcomes: dict[str, Staged] = {}
    for name, table in journalled().items():
        if segments := [segment for segment in batch if segment.table == name]:
            outcomes[name] = stage(connection, table, segments)
    rows = {segment: n for outcome in outcomes.values() for segment, n in outcome.rows.items()}
    if rows:
        connection.execute("BEGIN")
        for name in outcomes:
            absorb(connection, ALIAS, journalled()[name])
        _note(connection, rows)
        connection.execute("COMMIT")
    report = replace(report, n_segments=report.n_segments + len(rows), n_rows=report.n_rows + sum(rows.values()))
    for outcome in outcomes.values():
        report.quarantined.extend(_set_aside(segment, why) for segment, why in outcome.unreadable.items())
        report.waiting.extend(_newer(outcome.newer))
        report.waiting.extend(f"{segment.path}: {why}" for segment, why in outcome.passed_over.items())
    return report, any(outcome.vanished for outcome in outcomes.values())


def _note(connection: duckdb.DuckDBPyConnection, rows: dict[Segment, int]) -> None:
    connection.execute(
        f"""INSERT INTO {ALIAS}.segment (segment, run_id, attempt, target, n_rows)
        SELECT unnest($names), unnest($runs), unnest($attempts), unnest($tables), unnest($rows)""",
        {
            "names": [segment.name for segment in rows],
            "runs": [segment.run_id for segment in rows],
            "attempts": [segment.attempt for segment in rows],
            "tables": [segment.table for segment in rows],
            "rows": list(rows.values()),
        },
    )


def _batches(segments: list[Segment]) -> Iterator[list[Segment]]:
    batch: list[Segment] = []
    size = 0
    for segment in sorted(segments, key=lambda segment: (segment.time_ns, segment.name)):
        with contextlib.suppress(FileNotFoundError):
            size += segment.path.stat().st_size
        batch.append(segment)
        if size >= _BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _set_aside(segment: Segment, reason: str) -> str:
    aside = segment.path.with_name(segment.path.name + ".corrupt")
    try:
        segment.path.replace(aside)
    except OSError as error:
        return f"{segment.path} is unreadable ({reason}) and could not be set aside ({error.strerror})"
    return f"{segment.path} was unreadable and is now {aside.name} ({reason}); its measurements are taken again"


def _newer(segments: dict[Segment, str]) -> list[str]:
    return [
        f"{segment.path} was written by a newer calib-explorer ({what} is unknown here); it waits for that version"
        for segment, what in segments.items()
    ]
