"""The commands of `calib-explorer`: names, options, help. What they do is in the modules they import when called."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from app.commands import analysing, exporting, machine, reading, running, storing
from app.commands.options import Color, Store

command = typer.Typer(
    add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False, invoke_without_command=True
)
for group in (reading, running, analysing, exporting, storing, machine):
    for name, function in group.commands.items():
        command.command(name)(function)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"calib-explorer {version('calib-explorer')}, Python {sys.version.split()[0]}")
        raise typer.Exit


@command.callback()
def explore(
    context: typer.Context,
    store: Store = Path("results.duckdb"),
    color: Color = "auto",
    view: Annotated[str | None, typer.Option("--view", help="What to open on, as 'perplexity?method=wanda'.")] = None,
    version: Annotated[  # noqa: ARG001  acts through its callback
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and leave.")
    ] = False,
) -> None:
    """How the language of the calibration data decides what a pruned multilingual language model still knows.

    Without a command: opens the explorer on the results of this folder. Keys: ? help, q quit; runs go on.

    \b
    Examples:
      calib-explorer
      calib-explorer --store /data/table-1/results.duckdb --view 'perplexity?source=paper'
      calib-explorer run --headless demo
    """
    if context.invoked_subcommand is not None:
        context.default_map = {context.invoked_subcommand: {"store": store}}
        if view is not None:
            raise typer.BadParameter(f"--view is for the explorer, '{context.invoked_subcommand}' has none")
    else:
        from app.start import Opening, open_explorer

        open_explorer(Opening(store, color, view))
