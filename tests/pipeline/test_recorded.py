"""A run's measurements are of one model: where it would come out as another one, nothing is written over."""

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import tiny_grid
from safetensors.torch import load_file, save_file
from tiny_grid import Place

from pipeline.kernels import tiles
from pipeline.record import as_written
from store.folders import RunFolder, run_folders
from store.journal import Journal, units

METHODS = '{ name = "dense" }, { name = "sparsegpt" }, { name = "gptq", group_size = 16 }]'
GRID = tiny_grid.GRID.replace('{ name = "dense" }, { name = "wanda", sparsity = 0.5 }]', METHODS)
GRID = GRID.replace('calibration = ["de", "en"]', 'calibration = ["de"]')
MORE = GRID + '[[measure]]\nname = "perplexity"\nlanguages = ["de"]\nsource = "text"\nsamples = 4\nlength = 64\n'


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """The grid is there, and one measure more is asked for."""
    place = tiny_grid.make(tmp_path_factory.mktemp("recorded"))
    place.write_grid(GRID)
    code, output = place.run()
    assert code == 0, output
    place.write_grid(MORE)
    return place


@pytest.fixture
def place(done: Place, tmp_path: Path) -> Iterator[Place]:
    """The same for every test: where the model lies is part of a run's id."""
    shutil.copytree(done.folder, tmp_path / "kept")
    yield done
    shutil.rmtree(done.folder)
    shutil.copytree(tmp_path / "kept", done.folder)


def of(place: Place, method: str) -> RunFolder:
    (found,) = (folder for folder in run_folders(place.runs) if f"-{method}" in folder.run_id)
    return found


def durable(folder: RunFolder) -> dict[str, str]:
    """SHA-256 of masks and journal, but for the row of table `run`, and documents, which an equal text repeats."""
    files = [path for path in folder.path.rglob("*") if path.suffix in (".safetensors", ".parquet")]
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
        if not path.stem.endswith(("-run", "-calibration_document"))
    }


def kept(folder: RunFolder) -> dict[str, object]:
    return {**durable(folder), **made(folder), "units": units(folder)}


def made(folder: RunFolder) -> dict[str, object]:
    """What the run's row says of the model."""
    names = ("model_revision", "weights_sha256", "calibration_sha256", "versions", "threads", "sparsity_reached")
    return {name: as_written(folder)[name] for name in names if name in as_written(folder)}


def check_refused(place: Place, methods: tuple[str, ...], *reasons: str, **environment: str) -> None:
    """One more measure fails these runs for that reason, and what they have is as it was."""
    folders = [of(place, method) for method in methods]
    before = [kept(folder) for folder in folders]
    process = place.start(environment=environment)
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 1, output
    assert "Traceback" not in output
    for folder in folders:
        for reason in reasons:
            assert reason in folder.state().error, folder.state().error
        assert f"delete {folder.path} and call" in folder.state().error
    for folder, was in zip(folders, before, strict=True):
        assert kept(folder) == was


def check_complete(place: Place, *arguments: str) -> str:
    code, output = place.run(*arguments)
    assert code == 0, output
    assert [len(units(folder)) for folder in run_folders(place.runs)] == [3, 3, 3]
    return output


def test_the_same_model_is_measured_further(place: Place) -> None:
    """Where no hash of the weights was noted, as in older records, that is told, and it stays so."""
    before = {method: as_written(of(place, method))["weights_sha256"] for method in ("sparsegpt", "gptq")}
    quantised = of(place, "gptq")
    Journal(quantised, 8).write("run", [{**as_written(quantised), "weights_sha256": None}])
    output = check_complete(place)
    assert f"{quantised.run_id}: no hash of its weights was noted" in output
    assert output.count("no hash of its weights") == 1
    assert as_written(of(place, "sparsegpt"))["weights_sha256"] == before["sparsegpt"]
    assert as_written(quantised).get("weights_sha256") is None
    assert "weights_sha256" not in as_written(of(place, "dense"))
    assert '"float32 products of"' in as_written(of(place, "gptq"))["versions"]


