"""What Textual reads from the environment when it is imported, set before that."""

from collections.abc import MutableMapping

from app.terminal import Colour

_TEXTUAL_NAMES = {"truecolor": "truecolor", "256": "256", "16": "standard", "none": "standard"}


def prepare(colours: Colour, environ: MutableMapping[str, str]) -> None:
    """Tell Textual which colours to emit; animate nothing; over SSH draw at most 15 times a second.

    NO_COLOR alone makes Textual emit greyed 24-bit colours, TERM=dumb full ones: for "none" the app is built with
    `ansi_color=True` besides.
    """
    environ["TEXTUAL_COLOR_SYSTEM"] = _TEXTUAL_NAMES[colours]
    if colours == "none":
        environ["NO_COLOR"] = "1"
    else:
        environ.pop("NO_COLOR", None)
    environ.setdefault("TEXTUAL_ANIMATIONS", "none")
    if "SSH_CONNECTION" in environ:
        environ.setdefault("TEXTUAL_SMOOTH_SCROLL", "0")
        environ.setdefault("TEXTUAL_FPS", "15")
