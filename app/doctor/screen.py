"""The terminal: colours, size, letters, and the lines that give tmux 24-bit colours."""

import os
import shutil
import sys
from collections.abc import Iterator

from app.doctor.finding import Finding
from app.terminal import colours

SMALLEST = (60, 16)
"""Columns and rows below which the explorer only says that it needs more."""

TMUX_LINES = """put these two lines into ~/.tmux.conf and restart tmux:
set -g default-terminal tmux-256color
set -as terminal-features ',*:RGB'"""


def screen() -> Iterator[Finding]:
    """What the explorer will find when it opens here."""
    if not sys.stdout.isatty():
        yield Finding("terminal", "ok", "output is not a terminal", "the explorer needs one; 'show' does not")
        return
    yield _colour()
    size = shutil.get_terminal_size()
    seen = f"{size.columns} x {size.lines}"
    if size.columns < SMALLEST[0] or size.lines < SMALLEST[1]:
        yield Finding("size", "fail", seen, f"the explorer needs {SMALLEST[0]} x {SMALLEST[1]}; enlarge the window")
    elif size.columns < 80 or size.lines < 24:
        yield Finding("size", "warn", seen, "80 x 24 shows more, 120 x 40 everything")
    else:
        yield Finding("size", "ok", seen)
    if (sys.stdout.encoding or "").lower().replace("-", "") != "utf8":
        yield Finding("letters", "warn", f"encoding {sys.stdout.encoding}", "set LANG=C.UTF-8 (or en_US.UTF-8)")


def _colour() -> Finding:
    found = colours()
    environment = [f"{name}={os.environ[name]}" for name in ("TERM", "COLORTERM", "NO_COLOR") if name in os.environ]
    seen = f"{found} colours ({', '.join([*environment, *(['in tmux'] if 'TMUX' in os.environ else [])])})"
    if found == "truecolor":
        return Finding("terminal", "ok", seen)
    if os.environ.get("NO_COLOR"):
        return Finding("terminal", "ok", seen, "heatmaps use shades; --color 256 overrides NO_COLOR")
    if "TMUX" in os.environ:
        return Finding("terminal", "ok" if found == "256" else "warn", seen, TMUX_LINES)
    if found == "256":
        return Finding("terminal", "ok", seen, "enough for heatmaps; --color truecolor if it can more")
    return Finding("terminal", "warn", seen, "heatmaps use shades; set TERM=xterm-256color if the terminal can")
