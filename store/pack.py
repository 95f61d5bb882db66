"""Making one file to share: a store that has everything, or a tar of it and the masks."""

import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

import duckdb

from store.attach import ALIAS, Held, attached, explain, in_memory, quoted
from store.database import columns_of, create, stored_version
from store.errors import StoreError
from store.folders import run_folders
from store.intake import IngestReport, take_in
from store.large import stored_columns
from store.schema import tables

_PATIENCE_S = 10.0


@dataclass(frozen=True)
class Packed:
    """The file, its size in bytes, the masks in it, and what came from the run folders alone."""

    file: Path
    n_bytes: int
    n_masks: int
    report: IngestReport


def pack(store: Path, runs: Path, file: Path, masks: bool = False) -> Packed:
    """Write everything in `store` and `runs` to `file`: a store; with `masks` a .tar of results.duckdb and
    runs/<run_id>/{spec.json,masks.safetensors}. Raises StoreError where `file` exists or the store is held.
    """
    if file.exists():
        raise StoreError(f"{file} exists already; remove it or choose another name")
    if masks and file.suffix != ".tar":
        raise StoreError(f"with masks the file is a tar archive: name it '{file.with_suffix('.tar').name}'")
    try:
        if not masks:
            report = _copy(store, runs, file)
            return Packed(file, file.stat().st_size, 0, report)
        with tempfile.TemporaryDirectory(prefix=".packing-", dir=file.absolute().parent) as scratch:
            whole = Path(scratch) / "results.duckdb"
            report = _copy(store, runs, whole)
            n_masks = _archive(whole, runs, file)
        return Packed(file, file.stat().st_size, n_masks, report)
    except Held as held:
        raise StoreError(f"{store} is open in {held.by}: close it and try again") from None
    except duckdb.Error as error:
        raise explain(error, store) from error
    except OSError as error:
        raise StoreError(f"cannot write {file}: {error.strerror or error}") from error


def _copy(store: Path, runs: Path, target: Path) -> IngestReport:
    create(target)
    connection = in_memory()
    try:
        connection.execute(f"ATTACH {quoted(target)} AS packed (TYPE duckdb)")
        if store.exists():
            with attached(connection, store, read_only=True, wait_s=_PATIENCE_S):
                stored_version(connection, store)
                _copy_rows(connection)
        connection.execute(f"DETACH packed; ATTACH {quoted(target)} AS {ALIAS} (TYPE duckdb)")
        report = take_in(connection, runs)
        connection.execute(f"DETACH {ALIAS}")
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    finally:
        connection.close()
    return report


def _copy_rows(connection: duckdb.DuckDBPyConnection) -> None:
    """Everything but the published numbers, which every store has already."""
    found = columns_of(connection, ALIAS)
    published = f"SELECT run_key FROM {ALIAS}.run WHERE source = 'paper'"
    for table in tables().values():
        if table.name == "schema_migration" or table.name not in found:
            continue
        columns = ", ".join(column.name for column in table.columns)
        chosen = stored_columns(table, set(found[table.name]))
        where = "WHERE evaluation NOT LIKE 'paper-%'" if table.name == "evaluation" else ""
        where = f"WHERE run_key NOT IN ({published})" if table.has_run else where
        connection.execute(
            f"INSERT INTO packed.{table.name} ({columns}) SELECT {chosen} FROM {ALIAS}.{table.name} {where}"
        )


def _archive(whole: Path, runs: Path, file: Path) -> int:
    n_masks = 0
    with tarfile.open(file, "w") as archive:
        archive.add(whole, "results.duckdb")
        for folder in run_folders(runs):
            if folder.masks.exists():
                archive.add(folder.path / "spec.json", f"runs/{folder.run_id}/spec.json")
                archive.add(folder.masks, f"runs/{folder.run_id}/masks.safetensors")
                n_masks += 1
    return n_masks
