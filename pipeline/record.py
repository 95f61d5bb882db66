"""The row of table `run`: a run's settings, who computed it and how it went, written to its journal as it goes on."""

import json
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import polars

from pipeline import provenance
from pipeline.spec import RunSpec
from pipeline.spec.calibration import parse_languages
from pipeline.spec.methods import GPTQ, Checkpoint, Dense
from store.errors import Busy, StoreError
from store.folders import RunFolder, State
from store.journal import Journal, next_attempt, units
from store.segments import segments_in

MAX_DEATHS = 3
"""A run whose worker died this often is given up."""

HOW_MADE = ("versions", "git_commit", "git_dirty", "host", "device", "threads")
"""Columns that tell where and with what a model was made."""

Values = Mapping[str, Any]


class AnotherModel(RuntimeError):
    """A model that was to be made again and came out as another one: what differs, and what to do."""


@dataclass
class Record:
    """One attempt at a run, known in the store by what was written last.

    here: the circumstances of this attempt. n_measured: what earlier ones measured; such a run stays the model it is.
    """

    journal: Journal
    values: dict[str, Any] = field(default_factory=dict)
    here: dict[str, Any] = field(default_factory=dict)
    n_measured: int = 0

    @classmethod
    def open(cls, folder: RunFolder, run: RunSpec, grid: str) -> "Record":
        """A new attempt that keeps what an earlier one found out. Hold the run's lock."""
        attempt = next_attempt(folder)
        values = {**as_written(folder), **settings(run), "grid": grid, "attempt": attempt, "error": None}
        queued = (folder.path / "spec.json").stat().st_mtime
        values.setdefault("created_at", datetime.fromtimestamp(queued, UTC))
        return cls(Journal(folder, attempt), values)

    def begin(self, here: Values) -> None:
        """Note that an attempt begins. How the run's model was made stays noted until it is made again (`made`)."""
        self.here, self.n_measured = dict(here), len(units(self.journal.folder))
        is_made = self.n_measured or self.values.get("weights_sha256")
        keep = {name for name in HOW_MADE if is_made and self.values.get(name) is not None}
        self.write("running", {name: value for name, value in here.items() if name not in keep})

    def made(self, news: Values) -> None:
        """Note that the run's model was made in this attempt, and what is known of it."""
        self.write("running", {name: self.here[name] for name in HOW_MADE if name in self.here} | {**news})

    def write(self, status: str, news: Values) -> None:
        """Add `news` (columns of table `run`) and write the row."""
        self.values |= {**news, "status": status}
        self.journal.write("run", [self.values])


def settings(run: RunSpec) -> dict[str, Any]:
    """The columns of table `run` that the settings decide."""
    at, method = run.coordinates, run.method
    text: dict[str, Any] = run.calibration.model_dump() if run.calibration else {}
    if isinstance(method, Checkpoint):
        text = {name: getattr(method.known, name) for name in ("source", "samples", "length")}
        text["languages"] = method.known.calibration
    rounding = method if isinstance(method, GPTQ) else None
    return {
        "source": "run",
        "model": run.model_name,
        "model_source": run.model,
        "method": at.method,
        "pattern": at.pattern,
        "sparsity": at.sparsity,
        "bits": None if rounding is None else rounding.bits,
        "group_size": None if rounding is None else rounding.group_size,
        "numerics": None if isinstance(method, (Dense, Checkpoint)) else run.arithmetic,
        "calibration": at.calibration,
        "calibration_languages": list(parse_languages(text["languages"])) if at.calibration else None,
        "calibration_shares": list(run.calibration.shares().values()) if run.calibration else None,
        "calibration_source": text.get("source"),
        "samples": text.get("samples"),
        "length": text.get("length"),
        "sampling": text.get("sampling"),
        "seed": at.seed,
        "preview": method.preview,
        "spec": json.loads(run.canonical()),
    }


def circumstances(device: str, threads: int, command: str) -> dict[str, Any]:
    """The columns of table `run` that say where and with what an attempt runs."""
    checkout = provenance.checkout()
    return {
        "versions": provenance.versions(),
        "git_commit": checkout.commit,
        "git_dirty": checkout.dirty,
        "host": provenance.host(),
        "username": provenance.username(),
        "device": device,
        "threads": threads,
        "command": command,
        "started_at": now(),
        "finished_at": None,
        "wall_s": None,
    }


def fail(folder: RunFolder, run: RunSpec, grid: str, reason: str) -> None:
    """Write down, from outside, that a run failed. Somebody else's run is left alone."""
    with suppress(Busy, StoreError, OSError), folder.lock():
        Record.open(folder, run, grid).write("failed", {"error": reason, "finished_at": now()})
        folder.event("failed", {"reason": reason})
        folder.write_state(State(status="failed", error=reason, grid=grid))


def deaths(folder: RunFolder) -> int:
    """How often a worker died on this run since it was last finished or given a new chance."""
    count = 0
    with suppress(FileNotFoundError):
        for line in folder.events.read_text(encoding="utf-8", errors="replace").splitlines():
            kind = _kind(line)
            count = count + 1 if kind == "died" else 0 if kind in ("done", "retried") else count
    return count


def command_line() -> str:
    """The command as typed, nearly."""
    return " ".join(["python -m pipeline", *sys.argv[1:]])


def now() -> datetime:
    return datetime.now(UTC)


def _kind(line: str) -> str:
    try:
        return str(json.loads(line).get("kind", ""))
    except (json.JSONDecodeError, AttributeError):
        return ""  # a line torn by a crash


def as_written(folder: RunFolder) -> dict[str, Any]:
    """The row as a run last wrote it, without what the journal fills in."""
    paths = [segment.path for segment in segments_in(folder.journal) if segment.table == "run"]
    for path in reversed(paths):
        with suppress(OSError, polars.exceptions.PolarsError):
            row = polars.read_parquet(path).to_dicts()[-1]
            return {name: value for name, value in row.items() if name not in ("run_id", "run_key", "written_at")}
    return {}


def noted(folder: RunFolder, table: str) -> list[dict[str, Any]]:
    """The rows of a run's last segment of a table; none where there is none or it can't be read."""
    segments = [segment for segment in segments_in(folder.journal) if segment.table == table]
    try:
        return polars.read_parquet(segments[-1].path).to_dicts() if segments else []
    except (OSError, polars.exceptions.PolarsError):
        return []
