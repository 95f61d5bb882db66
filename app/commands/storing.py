"""Commands that look after the store."""

from pathlib import Path
from typing import Annotated

import typer

from app.commands.options import Commands, Store


def ingest(store: Store = Path("results.duckdb")) -> None:
    """Move finished measurements from the run folders into the store.

    Runs and the explorer do this by themselves; by hand it is of use after copying a run folder here.

    \b
    Example:
      calib-explorer ingest
    """
    from app.storing import ingest

    ingest(store)


def rebuild(store: Store = Path("results.duckdb")) -> None:
    """Make the store afresh from the run folders.

    After damage to results.duckdb, or when a new version of this program asks for it.

    \b
    Example:
      calib-explorer rebuild --store /data/table-1/results.duckdb
    """
    from app.storing import rebuild

    rebuild(store)


def merge(
    other: Annotated[Path, typer.Argument(metavar="OTHER", help="Another machine's results.duckdb or runs folder.")],
    store: Store = Path("results.duckdb"),
) -> None:
    """Bring another machine's results in. Doing it twice changes nothing.

    \b
    Examples:
      calib-explorer merge ~/from-gpu7/results.duckdb
      calib-explorer merge ~/from-gpu7/runs
    """
    from app.storing import merge

    merge(store, other)


def pack(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The file to write.")],
    masks: Annotated[bool, typer.Option("--masks", help="With the pruning masks (large).")] = False,
    store: Store = Path("results.duckdb"),
) -> None:
    """Make one file to share.

    It has everything that is in the store and in the run folders; with --masks it is a tar archive.

    \b
    Examples:
      calib-explorer pack results-of-june.duckdb
      calib-explorer pack everything.tar --masks
    """
    from app.storing import pack

    pack(store, file, masks)


commands: Commands = {"ingest": ingest, "rebuild": rebuild, "merge": merge, "pack": pack}
