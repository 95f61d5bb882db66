"""The folders of runs and grids: what a run is, how it stands, and whether somebody is working on it.

    runs/<run_id>/          spec.json .lock state.json events.jsonl log.txt journal/ masks.safetensors
    runs/.grids/<grid_id>/  grid.json owner.json driver.log state.json, and <grid_id>.lock beside it

A lock, not a process id, says that somebody works on a run: the kernel gives it back when the process dies.
"""

import contextlib
import json
import os
import socket
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from store.files import sync_folder, write_atomically, write_durably
from store.locks import claim, held

GRIDS = ".grids"
LIVE = ("queued", "running")


@dataclass(frozen=True)
class State:
    """How a run (or a grid) stands.

    status: queued, running, done, failed; interrupted when it says queued or running but nobody holds its lock.
    fraction: of the whole run, 0 to 1. eta_s: seconds left, None if unknown. beat: ISO time of this state.
    """

    status: str
    stage: str = ""
    fraction: float = 0.0
    detail: str = ""
    eta_s: float | None = None
    error: str = ""
    pid: int = 0
    host: str = ""
    grid: str = ""
    beat: str = ""


@dataclass(frozen=True)
class RunFolder:
    """The folder of one run."""

    path: Path

    @classmethod
    def at(cls, runs: Path, run_id: str) -> "RunFolder":
        """The folder of `run_id` under `runs`; nothing is created."""
        return cls(runs / run_id)

    @property
    def run_id(self) -> str:
        """The run's id, which is the folder's name."""
        return self.path.name

    @property
    def journal(self) -> Path:
        """The folder of the run's segments."""
        return self.path / "journal"

    @property
    def masks(self) -> Path:
        """The run's masks, bit-packed."""
        return self.path / "masks.safetensors"

    @property
    def log(self) -> Path:
        """What the worker printed."""
        return self.path / "log.txt"

    @property
    def events(self) -> Path:
        """What happened, one JSON object a line."""
        return self.path / "events.jsonl"

    def create(self, spec: Mapping[str, Any]) -> "RunFolder":
        """Make the folder and its spec.json (durably); an existing spec.json is left as it is."""
        self.journal.mkdir(parents=True, exist_ok=True)
        if not (self.path / "spec.json").exists():
            write_durably(self.path / "spec.json", _json(spec))
            sync_folder(self.path.parent)
        return self

    def spec(self) -> dict[str, Any]:
        """The resolved settings. Raises FileNotFoundError where there are none."""
        spec: dict[str, Any] = json.loads((self.path / "spec.json").read_text(encoding="utf-8"))
        return spec

    def state(self) -> State:
        """The last state written, with liveness applied; status '' where nothing was written yet."""
        state = _read_state(self.path / "state.json")
        if state.status not in LIVE or self.held() or (state.status == "queued" and self._grid(state).held()):
            return state
        return replace(state, status="interrupted", eta_s=None)

    def write_state(self, state: State) -> None:
        """Replace state.json in one step. Cheap (no fsync), but call it at most twice a second."""
        write_atomically(self.path / "state.json", _json(asdict(_signed(state))))

    def event(self, kind: str, detail: Mapping[str, Any] | None = None) -> None:
        """Append one line to events.jsonl."""
        line = {"time": _now(), "kind": kind, **(detail or {})}
        with self.events.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, ensure_ascii=False) + "\n")

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Hold this run. Raises Busy when another process does."""
        self.path.mkdir(parents=True, exist_ok=True)
        with claim(self.path / ".lock", f"run {self.run_id}"):
            yield

    def held(self) -> bool:
        """Whether a process is working on this run."""
        return held(self.path / ".lock")

    def _grid(self, state: State) -> "GridFolder":
        return GridFolder.at(self.path.parent, state.grid or "-")


@dataclass(frozen=True)
class GridFolder:
    """The folder of one grid, held by its driver for the driver's life."""

    path: Path

    @classmethod
    def at(cls, runs: Path, grid_id: str) -> "GridFolder":
        """The folder of `grid_id` under `runs`; nothing is created."""
        return cls(runs / GRIDS / grid_id)

    @property
    def grid_id(self) -> str:
        """The grid's id, which is the folder's name."""
        return self.path.name

    @property
    def log(self) -> Path:
        """What the driver printed."""
        return self.path / "driver.log"

    def create(self, grid: Mapping[str, Any]) -> "GridFolder":
        """Make the folder and its grid.json."""
        self.path.mkdir(parents=True, exist_ok=True)
        write_durably(self.path / "grid.json", _json(grid))
        return self

    def grid(self) -> dict[str, Any]:
        """The grid's settings. Raises FileNotFoundError where there are none."""
        grid: dict[str, Any] = json.loads((self.path / "grid.json").read_text(encoding="utf-8"))
        return grid

    def owner(self) -> dict[str, Any]:
        """Who drives it or drove it last: {} where nobody did."""
        return _read_json(self.path / "owner.json")

    def state(self) -> State:
        """The last state written, with liveness applied; status '' where nothing was written yet."""
        state = _read_state(self.path / "state.json")
        return replace(state, status="interrupted") if state.status in LIVE and not self.held() else state

    def write_state(self, state: State) -> None:
        """Replace state.json in one step."""
        write_atomically(self.path / "state.json", _json(asdict(_signed(state))))

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Hold this grid and say so in owner.json. Raises Busy when another process does."""
        self.path.mkdir(parents=True, exist_ok=True)
        with claim(self._lock_file, f"grid {self.grid_id}"):
            owner = {"pid": os.getpid(), "host": socket.gethostname(), "since": _now()}
            write_atomically(self.path / "owner.json", _json(owner))
            yield

    def held(self) -> bool:
        """Whether a driver is working on this grid."""
        return held(self._lock_file)

    @property
    def _lock_file(self) -> Path:
        return self.path.parent / f"{self.path.name}.lock"


def run_folders(runs: Path) -> Iterator[RunFolder]:
    """Every run under `runs`, by id. Folders without a spec.json are not runs."""
    if runs.is_dir():
        for path in sorted(runs.iterdir()):
            if not path.name.startswith(".") and (path / "spec.json").exists():
                yield RunFolder(path)


def _signed(state: State) -> State:
    return replace(
        state,
        pid=state.pid or os.getpid(),
        host=state.host or socket.gethostname(),
        beat=_now(),
    )


def _read_state(path: Path) -> State:
    known = {field.name for field in fields(State)}
    values = {name: value for name, value in _read_json(path).items() if name in known}
    return State(**{"status": "", **values})


def _read_json(path: Path) -> dict[str, Any]:
    try:
        values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, json.JSONDecodeError):
        return {}
    return values


def _json(value: Mapping[str, Any]) -> bytes:
    return (json.dumps(value, indent=1, ensure_ascii=False, default=str) + "\n").encode()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
