"""Which run is meant, and whether it can be exported. Torch-free: mistakes are told at once."""

from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pipeline.launch import run_spec
from pipeline.mask_check import is_there
from pipeline.record import as_written
from pipeline.spec import Checkpoint, Dense, RunSpec
from store.folders import RunFolder, run_folders

SHOWN = 5
"""Of several runs that a name may mean."""


class ExportError(RuntimeError):
    """A run that cannot be exported, or not to there: which, why, and what to do."""


@dataclass(frozen=True)
class Chosen:
    """A finished run: its folder, its settings, its row of table `run`.

    has_masks: dense weights and its masks are its model.
    """

    folder: RunFolder
    run: RunSpec
    record: dict[str, Any]
    has_masks: bool = False


def choose(runs: Path, name: str) -> Chosen:
    """The run whose id is `name` or holds it. Raises ExportError: none, several, unfinished, a dense one."""
    return _finished(named(runs, name))


def named(runs: Path, name: str) -> RunFolder:
    """The folder of the run whose id is `name` or holds it. Raises ExportError: none, several."""
    folders = {folder.run_id: folder for folder in run_folders(runs)}
    if not folders:
        raise ExportError(f"no runs in {runs}")
    meant = [name] if name in folders else [run_id for run_id in folders if name.lower() in run_id]
    if not meant:
        nearest = get_close_matches(name, folders, n=1, cutoff=0.0)[0]
        raise ExportError(f"no run '{name}' in {runs}; did you mean '{nearest}'? 'calib-explorer runs' lists them")
    if len(meant) > 1:
        some = ", ".join(meant[:SHOWN]) + (", ..." if len(meant) > SHOWN else "")
        raise ExportError(f"'{name}' is part of {len(meant)} run ids; give more of one: {some}")
    return folders[meant[0]]


def is_cheap(chosen: Chosen) -> bool:
    """True where masks are applied, or another model's weights taken: nothing is pruned."""
    return isinstance(chosen.run.method, Checkpoint) or chosen.has_masks


def _finished(folder: RunFolder) -> Chosen:
    state, run = folder.state(), run_spec(folder)
    assert run is not None  # run_folders gives those that have one
    if state.status == "failed":
        raise ExportError(f"run {folder.run_id} failed: {state.error}")
    if state.status != "done":
        raise ExportError(
            f"run {folder.run_id} is not finished ({state.status or 'new'}); the 'run' command of its grid goes on "
            "with it"
        )
    if isinstance(run.method, Dense):
        raise ExportError(f"run {folder.run_id} is {run.model} as it is: there is nothing to export")
    return Chosen(folder, run, as_written(folder), is_there(run, folder))


def check_target(target: Path) -> None:
    """Raise ExportError unless `target` is not there yet, or is an empty folder."""
    if target.is_dir() and not any(target.iterdir()):
        return
    if target.is_dir():
        raise ExportError(f"{target} is not empty; give a new folder")
    if target.exists():
        raise ExportError(f"{target} is a file; give a folder")
