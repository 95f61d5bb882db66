"""Opening the explorer: what it loads, what it shows first, what it says of a store that it cannot read."""

import contextlib
import hashlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import explored
import pytest
from driving import opened
from frames import frame

from app.explorer import run
from app.explorer.explorer import Explorer
from app.explorer.session import recall
from app.failures import CommandError

HEAVY = ("torch", "transformers", "datasets", "lm_eval", "polars", "pyarrow", "numpy", "pandas", "pydantic")

HEADLESS = """
import asyncio, sys
from pathlib import Path
from app.explorer.explorer import Explorer

async def main():
    app = Explorer(Path(sys.argv[1]), Path(sys.argv[1]).parent / "runs", "truecolor")
    async with app.run_test(size=(120, 40)) as pilot:
        while app.matrix_screen.known is None:
            await pilot.pause(0.02)
        for key in ("l", "j", "full_stop", "m", "equals_sign", "escape", "4", "escape", "s", "escape", "e", "q"):
            await pilot.press(key)
            await pilot.pause(0.1)
    app.desk.thread.stop(5)

assert "duckdb" not in sys.modules, "duckdb is imported before the first frame is out"
asyncio.run(main())
print(*sys.modules)
"""


def test_nothing_heavy_is_loaded_whatever_screen_is_opened(made: Path) -> None:
    command = [sys.executable, "-W", "error", "-c", HEADLESS, str(made)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert "duckdb" in loaded
    assert not loaded.intersection(HEAVY)


async def test_numbers_of_the_last_session_are_there_before_the_store_is_read(made: Path) -> None:
    async with opened(made, view="perplexity?pattern=unstructured") as here:
        await here.press("j", "q")
    app = Explorer(made, made.parent / "runs", "truecolor")
    app.desk.thread.start = lambda: None  # type: ignore[method-assign]
    async with app.run_test(size=(80, 24)):
        shown = app.matrix_screen.shown
        assert shown.cached_at is not None
        tiles = [tile for row in shown.sheet().tiles for tile in row]
        assert "15.7" in {tile.text for tile in tiles}
        assert all(tile.shade is None for tile in tiles)
        assert " ago" in frame(app.screen).splitlines()[0]


async def test_the_papers_numbers_are_shown_where_nothing_was_measured(nothing: Path) -> None:
    async with opened(nothing) as here:
        assert "published" in here.text
        assert "Nothing measured here yet" in here.text
        await here.press("m")
        assert "m for the paper's numbers" in here.words
    assert not nothing.exists()


@pytest.mark.parametrize("content", [b"no database at all", b""], ids=["garbage", "empty"])
async def test_a_store_that_is_none_is_told_with_what_to_do(nothing: Path, content: bytes) -> None:
    nothing.write_bytes(content)
    async with opened(nothing) as here:
        assert "not a DuckDB database" in here.words or "damaged" in here.words
        assert "calib-explorer rebuild" in here.words
        await here.pilot.press("q")
    assert "rebuild" in (here.app.return_value or "")


async def test_a_store_that_was_mended_can_be_tried_again(nothing: Path, made: Path) -> None:
    nothing.write_bytes(b"no database at all")
    async with opened(nothing) as here:
        assert here.app.problem
        nothing.write_bytes(made.read_bytes())
        await here.press("R")
        await here.until(lambda: "SmolLM2" in here.text)
        assert not here.app.problem


def test_after_that_the_command_ends_with_the_same_words(nothing: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Explorer, "run", lambda _: "results.duckdb is damaged")
    with pytest.raises(CommandError, match="is damaged"):
        run(nothing, nothing.parent / "runs", "none")


def test_a_view_that_cannot_be_read_does_not_even_open(nothing: Path) -> None:
    with pytest.raises(CommandError, match="no key 'modle'"):
        run(nothing, nothing.parent / "runs", "none", "perplexity?modle=x")


def test_a_damaged_memory_is_forgotten(made: Path, tmp_path: Path) -> None:
    folder = tmp_path / "state" / "calib-explorer"
    folder.mkdir(parents=True)
    assert recall(made) is None
    name = hashlib.sha256(str(made.resolve()).encode()).hexdigest()[:12]
    for text in ("", "{}", "[1]", '{"version": 1, "view": 3}', '{"version": 1, "view": "a?b=c", "matrix": {}}'):
        (folder / f"explorer-{name}.json").write_text(text)
        assert recall(made) is None


@contextlib.contextmanager
def held(store: Path) -> Iterator[int]:
    """Another process has the store open, read-write."""
    code = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", code, str(store)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        try:
            yield process.pid
        finally:
            process.kill()


async def test_a_store_that_is_held_is_named_and_new_numbers_still_come(store: Path) -> None:
    late = next(run for run in explored.grid().runs() if "wanda-0.5-zh-s0" in run.run_id)
    with held(store) as pid:
        async with opened(store, (120, 40), "perplexity?pattern=unstructured&source=run") as here:
            await here.until(lambda: f" {pid}" in here.text.splitlines()[0])
            assert "store held by python" in here.text.splitlines()[0]
            explored.write(store.parent / "runs", late)
            await here.until(lambda: here.matrix.shown.matrix["zh", "zh"].value is not None)
            assert not here.app.problem


async def test_numbers_that_come_while_it_is_open_are_shown(store: Path) -> None:
    late = next(run for run in explored.grid().runs() if "wanda-0.5-zh-s0" in run.run_id)
    async with opened(store, view="perplexity?pattern=unstructured") as here:
        await here.press("G")
        assert here.matrix.panes.place == ("zh", "ar")
        explored.write(store.parent / "runs", late)
        await here.until(lambda: here.matrix.shown.matrix["zh", "zh"].value is not None)
        assert here.matrix.panes.place == ("zh", "ar")
        await here.until(lambda: "▐36.0¹▌" in here.text)
