"""The command that compares runs with each other."""

import subprocess
import sys
from pathlib import Path

import typer

from app.commands.options import Commands, Store


def analyse(store: Store = Path("results.duckdb")) -> None:
    """Compare the masks of runs: how much they overlap, and how much they would by chance.

    Between seeds, languages, methods and numbers of samples; what was compared before is not compared again. A grid
    does this by itself when it is complete; by hand it is of use after merging. See 'show figure2', table16, table17.

    \b
    Example:
      calib-explorer analyse
    """
    command = [sys.executable, "-m", "pipeline.analyse", "--store", str(store)]
    raise typer.Exit(subprocess.run(command, check=False).returncode)


commands: Commands = {"analyse": analyse}
