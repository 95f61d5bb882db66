"""A tiny grid through `python -m pipeline`: done, again, interrupted, failed, killed, with the store held."""

import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import psutil
import pytest
import tiny_grid
from tiny_grid import LONGER, Place

from pipeline.launch import cancel, load
from store.folders import RunFolder, run_folders
from store.journal import units

OURS = "JOIN run USING (run_key) WHERE run.source = 'run'"

HOLD = """
import duckdb, sys
connection = duckdb.connect(sys.argv[1])
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Model, text and grid, made once."""
    return tiny_grid.make(tmp_path_factory.mktemp("original"))


@pytest.fixture
def place(original: Place, tmp_path: Path) -> Place:
    shutil.copytree(original.folder, tmp_path / "place")
    return Place(tmp_path / "place")


@contextmanager
def held(store: Path) -> Iterator[None]:
    """Another process has the store open read-write."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(store)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield
        process.communicate("")


def rows(place: Place, query: str) -> list[tuple[object, ...]]:
    with duckdb.connect(str(place.store), read_only=True) as connection:
        return connection.execute(query).fetchall()


def check_complete(place: Place) -> None:
    """Every run done, every unit measured once, in the folders and in the store."""
    grid = load(place.grid)
    wanted = sorted(run.run_id for run in grid.runs())
    folders = list(run_folders(place.runs))
    assert [folder.run_id for folder in folders] == wanted
    assert [folder.state().status for folder in folders] == ["done"] * len(wanted)
    n_units = len(wanted) * sum(len(measure.languages) for measure in grid.measure)
    assert sum(len(units(folder)) for folder in folders) == n_units
    copies = rows(place, f"SELECT count(*) FROM measurement {OURS} GROUP BY run_key, evaluation, language, quantity")
    assert copies == [(1,)] * (2 * n_units)
    assert rows(place, "SELECT run_id FROM run WHERE source = 'run' AND status = 'done' ORDER BY 1") == [
        (run_id,) for run_id in wanted
    ]
    linears = rows(place, f"SELECT count(*) FROM mask_summary {OURS} GROUP BY run_key")
    assert linears == [(14,)] * len(list(place.runs.glob("*/masks.safetensors"))) == [(14,)] * (len(wanted) - 1)


def start_working(place: Place) -> "subprocess.Popen[str]":
    """The pipeline, when it has done one run more."""
    before = n_done(place)
    process = place.start()
    wait_for_more(place, before)
    return process


def wait_for_more(place: Place, before: int) -> None:
    deadline = time.monotonic() + 60
    while n_done(place) <= before:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def n_done(place: Place) -> int:
    return sum(folder.state().status == "done" for folder in run_folders(place.runs))


def statuses(place: Place) -> set[str]:
    return {folder.state().status for folder in run_folders(place.runs)}


def test_from_grid_to_numbers_and_again(place: Place) -> None:
    code, output = place.run()
    assert code == 0, output
    check_complete(place)
    (row,) = rows(place, "SELECT * FROM run WHERE run_id LIKE 'model-wanda-0.5-de%'")
    names = [name for name, *_ in rows(place, "DESCRIBE run")]
    record = dict(zip(names, row, strict=True))
    assert (record["calibration"], record["seed"], record["dtype"], record["n_blocks"]) == ("de", 0, "float32", 2)
    assert record["sparsity_reached"] == pytest.approx(0.5)
    for known in ("calibration_sha256", "host", "versions", "command", "wall_s", "device_s", "peak_memory_bytes"):
        assert record[known], known
    assert (record["calibration_languages"], record["calibration_shares"]) == (["de"], [8])
    begins = rows(place, f"SELECT first_token FROM calibration_document WHERE run_key = {record['run_key']}")
    assert begins == [(0,)] * record["calibration_documents"]  # packed: from their first token

    began = time.monotonic()
    code, output = place.run()
    assert (code, output) == (0, "tiny: nothing to do: 3 runs, 6 measurements are there\n")
    assert time.monotonic() - began < 5

    # one more measure: only that is measured, the masks are applied again, and they give the same model
    more = (
        '[[measure]]\nname = "perplexity"\nlanguages = ["de"]\nsource = "text"\nsamples = 8\nlength = 64\nseed = 0\n'
    )
    place.write_grid(tiny_grid.GRID + more.replace("samples = 8", "samples = 4"))
    before = {path: path.stat().st_mtime_ns for path in place.runs.glob("*/masks.safetensors")}
    code, output = place.run("--json")
    assert code == 0, output
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert '"remaining_s"' in output
    check_complete(place)


def test_the_driver_never_loads_torch(place: Place) -> None:
    """Not at a call that runs a grid to its end either: here the worker fails at once."""
    shutil.rmtree(place.folder / "model")
    place.write_grid(tiny_grid.GRID.replace('model = ["model"]', 'model = ["nobody/nothing"]'))
    code = (
        "import sys; from pipeline.__main__ import main; code = main(sys.argv[1:]); "
        "print(*sorted({'torch', 'transformers', 'datasets', 'textual'} & set(sys.modules))); sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(place.grid), "--store", str(place.store)],
        env=place.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout.endswith("\n\n"), done.stdout
    assert done.stdout.count("nothing") == 1 + 1, done.stdout  # the reason once, not for each run; and the summary
    assert statuses(place) == {"failed"}


def test_what_cannot_begin(place: Place) -> None:
    """One message, exit code 2, nothing written over."""
    assert place.run("--device", "gpu") == (2, "no device 'gpu'; valid: auto, cpu, cuda, cuda:0, cuda:1, ...\n")
    place.store.write_text("not a database")
    code, output = place.run()
    assert (code, output.count("\n")) == (2, 1), output
    assert "not a DuckDB database" in output
    assert place.store.read_text() == "not a database"
    (place.folder / "file").touch()
    command = [sys.executable, "-m", "pipeline", str(place.grid), "--store", "file/results.duckdb"]
    done = subprocess.run(command, cwd=place.folder, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    place.write_grid("name = 'x'")
    code, output = place.run()
    assert (code, output) == (2, f"{place.grid}: axes: missing\n")


def test_a_failed_run_does_not_stop_the_others(place: Place) -> None:
    (place.folder / "text" / "calibration" / "en.txt").write_text("Too little.\n")
    code, output = place.run()
    assert code == 1
    assert output.count("en has") == 1
    assert "Traceback" not in output
    states = {folder.run_id: folder.state() for folder in run_folders(place.runs)}
    failed = [run_id for run_id, state in states.items() if state.status == "failed"]
    assert [("-en-" in run_id, "needed" in states[run_id].error) for run_id in failed] == [(True, True)]
    assert "Traceback" in RunFolder.at(place.runs, failed[0]).log.read_text()
    assert rows(place, "SELECT status FROM run WHERE error LIKE 'en has%'") == [("failed",)]
    assert len(rows(place, "SELECT * FROM run WHERE source = 'run' AND status = 'done'")) == 2

    code, output = place.run()
    assert code == 1
    assert "nothing to do but what failed: 2 runs" in output
    assert "--retry-failed" in output
    (place.folder / "text" / "calibration" / "en.txt").write_text(tiny_grid.text("new"))
    code, output = place.run("--retry-failed", "--quiet")
    assert (code, output) == (0, "")
    check_complete(place)


def test_whatever_interrupts_it_the_same_command_goes_on(place: Place) -> None:
    """kill -9 of worker, driver and both, Ctrl-C, cancel; a second launcher; the store held by another process."""
    assert place.run("--device", "gpu")[0] == 2  # and has made the store
    place.write_grid(LONGER)
    rng = random.Random(0)
    with held(place.store):
        process = start_working(place)
        psutil.Process(process.pid).children()[0].kill()
        wait_for_more(place, n_done(place))
        for both in (False, True):
            time.sleep(rng.uniform(0, 0.2))
            workers = psutil.Process(process.pid).children()
            for victim in [*(workers if both else []), process]:
                victim.kill()
            process.communicate()
            psutil.wait_procs(workers, timeout=3)
            assert not any(worker.is_running() for worker in workers)
            assert statuses(place) == {"interrupted", "done"}
            process = start_working(place)

        code, output = place.run()
        assert code == 75
        assert f"process {process.pid} on " in output
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=20)
        assert process.returncode == 130, output
        assert "the same command goes on" in output
        assert statuses(place) == {"interrupted", "done"}

        process = start_working(place)
        assert cancel(place.runs, load(place.grid).grid_id)
        process.communicate(timeout=10)
        assert process.returncode == 130
        code, output = place.run()
        assert code == 0, output
        assert output.count("is open in") == 1
    code, output = place.run()
    assert code == 0
    assert "nothing to do" in output
    check_complete(place)


def test_a_run_that_kills_its_workers_is_given_up(place: Place) -> None:
    (place.folder / "deadly").mkdir()
    (place.folder / "deadly" / "sitecustomize.py").write_text(
        "import sys\n"
        "if 'pipeline.worker' in sys.orig_argv:\n"
        "    import os, threading, signal\n"
        "    threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGKILL)).start()\n"
    )
    place.write_grid(tiny_grid.GRID.replace(', { name = "wanda", sparsity = 0.5 }', ""))
    process = place.start(environment={"PYTHONPATH": str(place.folder / "deadly")})
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert output.count("its worker died 3 times, at last killed by signal SIGKILL") == 1
    assert statuses(place) == {"failed"}
    assert rows(place, "SELECT status FROM run WHERE error LIKE '%died 3 times%'") == [("failed",)]
    code, output = place.run("--retry-failed")
    assert code == 0, output
