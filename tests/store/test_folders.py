"""Run and grid folders: what they hold, and that a dead process frees them."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from store.errors import Busy
from store.folders import GridFolder, RunFolder, State, run_folders

HOLD = "import sys, time; from pathlib import Path; from store.folders import RunFolder\n"
HOLD += "with RunFolder(Path(sys.argv[1])).lock(): print('held', flush=True); time.sleep(60)"


def holder(folder: RunFolder) -> "subprocess.Popen[str]":
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(folder.path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_run_folder_gives_back_its_spec_and_state(tmp_path: Path) -> None:
    folder = RunFolder.at(tmp_path, "a").create({"run_id": "a", "grid": "g"})
    folder.create({"run_id": "other"})
    assert folder.spec() == {"run_id": "a", "grid": "g"}
    assert folder.state() == State("")
    folder.write_state(State("failed", error="out of memory"))
    state = folder.state()
    assert (state.status, state.error) == ("failed", "out of memory")
    assert state.pid
    assert state.beat


def test_folders_without_a_spec_are_not_runs(tmp_path: Path) -> None:
    RunFolder.at(tmp_path, "b").create({})
    RunFolder.at(tmp_path, "a").create({})
    (tmp_path / "c").mkdir()
    GridFolder.at(tmp_path, "g").create({})
    assert [folder.run_id for folder in run_folders(tmp_path)] == ["a", "b"]
    assert list(run_folders(tmp_path / "nowhere")) == []


def test_a_held_run_is_busy_and_a_killed_one_interrupted(tmp_path: Path) -> None:
    folder = RunFolder.at(tmp_path, "a").create({})
    folder.write_state(State("running", fraction=0.5))
    process = holder(folder)
    assert folder.state().status == "running"
    with pytest.raises(Busy, match="run a is held"), folder.lock():
        pass
    process.kill()
    process.communicate()
    assert folder.state().status == "interrupted"
    with folder.lock():
        assert folder.state().status == "running"


def test_a_queued_run_lives_as_long_as_its_grid(tmp_path: Path) -> None:
    folder = RunFolder.at(tmp_path, "a").create({})
    folder.write_state(State("queued", grid="g"))
    assert folder.state().status == "interrupted"
    grid = GridFolder.at(tmp_path, "g").create({"name": "g"})
    with grid.lock():
        assert grid.owner()["pid"]
        assert folder.state().status == "queued"
        with pytest.raises(Busy), grid.lock():
            pass
    assert folder.state().status == "interrupted"


def test_looking_at_a_lock_does_not_keep_a_worker_out(tmp_path: Path) -> None:
    folder = RunFolder.at(tmp_path, "a").create({})
    look = "import sys; from pathlib import Path; from store.folders import RunFolder\n"
    look += "while True: RunFolder(Path(sys.argv[1])).held()"
    watcher = subprocess.Popen([sys.executable, "-c", look, str(folder.path)])
    try:
        time.sleep(0.3)
        for _ in range(50):
            with folder.lock():
                pass
    finally:
        watcher.kill()
        watcher.wait()


def test_events_are_lines(tmp_path: Path) -> None:
    folder = RunFolder.at(tmp_path, "a").create({})
    folder.event("started")
    folder.event("block", {"index": 3})
    lines = folder.events.read_text().splitlines()
    assert len(lines) == 2
    assert '"kind": "block", "index": 3' in lines[1]
