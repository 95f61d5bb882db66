"""What the keys do."""

from pathlib import Path

import pytest
from driving import Opened, opened

from app.explorer.bindings import COMPARE_KEYS, MATRIX_KEYS, RUNS_KEYS, Key, footer
from app.explorer.compare_screen import CompareScreen
from app.explorer.lines import line_width
from app.explorer.matrix_screen import MatrixScreen
from app.explorer.runs_screen import RunsScreen

HALF = "perplexity?pattern=unstructured"
PAPER = "perplexity?source=paper&model=llama-3-8b&method=wanda&sparsity=0.5"


def title(here: Opened) -> str:
    return here.text.splitlines()[0]


async def test_the_cursor_moves_and_stops_at_the_edges(made: Path) -> None:
    steps = [
        (["l", "l", "right"], ("ar", "es")),
        (["j", "down", "k"], ("de", "es")),
        (["h", "left"], ("de", "de")),
        (["dollar_sign"], ("de", "zh")),
        (["l"], ("de", "zh")),
        (["G"], ("zh", "zh")),
        (["0"], ("zh", "ar")),
        (["g"], ("zh", "ar")),
        (["g"], ("dense", "ar")),
        (["k"], ("dense", "ar")),
        (["end"], ("zh", "ar")),
        (["home"], ("dense", "ar")),
    ]
    async with opened(made, view=HALF) as here:
        assert here.matrix.panes.place == ("ar", "ar")
        for keys, place in steps:
            await here.press(*keys)
            assert here.matrix.panes.place == place, keys


async def test_the_mouse_moves_the_cursor(made: Path) -> None:
    async with opened(made, view=HALF) as here:
        await here.pilot.click("#map", offset=(8 + 7 * 2 + 3, 4))
        assert here.matrix.panes.place == ("en", "en")


async def test_metrics_and_slices_go_round(made: Path) -> None:
    async with opened(made, view=HALF) as here:
        await here.press("full_stop")
        assert "bits/byte" in title(here)
        await here.press("full_stop")
        assert "perplexity" in title(here)
        await here.press("greater_than_sign")
        assert "wanda 2:4" in title(here)
        await here.press("less_than_sign", "comma")
        assert "wanda 50%" in title(here)
        assert "bits/byte" in title(here)


async def test_the_paper_is_one_key_away_and_back(made: Path) -> None:
    async with opened(made, view=HALF) as here:
        await here.press("j", "l", "m")
        assert "published" in title(here)
        assert "m measured" in here.text
        assert here.matrix.shown.view.quantity == "perplexity"
        await here.press("p")
        assert "measured" in title(here)
        assert "SmolLM2" in title(here)


async def test_the_paper_keeps_quantity_and_slice(made: Path) -> None:
    async with opened(made, view="mmlu?source=paper&model=aya-23-8b&method=sparsegpt") as here:
        view = here.matrix.shown.view
        await here.press("m", "m")
        assert here.matrix.shown.view.source == "paper"
        assert here.matrix.shown.view.quantity == view.quantity or "perplexity" in title(here)


async def test_colours_follow_the_scale_that_is_chosen(made: Path) -> None:
    async with opened(made, view=HALF) as here:
        shades = [here.matrix.shown.sheet().tiles]
        for scale in ("row", "whole", "none"):
            await here.press("n")
            assert here.matrix.shown.view.normalise == scale
            shades.append(here.matrix.shown.sheet().tiles)
        assert len(set(shades)) == 4
        assert all(tile.shade is None for row in shades[-1] for tile in row)


async def test_baselines_go_round_and_leave_out_what_there_is_not(made: Path) -> None:
    async with opened(made, view=HALF) as here:
        seen = []
        for _ in range(3):
            await here.press("b")
            seen.append(here.matrix.shown.view.baseline)
        assert seen == ["dense", "diagonal", "none"]  # the paper did not prune SmolLM2
        await here.press("b")
        assert here.matrix.shown.sheet().tiles[1][0].text == "+5.04"


async def test_transposed_the_cursor_stays_on_its_cell(made: Path) -> None:
    async with opened(made, view=HALF) as here:
        await here.press("j", "l", "l", "t")
        assert here.matrix.panes.place == ("de", "en")
        assert here.matrix.panes.map.sheet.rows[0] == "ar"


