"""Opening the explorer."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import cast, get_args

from app.failures import CommandError
from app.terminal import ColourChoice

STORE = Path("results.duckdb")


def runs_folder(store: Path) -> Path:
    """The run folders lie beside the store."""
    return store.parent / "runs"


def store_in(path: Path) -> Path:
    """The store that `path` means: a folder stands for the results.duckdb in it."""
    return path / STORE if path.is_dir() else path


@dataclass(frozen=True)
class Opening:
    """What the explorer opens on: a store, colours, a view."""

    store: Path = STORE
    color: ColourChoice = "auto"
    view: str | None = None

    @classmethod
    def read(cls, arguments: list[str]) -> "Opening | None":
        """The opening that `arguments` ask for; None where they name a command, want help or are wrong.

        Those are typer's business. It costs 0.1 s to load and to run, a quarter of what opening may take.
        """
        values: dict[str, str] = {}
        words = iter(arguments)
        for word in words:
            name, equals, value = word.partition("=")
            values[name] = value if equals else next(words, "")
        if not values.keys() <= {"--store", "--color", "--view"} or "" in values.values():
            return None
        color = values.get("--color", "auto")
        if color not in get_args(ColourChoice):
            return None
        store = store_in(Path(values.get("--store", STORE)))
        return cls(store, cast(ColourChoice, color), values.get("--view"))


def open_explorer(opening: Opening) -> None:
    """Run the explorer until it is quit. Raises CommandError where there is no terminal."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise CommandError(
            "the explorer needs a terminal; without one, 'calib-explorer show' lists what can be printed, "
            "as 'calib-explorer show \"perplexity?source=paper\"'"
        )
    from app.explorer import run

    run(opening.store, runs_folder(opening.store), opening.color, opening.view)
