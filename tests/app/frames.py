"""Screens as text, compared with files: the one place that calls a private part of Textual."""

import os
from pathlib import Path

from textual.screen import Screen

FOLDER = Path(__file__).parent / "frames"


def frame(screen: Screen[object]) -> str:
    """What the terminal shows, one line a row, blanks at the ends of lines cut off."""
    strips = screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip).rstrip() for strip in strips) + "\n"


def compare(name: str, shown: str) -> None:
    """Assert that `shown` is the frame kept as `name`.txt. With FRAMES=write in the environment, keep it."""
    file = FOLDER / f"{name}.txt"
    if os.environ.get("FRAMES") == "write":
        FOLDER.mkdir(exist_ok=True)
        file.write_text(shown, encoding="utf-8")
    assert file.exists(), f"no frame {file}; look at the screen, then run FRAMES=write pytest {file.parent.parent}"
    assert shown == file.read_text(encoding="utf-8")
