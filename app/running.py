"""Starting grids, in the foreground or detached with the explorer on them, and ending them."""

import itertools
import os
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

from app.failures import CommandError
from app.start import Opening, open_explorer, runs_folder

EARLY_S = 1.0
"""A pipeline that refuses its input (an unknown option, no such device) has ended by then."""


@dataclass(frozen=True)
class Options:
    """What the pipeline is told besides the grid and the store; None and False are its own defaults."""

    device: str = "auto"
    threads: int | None = None
    workers: int | None = None
    retry_failed: bool = False
    quiet: bool = False
    json: bool = False

    def arguments(self) -> tuple[str, ...]:
        """As `python -m pipeline` wants them."""
        values = {"--device": self.device, "--threads": self.threads, "--workers": self.workers}
        flags = {"--retry-failed": self.retry_failed, "--quiet": self.quiet, "--json": self.json}
        pairs = [(name, str(value)) for name, value in values.items() if value is not None]
        return (*itertools.chain.from_iterable(pairs), *(name for name, is_set in flags.items() if is_set))


def run_grid(grid: str, store: Path, options: Options, headless: bool) -> None:
    """Run the grid file `grid` (or "demo").

    Headless, this process becomes the pipeline, so that its exit code and Ctrl-C are the pipeline's.
    """
    if headless:
        sys.stdout.flush()
        command = [sys.executable, "-m", "pipeline", grid, "--store", str(store), *options.arguments()]
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
    from pipeline.demo import GRID
    from pipeline.launch import launch, load
    from store.folders import GridFolder

    loaded = load(GRID if grid == "demo" and not Path(grid).exists() else Path(grid))
    folder = GridFolder.at(runs_folder(store), loaded.grid_id)
    if folder.held():
        print(f"Grid {loaded.grid_id} is being run already.")
    else:
        _check_alive(launch(loaded, store, arguments=options.arguments()), folder.log)
        print(f"Started grid {loaded.grid_id} in the background; log: {folder.log}")
    if sys.stdin.isatty() and sys.stdout.isatty():
        open_explorer(Opening(store))
    else:
        print("Watch it: calib-explorer runs     End it: calib-explorer runs --cancel " + loaded.grid_id)


def _check_alive(process: "subprocess.Popen[bytes]", log: Path) -> None:
    """Raise CommandError if the process refuses its input at once; else collect it when it ends, whenever that is."""
    try:
        code = process.wait(EARLY_S)
    except subprocess.TimeoutExpired:
        threading.Thread(target=process.wait, daemon=True).start()
        return
    if code not in (0, 1):
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
        raise CommandError(f"the grid did not start (exit code {code}): {lines[-1] if lines else 'no message'}")
