"""`calib-explorer runs`: how every run stands, from the run folders (the store knows only what is finished)."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from app.start import runs_folder
from app.table import Table, as_csv, as_text, to_json
from app.terminal import width
from store.folders import RunFolder, State, run_folders

ORDER = ("running", "queued", "interrupted", "failed", "done", "")
COLUMNS = ("run", "status", "done", "doing", "left")


def list_runs(format: str, store: Path) -> None:
    """Print every run and, in text, what to do about those that stopped."""
    runs = runs_folder(store)
    found = sorted(((folder, folder.state()) for folder in run_folders(runs)), key=_order)
    if format == "json":
        print(to_json([{"run_id": folder.run_id, "folder": folder.path, **asdict(state)} for folder, state in found]))
        return
    table = Table(COLUMNS, tuple(_row(folder, state) for folder, state in found))
    if format == "csv":
        print(as_csv(table))
        return
    if not found:
        print(f"No run in {runs} yet. Start one: calib-explorer run --headless demo")
        return
    print(as_text(table, width()))
    for line in _advice(found):
        print(line)


def duration(seconds: float) -> str:
    """ "41 s", "2:41 min", "1:05 h"."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    return f"{whole // 60}:{whole % 60:02d} min" if whole < 3600 else f"{whole // 3600}:{whole % 3600 // 60:02d} h"


def _order(found: tuple[RunFolder, State]) -> tuple[int, str]:
    folder, state = found
    return (ORDER.index(state.status) if state.status in ORDER else len(ORDER), folder.run_id)


def _row(folder: RunFolder, state: State) -> tuple[str, ...]:
    doing = " ".join(part for part in (state.stage, state.detail) if part) if state.status == "running" else ""
    left = duration(state.eta_s) if state.eta_s is not None and state.status == "running" else ""
    return (folder.run_id, state.status or "new", f"{state.fraction:.0%}", doing, left)


def _advice(found: list[tuple[RunFolder, State]]) -> Iterator[str]:
    for folder, state in found:
        if state.status == "failed":
            yield f"✗ {folder.run_id}: {state.error or 'no message'}  (log: {folder.log})"
    stopped = sorted({state.grid for _, state in found if state.status == "interrupted"})
    if stopped:
        yield f"Interrupted (grid {', '.join(stopped)}): the same 'run' command again goes on where it stopped."
