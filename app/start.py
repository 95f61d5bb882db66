"""Opening the explorer."""

import sys
from pathlib import Path

from app.failures import CommandError
from app.terminal import ColourChoice

STORE = Path("results.duckdb")


def runs_folder(store: Path) -> Path:
    """The run folders lie beside the store."""
    return store.parent / "runs"


def open_explorer(store: Path = STORE, color: ColourChoice = "auto", view: str | None = None) -> None:
    """Run the explorer until it is quit. Raises CommandError where there is no terminal."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise CommandError(
            "the explorer needs a terminal; without one, 'calib-explorer show' lists what can be printed, "
            "as 'calib-explorer show \"perplexity?source=paper\"'"
        )
    from app.explorer import run

    run(store, runs_folder(store), color, view)
