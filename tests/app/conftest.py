"""Fixtures of the explorer's tests."""

import shutil
from pathlib import Path

import explored
import pytest


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with runs; not to be changed."""
    return explored.make(tmp_path_factory.mktemp("explored"))


@pytest.fixture
def store(made: Path, tmp_path: Path) -> Path:
    """A copy of it that a test may change."""
    shutil.copytree(made.parent, tmp_path / "here", dirs_exist_ok=True)
    return tmp_path / "here" / made.name


@pytest.fixture
def nothing(tmp_path: Path) -> Path:
    """The path of a store where there is nothing yet."""
    return tmp_path / "results.duckdb"


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the explorer remembers and exports stays in the test's folder."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.delenv("TMUX", raising=False)
    monkeypatch.chdir(tmp_path)
