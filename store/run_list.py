"""The list of runs."""

from dataclasses import dataclass
from datetime import datetime

import duckdb

from store.sql import select


@dataclass(frozen=True)
class RunRow:
    """One run as the store knows it; wall_s in s, peak_memory_bytes in bytes. A run under way: see its folder."""

    run_id: str
    source: str
    status: str
    model: str
    method: str
    pattern: str | None
    sparsity: float | None
    calibration: str | None
    seed: int | None
    setting: str
    grid: str | None
    started_at: datetime | None
    finished_at: datetime | None
    wall_s: float | None
    peak_memory_bytes: int | None
    host: str | None
    device: str | None
    git_commit: str | None
    attempt: int
    error: str | None


def runs(connection: duckdb.DuckDBPyConnection, source: str = "run") -> list[RunRow]:
    """Every run of a source, the last started first."""
    return [RunRow(*row) for row in select(connection, "runs", {"source": source})]
