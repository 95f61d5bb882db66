"""What colours a terminal gets."""

import pytest

from app.terminal import detect

CASES = [
    ({"TERM": "xterm-256color", "COLORTERM": "truecolor"}, None, "truecolor"),
    ({"TERM": "xterm-256color"}, None, "256"),
    ({"TERM": "xterm-kitty"}, None, "truecolor"),
    ({"TERM": "screen"}, None, "16"),
    ({"TERM": "dumb", "COLORTERM": "truecolor"}, None, "none"),
    ({}, None, "none"),
    ({"TERM": "xterm-256color", "COLORTERM": "truecolor", "NO_COLOR": "1"}, None, "none"),
    ({"TERM": "tmux-256color", "COLORTERM": "truecolor"}, "256,title", "256"),
    ({"TERM": "tmux-256color"}, "256,RGB,title", "truecolor"),
    ({"TERM": "screen"}, "", "16"),
]


@pytest.mark.parametrize(("environ", "tmux", "expected"), CASES)
def test_colours(environ: dict[str, str], tmux: str | None, expected: str) -> None:
    assert detect(environ, tmux) == expected
