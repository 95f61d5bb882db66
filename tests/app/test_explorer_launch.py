"""Starting the run that a cell is missing: what is offered, and the cell from a dot to a number."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import explored
import pytest
from driving import opened

import pipeline.launch
from app.explorer.launch_dialog import LaunchDialog
from app.explorer.launching import Wish, make
from app.explorer.runs_screen import RunsScreen
from pipeline.spec import Grid
from store.folders import RunFolder, State

HALF = "perplexity?pattern=unstructured"


class Started:
    """Stands in for the pipeline: notes what was started and leaves the run folder to the test."""

    def __init__(self) -> None:
        self.grids: list[Grid] = []
        self.processes: list[subprocess.Popen[bytes]] = []
        self.code = "import time; time.sleep(60)"

    def __call__(self, grid: Grid, store: Path, *, arguments: tuple[str, ...] = ()) -> "subprocess.Popen[bytes]":
        assert arguments == ("--retry-failed",) or grid.name == "demo"
        self.grids.append(grid)
        run = next(grid.runs())
        RunFolder.at(store.parent / "runs", run.run_id).create({**run.model_dump(mode="json"), "run_id": run.run_id})
        self.processes.append(subprocess.Popen([sys.executable, "-c", self.code], stderr=subprocess.DEVNULL))
        return self.processes[-1]


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Iterator[Started]:
    stand_in = Started()
    monkeypatch.setattr(pipeline.launch, "launch", stand_in)
    yield stand_in
    for process in stand_in.processes:
        process.kill()
        process.wait()


def cell(text: str, row: str, column: int) -> str:
    """What an 80x24 frame shows at a row and the number of a column."""
    line = next(line for line in text.splitlines() if line[2:].startswith(row))
    return line[8 + 7 * column :][:7].strip(" ▐▌")


async def test_from_a_missing_cell_to_its_number(store: Path, started: Started) -> None:
    async with opened(store, view=HALF) as here:
        await here.press("G", "l", "r")
        assert isinstance(here.app.screen, LaunchDialog)
        assert "perplexity in ar de en es ru sw zh" in here.words
        await here.press("enter")
        assert "started smollm2-135m-instruct-wanda-0.5-zh-s0" in here.text
        run = next(started.grids[0].runs())
        assert run in list(explored.grid().runs())
        folder = RunFolder.at(store.parent / "runs", run.run_id)
        with folder.lock():
            folder.write_state(State(status="queued"))
            await here.until(lambda: cell(here.text, "ZH", 1) == "◌")
            folder.write_state(State(status="running", fraction=0.42, stage="prune", detail="block 13 of 30"))
            await here.until(lambda: cell(here.text, "ZH", 1) == "▶ 42%")
            assert "▶1" in here.text
            assert "prune block 13 of" in here.words
        explored.write(store.parent / "runs", run)
        await here.until(lambda: cell(here.text, "ZH", 1) == "19.0¹")


async def test_a_run_that_fails_says_so_in_its_cell_and_why_among_the_runs(store: Path) -> None:
    run = next(run for run in explored.grid().runs() if "wanda-0.5-zh-s0" in run.run_id)
    folder = RunFolder.at(store.parent / "runs", run.run_id)
    folder.create({**run.model_dump(mode="json"), "run_id": run.run_id})
    folder.write_state(State(status="failed", error="too little text in 'zh' for 16 x 256 tokens"))
    async with opened(store, view=HALF) as here:
        await here.until(lambda: cell(here.text, "ZH", 1) == "✗")
        await here.press("4")
        assert isinstance(here.app.screen, RunsScreen)
        await here.until(lambda: "too little text in 'zh' for 16 x 256 tokens" in here.text)


async def test_a_pipeline_that_does_not_start_is_told(store: Path, started: Started) -> None:
    started.code = "raise SystemExit(2)"
    async with opened(store, view=HALF) as here:
        await here.press("G", "r", "enter")
        await here.until(lambda: "exit code 2" in here.text)


async def test_the_fields_decide_what_is_run(store: Path, started: Started) -> None:
    started.code = ""
    async with opened(store, view=HALF) as here:
        await here.press("G", "r", *["backspace"] * 2, *"en+de", "tab", "backspace", "5", "enter")
        run = next(started.grids[0].runs())
        assert run.calibration is not None
        assert (run.calibration.languages, run.seed) == ("en+de", 5)


@pytest.mark.parametrize(
    ("typed", "told"), [("xx", "no text in 'xx'"), ("de+de", "twice"), ("", "calibration is empty")]
)
async def test_what_cannot_be_run_is_told_in_the_form(store: Path, typed: str, told: str) -> None:
    async with opened(store, view=HALF) as here:
        await here.press("G", "r", *["backspace"] * 2, *typed, "enter")
        await here.until(lambda: told in here.words)
        await here.press("escape")
        assert not isinstance(here.app.screen, LaunchDialog)


async def test_nothing_can_be_run_from_the_papers_numbers(store: Path) -> None:
    async with opened(store, view="perplexity?source=paper") as here:
        await here.press("r")
        assert "press m for measured ones" in here.text


async def test_where_nothing_was_measured_the_demo_is_offered(nothing: Path, started: Started) -> None:
    started.code = ""
    async with opened(nothing) as here:
        await here.press("m", "r")
        assert "start the demo?" in here.text
        await here.press("enter")
        assert started.grids[0].name == "demo"


def test_a_cell_with_a_number_wants_another_seed_and_dense_wants_none(made: Path) -> None:
    runs = made.parent / "runs"
    like = next(run.run_id for run in explored.grid().runs() if "wanda-0.5-de-s0" in run.run_id)
    again = next(make(runs, Wish(like, "de", 3, "de")).runs())
    assert (again.seed, again.calibration and again.calibration.label) == (3, "de")
    dense = list(make(runs, Wish(like, "dense", None, "de")).runs())
    assert [run.method.name for run in dense] == ["dense"]


def test_the_language_of_the_cell_is_measured_though_no_grid_did(made: Path) -> None:
    like = next(run.run_id for run in explored.grid().runs() if "wanda-0.5-de-s0" in run.run_id)
    with pytest.raises(ValueError, match="no text in 'fr'"):
        make(made.parent / "runs", Wish(like, "de", 0, "fr"))
