"""Several pruned models beside one dense pass: the same numbers, bit for bit, as one at a time."""

import json
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars
import psutil
import pytest
import tiny_grid
from tiny_grid import Place

from pipeline import devices
from pipeline.plan import Todo
from pipeline.room import MOST, room
from pipeline.spec import CalibrationSpec, Dense, Fidelity, Perplexity, RunSpec, SparseGPT, Wanda
from pipeline.together import company
from store.folders import RunFolder, run_folders
from store.journal import units
from store.segments import segments_in

METHODS = '{ name = "dense" }, { name = "wanda", sparsity = 0.5 }, { name = "sparsegpt", sparsity = 0.5 }'
HEAD = tiny_grid.GRID.partition("[[measure]]")[0]
HEAD = HEAD.replace('{ name = "dense" }, { name = "wanda", sparsity = 0.5 }', METHODS)
MEASURES = "".join(
    f'[[measure]]\nname = "{name}"\nlanguages = ["de", "en"]\nsource = "text"\nsamples = 8\nlength = 64\n'
    for name in ("perplexity", "fidelity", "lsar", "lape", "activations", "weights")
)
TABLES = ("measurement", "neuron_count", "neuron_lape", "neuron_token", "output_activation", "tensor", "evaluation")
TEXT = CalibrationSpec(languages="de", source="demo", samples=32, length=512, sampling="pack")
SHARED: dict[str, Any] = {
    "languages": ("de", "en"), "source": "demo", "samples": 8, "length": 512, "sampling": "pack"
}  # fmt: skip
WANDA, SPARSEGPT = Wanda(name="wanda", sparsity=0.5), SparseGPT(name="sparsegpt", sparsity=0.5)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """The same grid into two stores: one run at a time, and three pruned ones together."""
    place = tiny_grid.make(tmp_path_factory.mktemp("together") / "here")
    place.write_grid(HEAD + MEASURES)
    for name, k in (("one", "1"), ("three", "3")):
        code, output = place.run("--together", k, *into(place, name))
        assert code == 0, output
    return place


def into(place: Place, name: str) -> tuple[str, str]:
    """Arguments for a store of that name."""
    (place.folder / name).mkdir()
    return "--store", str(place.folder / name / "results.duckdb")


def runs_of(place: Place, name: str) -> Path:
    return place.folder / name / "runs"


def rows(folder: RunFolder, table: str) -> list[tuple[object, ...]]:
    parts = [polars.read_parquet(each.path) for each in segments_in(folder.journal) if each.table == table]
    data = polars.concat(parts, how="diagonal")
    kept = sorted(set(data.columns) - {"written_at", "attempt", "run_key"})
    return sorted(data.select(kept).rows(), key=str)


def times(runs: Path, kind: str) -> list[str]:
    """When the runs began or ended, in order."""
    lines = [line for folder in run_folders(runs) for line in folder.events.read_text().splitlines()]
    return sorted(event["time"] for event in map(json.loads, lines) if event["kind"] == kind)


def test_numbers_are_bit_for_bit_those_of_one_at_a_time(place: Place) -> None:
    ids = [folder.run_id for folder in run_folders(runs_of(place, "one"))]
    assert len(ids) == 5
    for run_id in ids:
        for table in TABLES:
            alone, shared = (rows(RunFolder.at(runs_of(place, name), run_id), table) for name in ("one", "three"))
            assert alone, table
            assert alone == shared, f"{run_id} {table}"


def test_runs_did_share_their_walks(place: Place) -> None:
    """The dense run and three others begin before any of them ends, the fifth after that."""
    one, three = (
        (times(runs_of(place, name), "started"), times(runs_of(place, name), "done")) for name in ("one", "three")
    )
    assert three[0][3] < three[1][0] < three[1][3] < three[0][4]
    assert one[1][0] < one[0][1]


def test_a_second_call_has_nothing_to_do(place: Place) -> None:
    code, output = place.run("--together", "3", "--store", str(place.folder / "three" / "results.duckdb"))
    assert (code, "nothing to do" in output) == (0, True)


