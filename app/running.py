"""Starting grids, in the foreground or detached with the explorer on them, and ending them."""

import itertools
import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from app.failures import CommandError
from app.start import Opening, open_explorer, runs_folder

if TYPE_CHECKING:
    from store.folders import GridFolder

PATIENCE_S = 10.0
"""How long a driver may take to begin: it has refused its input (no such device) by then, or is at work."""


@dataclass(frozen=True)
class Options:
    """What the pipeline is told besides the grid and the store; None and False are its own defaults."""

    models: tuple[str, ...] = ()
    device: str = "auto"
    threads: int | None = None
    workers: int | None = None
    together: int | None = None
    retry_failed: bool = False
    dry_run: bool = False
    quiet: bool = False
    json: bool = False

    def arguments(self) -> tuple[str, ...]:
        """As `python -m pipeline` wants them, but for the models."""
        values = {
            "--device": self.device,
            "--threads": self.threads,
            "--workers": self.workers,
            "--together": self.together,
        }
        flags = {
            "--retry-failed": self.retry_failed,
            "--dry-run": self.dry_run,
            "--quiet": self.quiet,
            "--json": self.json,
        }
        pairs = [(name, str(value)) for name, value in values.items() if value is not None]
        return (*itertools.chain.from_iterable(pairs), *(name for name, is_set in flags.items() if is_set))


def run_grid(grid: str, store: Path, options: Options, headless: bool) -> None:
    """Run the grid file `grid` (or "demo").

    Headless, this process becomes the pipeline, so that its exit code and Ctrl-C are the pipeline's.
    """
    if headless:
        sys.stdout.flush()
        models = [f"--model={model}" for model in options.models]
        command = [sys.executable, "-m", "pipeline", grid, "--store", str(store), *models, *options.arguments()]
        os.execv(sys.executable, command)
    _run_detached(grid, store, options)


def cancel_work(name: str, store: Path) -> None:
    """Stop the grid `name`, or the grid that works on the run `name`. Finished measurements stay."""
    from pipeline.launch import cancel
    from store.folders import GridFolder, RunFolder

    runs = runs_folder(store)
    grid = name if GridFolder.at(runs, name).path.is_dir() else RunFolder.at(runs, name).state().grid
    if not grid:
        raise CommandError(f"no grid or run '{name}' in {runs}; 'calib-explorer runs' lists them")
    if not GridFolder.at(runs, grid).held():
        print(f"Nobody is working on grid {grid}.")
    elif cancel(runs, grid):
        print(f"Stopped grid {grid}. What it measured is kept; the same 'run' command goes on from there.")
    else:
        raise CommandError(f"grid {grid} was asked to stop and has not yet: see {GridFolder.at(runs, grid).log}")


def _run_detached(grid: str, store: Path, options: Options) -> None:
    from pipeline.launch import launch, named
    from store.folders import GridFolder

    loaded = named(grid, options.models)
    folder = GridFolder.at(runs_folder(store), loaded.grid_id)
    if folder.held():
        print(f"Grid {loaded.grid_id} is being run already.")
    else:
        print(_started(launch(loaded, store, arguments=options.arguments()), folder))
    if sys.stdin.isatty() and sys.stdout.isatty():
        open_explorer(Opening(store))
    elif folder.held():
        print(f"Watch it: calib-explorer runs     End it: calib-explorer runs --cancel {loaded.grid_id}")


def _started(process: "subprocess.Popen[bytes]", folder: "GridFolder") -> str:
    """What to say once the driver is at work, or has ended at once. Raises CommandError if it refuses its input."""
    deadline = time.monotonic() + PATIENCE_S
    while process.poll() is None and folder.state().pid != process.pid and time.monotonic() < deadline:
        time.sleep(0.05)
    if process.poll() is None:
        threading.Thread(target=process.wait, daemon=True).start()  # collects it, whenever it ends
        return f"Started grid {folder.grid_id} in the background; log: {folder.log}"
    lines = folder.log.read_text(encoding="utf-8", errors="replace").splitlines() or ["no message"]
    if process.returncode in (0, 1):
        return lines[-1]
    raise CommandError(f"the grid did not start: {lines[-1]}")