async def test_two_marks_are_compared_and_the_way_back_is_esc(made: Path) -> None:
    async with opened(made, view=HALF) as here:
        await here.press("space", "j", "space")
        assert here.matrix.shown.marks == ("ar", "de")
        await here.press("equals_sign")
        screen = here.app.screen
        assert isinstance(screen, CompareScreen)
        before = {(d.quantity, d.language): d.delta for d in screen.differences}
        assert len(before) == 14
        await here.press("x")
        after = {(d.quantity, d.language): d.delta for d in screen.differences}
        assert after == {place: pytest.approx(-delta) for place, delta in before.items()}
        await here.press("o")
        assert screen.sides == ["en", "ar"]
        await here.press("escape")
        assert isinstance(here.app.screen, MatrixScreen)


async def test_without_marks_a_row_is_compared_with_the_columns_own_language(made: Path) -> None:
    async with opened(made, view=HALF) as here:
        await here.press("j", "equals_sign")
        assert here.app.screen.sides == ["de", "ar"]  # type: ignore[attr-defined]
        await here.press("escape", "k", "equals_sign")
        assert isinstance(here.app.screen, MatrixScreen)
        assert "mark two" in here.text


async def test_a_third_mark_replaces_the_oldest(made: Path) -> None:
    async with opened(made, view=HALF) as here:
        await here.press("space", "j", "space", "j", "space")
        assert here.matrix.shown.marks == ("de", "en")
        await here.press("space")
        assert here.matrix.shown.marks == ("de",)


async def test_a_number_is_copied_as_it_is(made: Path) -> None:
    async with opened(made, view=HALF) as here:
        await here.press("j", "l", "y")
        assert float(here.app.clipboard) == pytest.approx(13 * 1.21)
        assert "copied 15.7" in here.text


async def test_a_view_is_exported(made: Path) -> None:
    async with opened(made, view=HALF) as here:
        await here.press("e")
        text, csv = sorted(Path("out").iterdir(), reverse=True)
        assert "15.7" in text.read_text()
        assert csv.read_text().startswith("calibration,ar,de,en,es,ru,sw,zh\n")
        assert f"wrote out/{text.name} and .csv" in here.text


async def test_an_export_that_cannot_be_written_says_so(made: Path) -> None:
    Path("out").write_text("in the way")
    async with opened(made, view=HALF) as here:
        await here.press("e")
        assert "not written" in here.text


async def test_the_palette_finds_a_slice_by_name(made: Path) -> None:
    async with opened(made, view=HALF) as here:
        await here.press("colon", *"2:4", "enter")
        assert "wanda 2:4" in title(here)
        await here.press("ctrl+p", *"runs", "enter")
        assert isinstance(here.app.screen, RunsScreen)


async def test_the_view_and_the_cursor_are_kept(made: Path) -> None:
    async with opened(made, view=HALF) as here:
        await here.press("j", "j", "l", "full_stop", "t", "c", "q")
    async with opened(made) as here:
        assert here.matrix.shown.view.quantity == "bits_per_byte"
        assert here.matrix.panes.place == ("en", "de")
        assert here.matrix.shown.transposed
        assert here.matrix.shown.ramp.name == "cividis"


async def test_a_view_that_names_nothing_is_told_and_something_else_shown(made: Path) -> None:
    async with opened(made, view="perplexity?method=wnada") as here:
        assert "did you mean 'wanda'" in here.text
        assert "perplexity" in title(here)


@pytest.mark.parametrize("keys", [MATRIX_KEYS, COMPARE_KEYS, RUNS_KEYS], ids=["matrix", "compare", "runs"])
def test_every_key_is_explained_and_has_one_meaning(keys: tuple[Key, ...]) -> None:
    names = [name for key in keys for name in key.keys.split(",")]
    assert len(names) == len(set(names))
    assert all(key.help and key.shown for key in keys)
    assert not {"ctrl+h", "ctrl+i", "ctrl+j", "ctrl+m", "ctrl+s", "ctrl+q", "ctrl+a", "ctrl+b"}.intersection(names)


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_the_footer_fits_and_always_has_help_and_quit(width: int) -> None:
    line = footer(MATRIX_KEYS, width)
    text = "".join(part for part, _ in line)
    assert line_width(line) <= width
    assert "? help" in text
    assert "q quit" in text
    assert "m paper" in text


@pytest.mark.parametrize("keys", [["question_mark", "escape"], ["j", "equals_sign"], ["4"]], ids=str)
async def test_q_leaves_from_every_screen(made: Path, keys: list[str]) -> None:
    async with opened(made, view=HALF) as here:
        await here.press(*keys)
        await here.pilot.press("q")
        await here.until(lambda: not here.app.is_running)
        assert here.app.return_value == ""