def test_an_edited_text_is_told_and_undone(place: Place) -> None:
    text = place.folder / "text" / "calibration" / "de.txt"
    was = text.read_text(encoding="utf-8")
    text.write_text(tiny_grid.text("another"), encoding="utf-8")
    check_refused(place, ("sparsegpt", "gptq"), "/text is another one now (SHA-256 of its tokens", "(2 numbers)")
    assert len(units(of(place, "dense"))) == 3
    place.write_grid(GRID)  # which has all it asks for
    assert place.run()[0] == 0
    assert {folder.state().status for folder in run_folders(place.runs)} == {"done"}
    place.write_grid(MORE)
    text.write_text(was, encoding="utf-8")
    check_complete(place, "--retry-failed")


def test_an_edited_model_is_told_and_new_runs_of_it_are_made(place: Place) -> None:
    (place.folder / "model" / "more.json").write_text("{}", encoding="utf-8")
    place.write_grid(MORE.replace("[calibration]", "seed = [0, 1]\n[calibration]"))
    folders = {folder.run_id for folder in run_folders(place.runs)}
    before = [made(RunFolder.at(place.runs, run_id)) for run_id in sorted(folders)]
    code, output = place.run()
    assert code == 1, output
    states = {folder.run_id: folder.state() for folder in run_folders(place.runs)}
    assert {run_id for run_id, state in states.items() if state.status == "failed"} == folders
    assert {state.status for run_id, state in states.items() if run_id not in folders} == {"done"}
    assert all("model is another one now: the run has revision" in states[run_id].error for run_id in folders)
    assert [made(RunFolder.at(place.runs, run_id)) for run_id in sorted(folders)] == before


def test_masks_of_another_model_are_not_put_on_this_one(place: Place) -> None:
    """Of a run that was pruned, and not measured before the model changed."""
    place.write_grid(tiny_grid.GRID.partition("[[measure]]")[0].replace('["de", "en"]', '["de"]'))
    assert place.run()[0] == 0
    before = made(of(place, "wanda"))
    file = place.folder / "model" / "model.safetensors"
    weights = load_file(file)
    save_file({name: weight.flip(0).contiguous() for name, weight in weights.items()}, file, {"format": "pt"})
    place.write_grid(tiny_grid.GRID.replace('["de", "en"]', '["de"]').replace('{ name = "dense" }, ', ""))
    code, output = place.run()
    assert code == 0, output
    after = made(of(place, "wanda"))
    assert {name for name in before if after[name] != before[name]} == {"model_revision", "weights_sha256"}


def test_weights_that_come_out_otherwise_are_told(place: Place) -> None:
    """Those of the record are made another model's; without them, as in older records, the masks are held against."""
    quantised, sparse = of(place, "gptq"), of(place, "sparsegpt")
    Journal(quantised, 8).write("run", [{**as_written(quantised), "weights_sha256": "0" * 64, "threads": 3}])
    Journal(sparse, 8).write("run", [{**as_written(sparse), "weights_sha256": None}])
    (masks,) = sparse.journal.glob("*-mask_summary.parquet")
    rows = [{**row, "sha256": "0" * 64} for row in _rows(masks)]
    Journal(sparse, 8).write("mask_summary", rows)
    check_refused(place, ("gptq", "sparsegpt"), "that the run had")
    assert "the pruned weights are not those that the run had (SHA-256" in quantised.state().error
    assert "The run was made on cpu with 3 threads, here it is on cpu with 1 threads" in quantised.state().error
    assert "--retry-failed --threads 3" in quantised.state().error
    assert "the mask of model.layers.0.self_attn.q_proj is not the one that the run had" in sparse.state().error


@pytest.mark.skipif(tiles.kernels() is None, reason="this processor multiplies in one way only")
def test_other_products_are_told_and_undone(place: Place) -> None:
    setting = "float32 there, bfloat16 pairs here (CALIB_EXPLORER_PRODUCTS=float32 gives those of there)"
    check_refused(place, ("sparsegpt",), setting, CALIB_EXPLORER_PRODUCTS="")
    check_complete(place, "--retry-failed")


def _rows(path: Path) -> list[dict[str, object]]:
    import polars

    rows = polars.read_parquet(path).to_dicts()
    return [{name: value for name, value in row.items() if name not in ("run_id", "written_at")} for row in rows]
