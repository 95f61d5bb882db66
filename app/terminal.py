"""What the terminal can do: colours and size, read from the environment and from tmux."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from typing import Literal, TextIO

Colour = Literal["truecolor", "256", "16", "none"]
ColourChoice = Literal["auto", "truecolor", "256", "16", "none"]

TRUECOLOR_TERMS = ("xterm-kitty", "xterm-ghostty", "alacritty", "foot", "wezterm")
"""Terminals that show 24-bit colours whether or not COLORTERM says so (SSH does not pass COLORTERM on)."""


def colours(choice: ColourChoice = "auto", stream: TextIO | None = None) -> Colour:
    """The colours to print on `stream` (standard output): `choice`, or for "auto" what the terminal can show."""
    if choice != "auto":
        return choice
    if not (stream or sys.stdout).isatty():
        return "none"
    return detect(os.environ, _tmux_features() if "TMUX" in os.environ else None)


def detect(environ: Mapping[str, str], tmux_features: str | None) -> Colour:
    """What a terminal with this environment can show; `tmux_features` are those of the client around tmux."""
    term = environ.get("TERM", "")
    if environ.get("NO_COLOR") or term in ("", "dumb"):
        return "none"
    if tmux_features is not None:
        return "truecolor" if "RGB" in tmux_features.split(",") else "256" if "256" in term else "16"
    if environ.get("COLORTERM") in ("truecolor", "24bit") or term.startswith(TRUECOLOR_TERMS):
        return "truecolor"
    return "256" if "256" in term else "16"


def _tmux_features() -> str:
    """ "256,RGB,title,..." of the client this tmux pane is shown in; "" when tmux does not say."""
    command = ["tmux", "display-message", "-p", "#{client_termfeatures}"]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=0.5, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""


def width(stream: TextIO | None = None) -> int | None:
    """Columns of the terminal; None where the output is a file or a pipe, which have room for any line."""
    return shutil.get_terminal_size().columns if (stream or sys.stdout).isatty() else None
