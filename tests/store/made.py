"""A store in memory for tests of views and queries, its rows put in by hand."""

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import duckdb

from store import paper
from store.database import apply_views
from store.schema import schema_sql

SMOL = "SmolLM2-135M-Instruct"
LANGUAGES = ("ar", "de", "en", "es", "ru", "sw", "zh")
QUANTITIES = {
    "perplexity": ("perplexity", "ppl", "lower"),
    "bits_per_byte": ("perplexity", "bits/byte", "lower"),
    "snr": ("fidelity", "dB", "higher"),
    "pruning_error": ("fidelity", "1e-6", "lower"),
    "hidden_difference": ("fidelity", "1", "lower"),
    "agnostic_difference": ("lsar", "1", "lower"),
    "specific_difference": ("lsar", "1", "lower"),
    "acc": ("task", "%", "higher"),
    "f1": ("task", "%", "higher"),
}


@dataclass
class Made:
    """Rows get the time at which they are written here: 1, 2, 3 ... minutes after midnight."""

    db: duckdb.DuckDBPyConnection
    minute: int = 0
    keys: dict[str, int] = field(default_factory=dict)

    def put(self, table: str, row: dict[str, Any]) -> None:
        self.minute += 1
        stamped = {**row, "written_at": f"2026-01-01 {self.minute // 60:02}:{self.minute % 60:02}:00+00"}
        names, marks = ", ".join(stamped), ", ".join("?" * len(stamped))
        self.db.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", list(stamped.values()))

    def run(self, method: str = "wanda", calibration: str | None = "de", **more: Any) -> str:
        """A run of SmolLM2 pruned with Wanda to 50 % on German, or as `more` says."""
        row: dict[str, Any] = {"source": "run", "status": "done", "model": SMOL, "dtype": "float32", **more}
        row |= {"method": method, "calibration": calibration}
        options = {"skip_blocks": row.pop("skip_blocks", []), **row.pop("options", {})}
        if method != "dense":
            row = {"pattern": "unstructured", "sparsity": 0.5, **row}
        if calibration is not None:
            row = {"calibration_source": "demo", "samples": 64, "length": 256, "seed": 0, **row}
        row["spec"] = json.dumps({"method": {"name": method, **options}})
        key = len(self.keys) + 1
        run_id = f"run-{key}"
        self.keys[run_id] = key
        self.put("run", {**row, "run_key": key, "run_id": run_id})
        return run_id

    def number(self, run_id: str, quantity: str, language: str, value: float | None, **more: Any) -> None:
        measure, unit, better = QUANTITIES[quantity]
        row = {"evaluation": f"{measure}-1", "measure": measure, "unit": unit, "better": better, **more}
        row |= {"quantity": quantity, "language": language, "value": value, "run_key": self.keys[run_id]}
        self.put("measurement", row)

    def rows(self, query: str) -> list[dict[str, Any]]:
        result = self.db.execute(query)
        names = [column[0] for column in result.description or ()]
        return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


@contextlib.contextmanager
def empty() -> Iterator[Made]:
    """Schema and views, no row; what is put in is taken back at the end."""
    with _taken_back(_schema()) as made:
        yield made


@contextlib.contextmanager
def with_paper() -> Iterator[Made]:
    """The paper's numbers too."""
    with _taken_back(_published()) as made:
        yield made


@contextlib.contextmanager
def _taken_back(db: duckdb.DuckDBPyConnection) -> Iterator[Made]:
    db.execute("BEGIN")
    try:
        yield Made(db)
    finally:
        db.execute("ROLLBACK")


@cache
def _schema() -> duckdb.DuckDBPyConnection:
    return _new()


@cache
def _published() -> duckdb.DuckDBPyConnection:
    db = _new()
    paper.load(db, "memory.main")
    return db


def _new() -> duckdb.DuckDBPyConnection:
    db = duckdb.connect(config={"threads": 1})
    db.execute(schema_sql())
    apply_views(db)
    return db
