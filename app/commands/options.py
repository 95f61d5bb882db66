"""Options that several commands share, with their help."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal

import typer

from app.start import store_in

Store = Annotated[
    Path,
    typer.Option("--store", callback=store_in, help="The results (file or folder); runs/ lies beside it."),
]
Format = Annotated[Literal["text", "csv", "json"], typer.Option("--format", help="How to print it.")]
Color = Annotated[
    Literal["auto", "truecolor", "256", "16", "none"],
    typer.Option("--color", help="Colours; 'auto' asks the terminal ('calib-explorer doctor' says what it found)."),
]

Commands = dict[str, Callable[..., None]]
"""Functions that typer reads a command from, by the command's name."""