def test_a_kill_loses_nothing_that_was_measured(place: Place) -> None:
    """Two walks; killed when the first is written down: what it gave stays, and each run goes on by itself."""
    place.write_grid(HEAD + MEASURES + MEASURES.replace("samples = 8", "samples = 9"))
    process = place.start("--together", "4", *into(place, "killed"))
    runs = runs_of(place, "killed")
    deadline = time.monotonic() + 60
    while not (runs.exists() and any(units(folder) for folder in run_folders(runs))):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    psutil.Process(process.pid).children()[0].kill()
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 0, output
    assert times(runs, "died")
    for folder in run_folders(runs):
        for table in TABLES:
            expected = rows(RunFolder.at(runs_of(place, "one"), folder.run_id), table)
            assert set(map(str, expected)) <= set(map(str, rows(folder, table))), table


def test_a_run_that_fails_fails_alone(place: Place) -> None:
    """For want of text its whole run; of a measure that fails, only its own numbers are missing."""
    (place.folder / "text" / "calibration" / "en.txt").write_text("Too little.\n")
    place.write_grid(HEAD + MEASURES.replace('name = "activations"', 'name = "activations"\nlinears = ["nothing"]'))
    assert place.run("--together", "4", *into(place, "failing"))[0] == 1
    for folder in run_folders(runs_of(place, "failing")):
        state = folder.state()
        assert state.status == "failed"
        if "-en-" in folder.run_id:
            assert "en has" in state.error
            continue
        assert "no linear 'nothing'" in state.error
        assert "Traceback" in folder.log.read_text()
        whole = rows(RunFolder.at(runs_of(place, "one"), folder.run_id), "measurement")
        missing = set(map(str, whole)) - set(map(str, rows(folder, "measurement")))
        assert missing == {row for row in map(str, whole) if "mean_activation" in row}


def todo(method: Any, seed: int = 0, model: str = "demo", measures: tuple[Any, ...] = ()) -> Todo:
    dense = isinstance(method, Dense)
    spec = RunSpec(model=model, method=method, calibration=None if dense else TEXT, seed=None if dense else seed)
    return Todo(spec, measures or (Fidelity(name="fidelity", **SHARED),), False)


def test_who_keeps_company() -> None:
    dense, other = todo(Dense(name="dense")), todo(WANDA, model="demo-gemma")
    pruned = [todo(WANDA, seed) for seed in range(5)]
    ready = [dense, other, *pruned]
    assert company(dense, ready, lambda _: 3, 1) == [dense, *pruned[:3]]
    assert company(pruned[4], ready[1:], lambda _: 3, 1) == [*pruned[:2], pruned[4]]
    assert company(pruned[0], ready, lambda _: 1, 1) == [pruned[0]]
    assert company(other, ready, lambda _: 3, 1) == [other]
    assert company(dense, ready, lambda _: 4, 2) == [dense, *pruned[:3]], "the other worker has two"
    assert company(dense, [dense, *pruned[:2]], lambda _: 4, 2) == [dense], "each worker has one"
    plain = (Perplexity(name="perplexity", **SHARED),)
    runs = [todo(WANDA, seed, measures=plain) for seed in range(3)]
    assert company(runs[0], runs, lambda _: 3, 1) == [runs[0]], "nothing compares with the dense model"


@dataclass(frozen=True)
class Usage:
    free: int


def test_room_is_what_memory_and_disk_allow(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def free(gigabytes: float) -> None:
        memory = type("Memory", (), {"available": gigabytes * 1e9})
        monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)

    def disk(gigabytes: float) -> None:
        monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(int(gigabytes * 1e9)))

    def there(model: str = "demo", kind: str = "cpu", n_workers: int = 1) -> int:
        return room(todo(SPARSEGPT, model=model), kind, n_workers, tmp_path / "runs")

    free(64)
    disk(64)
    assert there() == MOST
    assert there("somebody/nothing-known") == 1
    free(0.4)
    assert there(n_workers=4) == 1
    free(64)
    disk(2.5)
    assert 1 < there() < MOST
    disk(64)
    assert there("somebody/model-70b") == 1
    monkeypatch.setattr(devices, "free_bytes", lambda: None)
    assert there(kind="cuda") == 1
