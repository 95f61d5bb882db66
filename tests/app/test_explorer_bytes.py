"""What goes over the wire, in 24-bit colours: the explorer is used through SSH and tmux."""

from dataclasses import replace
from pathlib import Path

import pytest
from driving import opened
from textual import constants
from textual.drivers.headless_driver import HeadlessDriver

from app.explorer.answers import MatrixRead

SIZES = {"80x24": (80, 24), "120x40": (120, 40)}
UPDATE = {(80, 24): 4_000, (120, 40): 9_000}
"""Bytes for new numbers in 7 x 7 cells of one line, and of three."""

sizes = pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The length of everything written to the terminal. Textual writes nothing to a headless driver: let it."""
    lengths: list[int] = []
    monkeypatch.setattr(constants, "COLOR_SYSTEM", "truecolor")
    monkeypatch.setattr(HeadlessDriver, "is_headless", False)
    monkeypatch.setattr(HeadlessDriver, "write", lambda _, data: lengths.append(len(data.encode())))
    return lengths


@sizes
async def test_a_move_of_the_cursor_costs_little_wherever_it_is(
    made: Path, sent: list[int], size: tuple[int, int]
) -> None:
    async with opened(made, size) as here:
        await here.pilot.pause(0.7)
        here.app.desk.thread.stop()  # so that only the map is sent
        cursor = here.matrix.panes.map
        path = [(row, column) for row in range(8) for column in ((0, 6) if row % 2 else (6, 3))]
        costs = {}
        for place in path:
            sent.clear()
            cursor.move_to(*place)
            await here.pilot.pause(0)
            costs[place] = sum(sent)
        assert 50 < max(costs.values()) <= 1_700, costs


@sizes
async def test_the_pane_beside_it_sends_only_the_lines_that_changed(
    made: Path, sent: list[int], size: tuple[int, int]
) -> None:
    async with opened(made, size) as here:
        await here.press("j", "j", "l")
        await here.quiet()
        sent.clear()
        await here.press("l")
        assert 0 < sum(sent) <= 3_500


@sizes
async def test_new_numbers_in_every_cell(made: Path, sent: list[int], size: tuple[int, int]) -> None:
    async with opened(made, size, "perplexity?sparsity=0.5&norm=whole") as here:
        await here.pilot.pause(0.7)
        here.app.desk.thread.stop()  # so that nothing else is sent
        shown = here.matrix.shown
        cells = {
            place: replace(cell, value=(cell.value or 10.0) * 1.01) for place, cell in shown.matrix.cells.items()
        }
        read = MatrixRead(shown.view, replace(shown.matrix, cells=cells), shown.slices, shown.pairs, shown.measured)
        sent.clear()
        here.matrix.on_matrix_read(read)
        await here.pilot.pause(0)
        assert 500 < sum(sent) <= UPDATE[size]


async def test_an_idle_screen_sends_nothing(made: Path, sent: list[int]) -> None:
    async with opened(made, (120, 40)) as here:
        for keys, seconds in (("l", 2.0), ("equals_sign", 0.6), ("4", 0.6), ("question_mark", 0.6), ("colon", 0.6)):
            await here.press(keys)
            await here.pilot.pause(0.5)
            sent.clear()
            await here.pilot.pause(seconds)
            assert sum(sent) == 0, f"{keys}: {here.text}"
            if keys != "l":
                await here.press("escape")


async def test_a_running_run_sends_only_its_cells(made: Path, sent: list[int]) -> None:
    async with opened(made, (120, 40)) as here:
        before = here.matrix.shown.sheet()
        sent.clear()
        here.matrix.draw()
        await here.pilot.pause(0)
        assert here.matrix.shown.sheet() == before
        assert sum(sent) == 0
