"""The command that looks at the machine."""

from pathlib import Path
from typing import Annotated

import typer

from app.commands.options import Commands, Store


def doctor(
    store: Store = Path("results.duckdb"),
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Look at this machine, its terminal and the store.

    Python, torch and its devices, memory, disk, the hub and cached models, the store, the terminal: each line says
    ok, warn or fail, and what to do. Exit code 1 if anything fails.

    \b
    Examples:
      calib-explorer doctor
      calib-explorer doctor --json | jq '.[] | select(.status != "ok")'
    """
    from app.doctor.report import report

    if not report(store, as_json):
        raise typer.Exit(1)


commands: Commands = {"doctor": doctor}
