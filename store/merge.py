"""Bringing another machine's results in: its run folders, or its store, become segments in our run folders.

So what was merged survives a rebuild, and a grid that asks for it finds it measured. Merging twice changes nothing:
units that we have as new or newer are left out (store), segments that we have are not copied again (run folders).
"""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb

from store.attach import ALIAS, Held, attached, explain, in_memory
from store.errors import StoreError
from store.files import write_durably
from store.folders import RunFolder
from store.imports import import_store
from store.ingest import ingest
from store.intake import IngestReport
from store.segments import Segment, segments_in

_PATIENCE_S = 10.0
_BESIDE = ("spec.json", "state.json", "events.jsonl", "log.txt", "masks.safetensors")


@dataclass(frozen=True)
class Merged:
    """Runs that something new came from, segments brought into our run folders, and the ingest after it."""

    n_runs: int
    n_segments: int
    report: IngestReport


def merge(store: Path, runs: Path, other: Path) -> Merged:
    """Bring the results of `other`, a results.duckdb or a runs folder, into `runs` and `store`.

    Raises StoreError where `other` is neither, cannot be read, or is our own.
    """
    first = ingest(store, runs, _PATIENCE_S)
    if first.held_by is not None:
        raise StoreError(f"{store} is open in {first.held_by}: close it and try again")
    connection = in_memory()
    try:
        with attached(connection, store, read_only=True, wait_s=_PATIENCE_S):
            known = {name for (name,) in connection.execute(f"SELECT segment FROM {ALIAS}.segment").fetchall()}
            if other.is_dir():
                written = list(_copy_runs(_runs_of(other, runs), runs, known))
            else:
                written = list(import_store(connection, _store_of(other, store), runs))
    except Held as held:
        raise StoreError(f"{store} is open in {held.by}: close it and try again") from None
    except duckdb.Error as error:
        raise explain(error, other) from error
    finally:
        connection.close()
    report = ingest(store, runs, _PATIENCE_S)
    return Merged(len({path.parent.parent for path in written}), len(written), report)


def _runs_of(other: Path, runs: Path) -> Path:
    folder = other / "runs" if (other / "runs").is_dir() else other
    if runs.exists() and folder.samefile(runs):
        raise StoreError(f"{other} is this store's own runs folder")
    if not any(folder.glob("*/journal")):
        raise StoreError(f"{other} has no run folders (<run>/journal) in it; give a runs folder or a results.duckdb")
    return folder


def _store_of(other: Path, store: Path) -> Path:
    if not other.exists():
        raise StoreError(f"no file or folder {other}; give another machine's results.duckdb or runs folder")
    if other.samefile(store):
        raise StoreError(f"{other} is this store itself")
    return other


def _copy_runs(source: Path, runs: Path, known: set[str]) -> Iterator[Path]:
    for path in sorted(source.iterdir()):
        if path.name.startswith(".") or not (path / "journal").is_dir():
            continue
        folder = RunFolder.at(runs, path.name)
        folder.journal.mkdir(parents=True, exist_ok=True)
        for name in _BESIDE:
            if (path / name).exists() and not (folder.path / name).exists():
                shutil.copyfile(path / name, folder.path / name)
        yield from _copy_segments(path / "journal", folder, known)


def _copy_segments(journal: Path, folder: RunFolder, known: set[str]) -> Iterator[Path]:
    """Until nothing is missing: a run that is finished there meanwhile is compacted under our hands."""
    for _ in range(100):
        missing = list(_missing(journal, folder, known))
        if not missing:
            return
        for segment in missing:
            try:
                data = segment.path.read_bytes()
            except FileNotFoundError:
                continue
            write_durably(folder.journal / segment.path.name, data)
            yield folder.journal / segment.path.name


def _missing(journal: Path, folder: RunFolder, known: set[str]) -> Iterator[Segment]:
    for segment in segments_in(journal):
        if segment.name not in known and not (folder.journal / segment.path.name).exists():
            yield segment
