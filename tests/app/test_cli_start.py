"""The short way to the explorer past typer."""

from pathlib import Path

import pytest

from app.start import Opening


@pytest.mark.parametrize(
    ("line", "opening"),
    [
        ("", Opening()),
        ("--store a/b.duckdb", Opening(Path("a/b.duckdb"))),
        ("--color=16 --view perplexity?method=wanda", Opening(color="16", view="perplexity?method=wanda")),
        ("--view=snr?source=paper", Opening(view="snr?source=paper")),
        ("show", None),
        ("--store x show", None),
        ("--help", None),
        ("--color purple", None),
        ("--store", None),
        ("--colour 16", None),
    ],
)
def test_only_what_opens_the_explorer_is_read(line: str, opening: Opening | None) -> None:
    assert Opening.read(line.split()) == opening
