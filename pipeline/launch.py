"""Starting a grid as a process that outlives who started it, and stopping it. Torch-free: the explorer's way in."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import tomllib
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil

from pipeline.spec import Checkpoint, Grid, GridError, RunSpec
from pipeline.spec.axes import Axes, CalibrationText
from pipeline.spec.measures import MeasureSpec
from pipeline.spec.tasks import Task
from store.folders import GRIDS, GridFolder, RunFolder

CANCEL = "cancel"
"""A file of this name in a grid's folder asks its driver to stop; it works across machines."""


def launch(grid: Grid | str, store: Path, *, arguments: tuple[str, ...] = ()) -> subprocess.Popen[bytes]:
    """Start `grid` (or the text of a grid file) detached; its output goes to RUNS/.grids/<grid_id>/driver.log.

    Poll the process that is returned now and then, so that it leaves no zombie. Raises GridError.
    """
    if isinstance(grid, str):
        grid = parse(grid, Path.cwd() / "grid.toml")
    store = store.absolute()
    folder = GridFolder.at(store.parent / "runs", grid.grid_id).create(grid.model_dump(mode="json"))
    command = [sys.executable, "-m", "pipeline", str(folder.path / "grid.json"), "--store", str(store), *arguments]
    with folder.log.open("ab") as log:
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd=store.parent
        )


def parse(text: str, path: Path) -> Grid:
    """A grid from TOML text; `path` names it in messages. Raises GridError."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise GridError(f"{path.name}: not TOML: {error}") from None
    return Grid.parse(data, path)


def load(path: Path) -> Grid:
    """A grid file, or a grid.json as a grid's folder keeps it. Raises GridError."""
    if path.suffix != ".json":
        return Grid.load(path)
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise GridError(f"{path}: {error}") from None
    return Grid.parse(data, path)


def named(name: str, models: tuple[str, ...] = ()) -> Grid:
    """The grid file called `name`, or the demo's; with `models`, if any, in place of its own. Raises GridError.

    Directories among `models` are relative to the current folder, as on any command line.
    """
    from pipeline.demo import GRID

    grid = load(GRID if name == "demo" and not Path(name).exists() else Path(name))
    return grid.with_models(models) if models else grid


def one_run_grid(runs: Path, run_id: str, languages: str | None = None, seed: int | None = None) -> Grid:
    """The grid of one run like `run_id` but calibrated on `languages` (None: as it is), with `seed`, measured as all
    grids of `run_id` together measure. Raises GridError where `run_id` has no folder or nothing can change in it.
    """
    spec = run_spec(RunFolder.at(runs, run_id))
    if spec is None:
        raise GridError(f"no run {run_id} in {runs}: nothing to take the settings from")
    text, at = spec.calibration, spec.coordinates
    if isinstance(spec.method, Checkpoint):
        if (languages or at.calibration, at.seed if seed is None else seed) != (at.calibration, at.seed):
            raise GridError(f"run {run_id} is a checkpoint from elsewhere: for others, name them in a grid file")
    elif text is None and languages is not None:
        raise GridError(f"run {run_id} reads no calibration text: it is the same in every language")
    seed = spec.seed if seed is None else seed
    grid = Grid(
        name="one-run",
        axes=Axes(
            model=(spec.model,),
            method=(spec.method,),
            calibration=() if text is None else (languages or text.languages,),
            seed=(seed or 0,),
        ),
        calibration=None if text is None else CalibrationText.model_validate(text.model_dump(exclude={"languages"})),
        dtype=spec.dtype,
        arithmetic=spec.arithmetic,
        measure=measures_of(runs, run_id),
        task=tasks_of(runs, run_id),
    )
    asked = runs / GRIDS / "one-run"
    try:
        return Grid.parse(grid.model_dump(mode="json"), asked)
    except GridError as error:
        raise GridError(str(error).replace(f"{asked}: ", "")) from None  # nobody wrote that file


def run_spec(folder: RunFolder) -> RunSpec | None:
    """The settings in a run's folder; None where it has none."""
    try:
        values = folder.spec()
    except FileNotFoundError:
        return None
    return RunSpec.model_validate({name: values[name] for name in RunSpec.model_fields if name in values})


def measures_of(runs: Path, run_id: str) -> tuple[MeasureSpec, ...]:
    """The measures of every grid under `runs` that has this run; equal ones once, with the languages of all."""
    found: dict[str, MeasureSpec] = {}
    for path in sorted((runs / GRIDS).glob("*/grid.json")):
        with suppress(GridError):
            grid = load(path)
            if run_id not in {run.run_id for run in grid.runs()}:
                continue
            for measure in grid.measure:
                known = found.get(measure.evaluation, measure)
                languages = tuple(dict.fromkeys((*known.languages, *measure.languages)))
                found[measure.evaluation] = measure.model_copy(update={"languages": languages})
    return tuple(found.values())


def tasks_of(runs: Path, run_id: str) -> tuple[Task, ...]:
    """The tasks of every grid under `runs` that has this run; equal ones once, with the languages of all."""
    found: dict[str, Task] = {}
    for path in sorted((runs / GRIDS).glob("*/grid.json")):
        with suppress(GridError):
            grid = load(path)
            if run_id in {run.run_id for run in grid.runs()}:
                for task in grid.task:
                    known = found.get(task.evaluation, task)
                    languages = tuple(dict.fromkeys((*known.languages, *task.languages)))
                    found[task.evaluation] = known.model_copy(update={"languages": languages})
    return tuple(found.values())


def cancel(runs: Path, grid_id: str, patience_s: float = 10.0) -> bool:
    """Stop a grid's driver: politely, then by force. False where nobody was driving it.

    A driver on another machine is only asked; True then says that it stopped within `patience_s`.
    """
    folder = GridFolder.at(runs, grid_id)
    if not folder.held():
        return False
    (folder.path / CANCEL).touch()
    driver = _driver(folder.owner())
    if driver is not None:
        with suppress(psutil.NoSuchProcess):
            driver.send_signal(signal.SIGTERM)
    if _wait_free(folder, patience_s) or driver is None:
        return not folder.held()
    for process in (*driver.children(recursive=True), driver):
        with suppress(psutil.NoSuchProcess):
            process.kill()
    return _wait_free(folder, 5.0)


def _driver(owner: dict[str, Any]) -> psutil.Process | None:
    """The process that owner.json names, if it is on this machine and not a later one with the same number."""
    if owner.get("host") != socket.gethostname():
        return None
    try:
        process = psutil.Process(int(owner["pid"]))
        since = datetime.fromisoformat(str(owner["since"])).timestamp()
        return process if process.create_time() <= since + 2.0 and process.pid != os.getpid() else None
    except (psutil.Error, KeyError, ValueError):
        return None


def _wait_free(folder: GridFolder, patience_s: float) -> bool:
    deadline = time.monotonic() + patience_s
    while folder.held():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
