"""The command that compares runs with each other."""

import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from app.commands.options import Commands, Store


def analyse(
    runs: Annotated[
        list[str] | None, typer.Argument(metavar="RUN", help="Two runs (ids or parts of them); none: all.")
    ] = None,
    store: Store = Path("results.duckdb"),
    floor: Annotated[
        bool, typer.Option("--floor", help="Measure the noise floor: one run of each setting is pruned again.")
    ] = False,
    device: Annotated[str, typer.Option("--device", help="For --floor: auto, cpu, cuda, or cuda:N.")] = "auto",
) -> None:
    """Compare the masks of runs: how much they overlap, and how much they would by chance.

    Between seeds, languages, methods and numbers of samples; what was compared before is not compared again. A grid
    does this by itself when it is complete; by hand it is of use after merging. See 'show figure2', table16, table17.

    RUN RUN compares any two, whatever they differ in, and prints the overlap linear by linear.

    --floor tells how much of a difference is rounding: the same run, pruned again with all sums taken in the reverse
    order, and the overlap of its two masks. It takes as long as pruning.

    \b
    Examples:
      calib-explorer analyse
      calib-explorer analyse wanda-0.5-de-s0 sparsegpt-0.5-sw-s0
      calib-explorer analyse --floor
    """
    command = [sys.executable, "-m", "pipeline.analyse", "--store", str(store)]
    command += runs or []
    command += ["--floor", "--device", device] if floor else []
    raise typer.Exit(subprocess.run(command, check=False).returncode)


commands: Commands = {"analyse": analyse}
