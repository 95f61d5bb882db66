"""How an attempt at a run is written down when it is stopped, and when it fails."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline import stopping
from pipeline.attempt import Attempt
from pipeline.devices import Device
from pipeline.plan import Todo
from pipeline.progress import Course, Pace
from pipeline.spec import Dense, RunSpec
from store.folders import RunFolder

RUN = RunSpec(model="nowhere", method=Dense(name="dense"))


@pytest.fixture
def attempt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Attempt]:
    """One whose work raises what polars makes of an interruption."""

    def interrupted(*_: object, alone: bool) -> Iterator[None]:
        raise TypeError(f"not a data type {alone}")
        yield

    monkeypatch.setattr("pipeline.work.begin", interrupted)
    folder = RunFolder.at(tmp_path, RUN.run_id).create({"run_id": RUN.run_id})
    with folder.lock():
        yield Attempt(folder, Todo(RUN, (), masks_ready=False), "grid", Course((), Pace()))


def test_an_error_is_a_failure(attempt: Attempt) -> None:
    with pytest.raises(TypeError):
        list(attempt.reports(Device("cpu", "cpu-0"), 1, "command"))
    assert attempt.folder.state().status == "failed"


def test_an_error_after_being_asked_to_stop_is_no_failure(attempt: Attempt, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stopping, "_asked", [15])
    with pytest.raises(stopping.Stopped):
        list(attempt.reports(Device("cpu", "cpu-0"), 1, "command"))
    assert attempt.folder.state().status == "interrupted"
