"""What the store's tests write and hold: small runs, and a process that keeps a store open."""

import atexit
import contextlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import duckdb

from store.database import create
from store.folders import RunFolder
from store.journal import Journal, next_attempt
from store.schema import journalled

RUN = {"status": "done", "model": "m", "method": "wanda", "pattern": "unstructured", "sparsity": 0.5}
NUMBER = {
    "evaluation": "perplexity-1",
    "measure": "perplexity",
    "quantity": "perplexity",
    "unit": "ppl",
    "value": 1.0,
}


@dataclass(frozen=True)
class Place:
    """A folder for a store and its run folders."""

    folder: Path

    @property
    def store(self) -> Path:
        return self.folder / "results.duckdb"

    @property
    def runs(self) -> Path:
        return self.folder / "runs"

    def beside(self, name: str) -> "Place":
        """Another place inside this one, with a store without results."""
        other = Place(self.folder / name)
        other.folder.mkdir()
        shutil.copyfile(empty_store(), other.store)
        return other

    def journal(self, run_id: str) -> Journal:
        folder = RunFolder.at(self.runs, run_id).create({"run_id": run_id})
        return Journal(folder, next_attempt(folder))

    def run(self, run_id: str, languages: str = "de en", value: float = 1.0) -> Journal:
        """A run with two numbers and two neurons a language, in one segment each."""
        journal = self.journal(run_id)
        journal.write("run", [{**RUN, "calibration": "de", "seed": 0, "spec": {"method": {"name": "wanda"}}}])
        journal.write("evaluation", [{"evaluation": "perplexity-1", "measure": "perplexity", "source": "demo"}])
        for language in languages.split():
            self.number(journal, language, value)
            count = {"evaluation": "lape-1", "language": language, "block": 0, "n_active": 3}
            journal.write("neuron_count", [{**count, "neuron": 0}, {**count, "neuron": 1}])
        return journal

    def number(self, journal: Journal, language: str, value: float) -> Path:
        """One unit of two rows."""
        other = {"quantity": "bits_per_byte", "unit": "bits/byte"}
        rows: list[dict[str, Any]] = [{**NUMBER, "value": value}, {**NUMBER, "value": value, **other}]
        return journal.write("measurement", [{**row, "language": language} for row in rows])


@cache
def empty_store() -> Path:
    """A store without results, made once: making one takes half a second."""
    store = Path(tempfile.mkdtemp(prefix="calib-explorer-test-")) / "results.duckdb"
    create(store)
    atexit.register(shutil.rmtree, store.parent)
    return store


def rows(store: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table that runs write, sorted: what two equal stores have in common."""
    connection = duckdb.connect(str(store), read_only=True)
    try:
        tables = {name: [column.name for column in table.columns] for name, table in journalled().items()}
        return {
            name: connection.execute(f"SELECT {', '.join(columns)} FROM {name} ORDER BY ALL").fetchall()
            for name, columns in tables.items()
        }
    finally:
        connection.close()


def measured(connection: duckdb.DuckDBPyConnection) -> list[tuple[Any, ...]]:
    """run_id, language, value of the perplexities that are no paper's."""
    return connection.execute(
        "SELECT run_id, language, value FROM measurement JOIN run USING (run_key) "
        "WHERE source = 'run' AND quantity = 'perplexity' ORDER BY ALL"
    ).fetchall()


@contextlib.contextmanager
def held(store: Path, mode: str) -> Iterator[int]:
    """Another process has `store` open, mode 'read_only' or 'read_write'; gives its pid."""
    code = f"import duckdb, sys; c = duckdb.connect(sys.argv[1], read_only={mode == 'read_only'}); "
    code += "print('open', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", code, str(store)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        try:
            yield process.pid
        finally:
            process.kill()
