"""Another store's rows as segments in our run folders: those of units that we do not have as new or newer."""

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import duckdb

from store.attach import ALIAS, quoted
from store.database import columns_of, stored_version
from store.errors import StoreError
from store.files import write_durably
from store.folders import RunFolder
from store.holder import holder
from store.large import stored_columns
from store.schema import Table, journalled
from store.stage import RUN_KEY

OTHER = "other"


def import_store(connection: duckdb.DuckDBPyConnection, other: Path, runs: Path) -> Iterator[Path]:
    """Write what the store `other` has and ours (attached as "results") lacks, one segment per run and table.

    Yields the segments. Raises StoreError where `other` is not a store, is newer than this program, or is held.
    """
    if (by := holder(other, to_write=False)) is not None:
        raise StoreError(f"{other} is open in {by}: close it and try again")
    connection.execute(f"ATTACH {quoted(other)} AS {OTHER} (TYPE duckdb, READ_ONLY)")
    try:
        stored_version(connection, other, OTHER)
        columns = columns_of(connection, OTHER)
        rows = connection.execute(
            f"SELECT run_key, run_id, coalesce(attempt, 1), spec::VARCHAR FROM {OTHER}.run WHERE source = 'run'"
        ).fetchall()
        folders = {key: (_folder(runs, run_id), attempt, spec) for key, run_id, attempt, spec in rows}
        with tempfile.TemporaryDirectory(prefix=".merging-", dir=_made(runs)) as scratch:
            for table in journalled().values():
                if table.name in columns:
                    target = Path(scratch) / table.name
                    _export(connection, table, columns, target)
                    yield from _distribute(table, target, folders)
    finally:
        connection.execute(f"DETACH {OTHER}")


def _export(
    connection: duckdb.DuckDBPyConnection, table: Table, columns: dict[str, dict[str, str]], target: Path
) -> None:
    """Parquet files in target/folder=<run_key>/stamp=<microseconds>, one for each run that has something new."""
    unit = " AND ".join(f"ours.{name} = theirs.{name}" for name in table.unit)
    run_id = "(SELECT run_id FROM other.run r WHERE r.run_key = theirs.run_key) AS run_id" if table.has_run else ""
    chosen = ", ".join(column.name for column in table.journal_columns if column.name != "run_id")
    connection.execute(f"""
        COPY (
          WITH theirs AS (
            SELECT {stored_columns(table, set(columns[table.name]))}, {_owner(table, columns)} AS folder
            FROM {OTHER}.{table.name} AS rows)
          SELECT {", ".join(part for part in (run_id, chosen) if part)}, folder,
            max(epoch_us(written_at)) OVER (PARTITION BY folder) AS stamp
          FROM theirs
          WHERE folder IN (SELECT run_key FROM {OTHER}.run WHERE source = 'run') AND NOT EXISTS (
            FROM {ALIAS}.{table.name} AS ours WHERE {unit} AND ours.written_at >= theirs.written_at))
        TO {quoted(target)} (FORMAT parquet, PARTITION_BY (folder, stamp))""")


def _owner(table: Table, columns: dict[str, dict[str, str]]) -> str:
    """The run_key of the run in whose folder a row goes."""
    if table.has_run:
        return "rows.run_key"
    if table.name == "mask_overlap":
        return RUN_KEY.replace("run_id", "split_part(rows.run_a, ' & ', 1)")
    users = [name for name, found in columns.items() if {"run_key", "evaluation"} <= found.keys()]
    uses = " UNION ".join(f"SELECT run_key, evaluation FROM {OTHER}.{name}" for name in users if name in journalled())
    return f"unnest((SELECT list(DISTINCT uses.run_key) FROM ({uses}) uses WHERE uses.evaluation = rows.evaluation))"


def _distribute(table: Table, target: Path, folders: dict[int, tuple[RunFolder, int, str | None]]) -> Iterator[Path]:
    for number, file in enumerate(sorted(target.glob("folder=*/stamp=*/*.parquet"))):
        key = int(file.parent.parent.name.removeprefix("folder="))
        stamp = int(file.parent.name.removeprefix("stamp="))
        folder, attempt, spec = folders[key]
        folder.journal.mkdir(parents=True, exist_ok=True)
        if spec is not None and not (folder.path / "spec.json").exists():
            write_durably(folder.path / "spec.json", spec.encode())
        segment = folder.journal / f"{stamp * 1000 + number % 1000}-a{attempt}-{table.name}.parquet"
        write_durably(segment, file.read_bytes())
        yield segment


def _folder(runs: Path, run_id: str) -> RunFolder:
    if not re.fullmatch(r"[\w+][\w+.\-]*", run_id):
        raise StoreError(f"the other store has a run named '{run_id}', which cannot be a folder's name")
    return RunFolder.at(runs, run_id)


def _made(runs: Path) -> Path:
    runs.mkdir(parents=True, exist_ok=True)
    return runs
