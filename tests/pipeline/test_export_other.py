"""Exports of a run whose model comes out as another one: that is told, and none is written."""

import json
import shutil
from pathlib import Path

import exported
import pytest
import tiny_grid
import torch
from exported import export, logits, remade
from transformers import AutoModelForCausalLM

from pipeline.export.__main__ import main
from pipeline.export.chosen import choose, is_cheap
from pipeline.record import as_written
from store.folders import RunFolder, run_folders
from store.journal import Journal


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tiny_grid.Place:
    return exported.make(tmp_path_factory.mktemp("exported"))


@pytest.fixture
def place(done: tiny_grid.Place, monkeypatch: pytest.MonkeyPatch) -> tiny_grid.Place:
    monkeypatch.setenv("XDG_CACHE_HOME", done.environment()["XDG_CACHE_HOME"])
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # the command sets it
    return done


def test_a_mask_that_comes_out_differently_is_told(
    place: tiny_grid.Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The run's own masks are made those of another by swapping journals."""
    shutil.copytree(place.runs, tmp_path / "runs")
    sparse, wanda = (
        next(folder for folder in run_folders(tmp_path / "runs") if name in folder.run_id)
        for name in ("sparsegpt", "wanda")
    )
    for segment in sparse.journal.glob("*mask_summary*"):
        segment.unlink()
    for segment in wanda.journal.glob("*mask_summary*"):
        shutil.copy(segment, sparse.journal)
    assert main(["sparsegpt", str(tmp_path / "out"), "--store", str(tmp_path / "results.duckdb")]) == 2
    error = capsys.readouterr().err
    assert "the mask of model.layers.0.self_attn.q_proj is not the one that the run had" in error
    assert "The run was made on cpu with 1 threads" in error


def test_weights_that_come_out_differently_are_told(
    place: tiny_grid.Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of a quantised model, which has no masks: its record is made another's."""
    shutil.copytree(place.runs, tmp_path / "runs")
    (folder,) = (folder for folder in run_folders(tmp_path / "runs") if "gptq" in folder.run_id)
    was = as_written(folder)
    there = {**json.loads(was["versions"]), "torch": "1.0", "float32 products of": "bfloat16 quads"}
    Journal(folder, 9).write("run", [{**was, "weights_sha256": "0" * 64, "versions": there}])
    assert main(["gptq", str(tmp_path / "out"), "--store", str(tmp_path / "results.duckdb")]) == 2
    told = capsys.readouterr()
    assert "the pruned weights are not those that the run had (SHA-256" in told.err
    assert "The run was made on cpu with 1 threads; torch 1.0 there" in told.err
    products = "float32 products of bfloat16 quads there, float32 here (this machine cannot do them)"
    assert products in told.err
    assert products in told.out, "before it begins"
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["sparsegpt", "gptq"])
def test_other_products_give_the_runs_model_or_none(
    place: tiny_grid.Place,
    name: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CALIB_EXPLORER_PRODUCTS", "")
    if export(place, name, tmp_path / "out"):
        setting = "float32 products of float32 there, bfloat16 pairs here (CALIB_EXPLORER_PRODUCTS=float32 gives"
        assert setting in capsys.readouterr().err
        assert not (tmp_path / "out").exists()
    else:
        monkeypatch.setenv("CALIB_EXPLORER_PRODUCTS", "float32")
        found = AutoModelForCausalLM.from_pretrained(tmp_path / "out", dtype="auto").eval()
        assert torch.equal(logits(found), logits(remade(place, name)))


def test_damaged_masks_are_made_again_where_the_run_was(
    place: tiny_grid.Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(place.runs, tmp_path / "runs")
    assert is_cheap(choose(tmp_path / "runs", "wanda"))
    (folder,) = (folder for folder in run_folders(tmp_path / "runs") if "wanda" in folder.run_id)
    folder.masks.write_bytes(folder.masks.read_bytes()[:-1])
    assert not is_cheap(choose(tmp_path / "runs", "wanda"))
    assert main(["wanda", str(tmp_path / "out"), "--store", str(tmp_path / "results.duckdb")]) == 0
    assert "its weights and all 14 masks are those of the run" in capsys.readouterr().out


def test_another_dense_model_is_told(
    place: tiny_grid.Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(place.folder / "tied", tmp_path / "other")
    (tmp_path / "other" / "more.json").write_text("{}", encoding="utf-8")
    folder = next(folder for folder in run_folders(place.runs) if "wanda" in folder.run_id)
    spec = {**folder.spec(), "model": str(tmp_path / "other")}
    made = RunFolder.at(tmp_path / "runs", folder.run_id)
    shutil.copytree(folder.path, made.path)
    (made.path / "spec.json").write_text(json.dumps(spec), encoding="utf-8")
    assert main(["wanda", str(tmp_path / "out"), "--store", str(tmp_path / "results.duckdb")]) == 2
    assert "is another one now: the run has revision files-" in capsys.readouterr().err
