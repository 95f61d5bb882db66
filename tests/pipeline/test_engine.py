"""The contract of an engine, on the one of this machine: what is yielded arrives, whatever becomes of a worker."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from pipeline.engine import Event, Failure, LocalEngine, Said, Unit

HERE = Path(__file__).parent


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[LocalEngine]:
    engine = LocalEngine(2, {**os.environ, "PYTHONPATH": str(HERE)}, tmp_path / "driver.log")
    yield engine
    engine.close()


def unit(key: str, task: str, affinity: str = "", **args: object) -> Unit:
    return Unit(key, f"toy_tasks:{task}", args, affinity)


def finish(engine: LocalEngine, *keys: str) -> list[Event]:
    """Events until all `keys` have ended."""
    events: list[Event] = []
    deadline = time.monotonic() + 20
    while set(keys) - {event.key for event in events if event.kind in ("done", "failed", "died")}:
        assert time.monotonic() < deadline, events
        events += engine.poll(0.1)
    return events


def wait_for(engine: LocalEngine, kind: str) -> Event:
    while True:
        for event in engine.poll(0.1):
            if event.kind == kind:
                return event


def test_what_a_unit_yields_arrives_in_order(engine: LocalEngine) -> None:
    engine.submit(unit("a", "count", n=3))
    engine.submit(unit("b", "count", n=2))
    events = finish(engine, "a", "b")
    assert [event.data for event in events if event.key == "a" and event.kind == "progress"] == [0, 1, 2]
    assert [event.kind for event in events if event.key == "b"] == ["started", "progress", "progress", "done"]


def test_an_exception_is_told_in_one_line_and_the_worker_goes_on(engine: LocalEngine) -> None:
    engine.submit(unit("a", "fail", message="too little text\nsecond line"))
    failure = finish(engine, "a")[-1].data
    assert isinstance(failure, Failure)
    assert failure.message == "ValueError: too little text"
    assert "Traceback" in failure.traceback
    engine.submit(unit("b", "count", n=1))
    assert finish(engine, "b")[-1].kind == "done"


def test_what_the_pipeline_logs_is_passed_on(engine: LocalEngine) -> None:
    engine.submit(unit("a", "talk", text="fetching"))
    said = [event.data for event in finish(engine, "a") if event.kind == "said"]
    assert said == [Said("fetching", warning=False), Said("FETCHING", warning=True)]


def test_a_dead_worker_is_reported_and_replaced(engine: LocalEngine) -> None:
    engine.submit(unit("a", "die"))
    died = finish(engine, "a")[-1]
    assert (died.kind, "SIGKILL" in died.data) == ("died", True)
    engine.submit(unit("b", "count", n=1))
    assert finish(engine, "b")[-1].kind == "done"


def test_units_of_one_affinity_share_a_worker(engine: LocalEngine) -> None:
    def worker_of(key: str, affinity: str) -> int:
        engine.submit(unit(key, "who", affinity))
        return int(next(event.data for event in finish(engine, key) if event.kind == "progress"))

    one, other = worker_of("a", "llama"), worker_of("b", "gemma")
    assert one != other
    assert [worker_of("c", "gemma"), worker_of("d", "llama")] == [other, one]


def test_closing_is_polite_first_and_then_not(engine: LocalEngine, tmp_path: Path) -> None:
    engine.submit(unit("a", "sleep", mark=tmp_path / "polite"))
    engine.submit(unit("b", "sleep", mark=tmp_path / "deaf", deaf=True))
    pids = {wait_for(engine, "progress").data for _ in range(2)}
    engine.close(grace=1.0)
    assert [(tmp_path / "polite").exists(), (tmp_path / "deaf").exists()] == [True, False]
    assert not any(psutil.pid_exists(pid) for pid in pids)


def test_being_stopped_is_no_failure_whatever_a_library_makes_of_it(engine: LocalEngine) -> None:
    engine.submit(unit("a", "disguise"))
    wait_for(engine, "progress")
    engine.cancel("a")
    last = finish(engine, "a")[-1]
    assert (last.kind, last.data) == ("died", "ended with exit code 0")


def test_a_worker_does_not_outlive_its_driver(tmp_path: Path) -> None:
    code = f"""
from pathlib import Path; import os, time
from pipeline.engine import LocalEngine, Unit
engine = LocalEngine(1, dict(os.environ), Path({str(tmp_path)!r}) / "driver.log")
engine.submit(Unit("a", "toy_tasks:sleep", {{"mark": Path({str(tmp_path)!r}) / "mark", "deaf": True}}))
while True:
    for event in engine.poll(0.1):
        if event.kind == "progress":
            print(event.data, flush=True)
"""
    driver = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(HERE)}
    )
    assert driver.stdout is not None
    worker = psutil.Process(int(driver.stdout.readline()))
    driver.kill()
    driver.communicate()
    worker.wait(3)
