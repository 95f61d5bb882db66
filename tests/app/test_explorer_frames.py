"""Every screen at both sizes of terminal, as text. After a change on purpose: FRAMES=write pytest tests/app."""

from pathlib import Path

import pytest
from driving import opened
from frames import compare

from store.view import View

SIZES = {"80x24": (80, 24), "120x40": (120, 40)}
HALF = "perplexity?pattern=unstructured"
PAPER = "perplexity?source=paper&model=llama-3-8b&method=sparsegpt&sparsity=0.5"
SETS = "arc?source=paper&model=llama-3-8b&method=wanda&sparsity=0.5"

SCREENS: list[tuple[str, str, list[str], list[str]]] = [
    ("matrix", HALF, ["j", "l"], []),
    ("matrix_transposed", HALF, ["t"], ["t"]),
    ("matrix_difference", HALF + "&base=diagonal", [], []),
    ("matrix_paper", PAPER, [], []),
    ("matrix_paper_sets", SETS, ["j"], []),
    ("compare_paper", PAPER, ["home", "space", "j", "space", "equals_sign", "l"], ["escape"]),
    ("compare", HALF, ["equals_sign", "d"], ["escape"]),
    ("runs", HALF, ["4", "j"], ["escape"]),
    ("help", HALF, ["question_mark"], ["escape"]),
    ("sql", HALF, ["s"], ["escape"]),
    ("commands", HALF, ["colon", *"2:4"], ["escape"]),
    ("launch", HALF, ["G", "r"], ["escape"]),
]
"""(name, view, keys that lead there, keys that lead back), walked through in this order."""


@pytest.mark.parametrize("size", SIZES)
async def test_screens(store: Path, monkeypatch: pytest.MonkeyPatch, size: str) -> None:
    monkeypatch.chdir(store.parent)
    async with opened(Path(store.name), SIZES[size]) as here:
        for name, view, there, back in SCREENS:
            here.matrix.go(View.parse(view))
            await here.quiet()
            await here.press(*there)
            compare(f"{name}-{size}", here.text)
            await here.press(*back)


@pytest.mark.parametrize("size", [(60, 16), (79, 30)], ids=lambda size: f"{size[0]}x{size[1]}")
async def test_a_narrow_terminal_has_one_line_for_the_cell(made: Path, size: tuple[int, int]) -> None:
    async with opened(made, size, HALF) as here:
        await here.press("j", "l")
        await here.quiet()
        compare(f"matrix-{size[0]}x{size[1]}", here.text)


async def test_nothing_measured_yet(nothing: Path) -> None:
    async with opened(nothing, (80, 24)) as here:
        compare("nothing-80x24", here.text)
        await here.pilot.resize_terminal(120, 40)
        await here.quiet()
        compare("nothing-120x40", here.text)


async def test_a_terminal_that_is_too_small_says_what_is_needed(made: Path) -> None:
    async with opened(made, (50, 12)) as here:
        assert "50 x 12" in here.text
        assert "60 x 16" in here.text
        await here.pilot.resize_terminal(80, 24)
        await here.settle()
        assert "calibrated on" in here.text


async def test_without_colours_levels_are_shades(made: Path) -> None:
    async with opened(made, (120, 40), HALF, "none") as here:
        await here.press("j", "l")
        await here.quiet()
        compare("matrix_shaded-120x40", here.text)
