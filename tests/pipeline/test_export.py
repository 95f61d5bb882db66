"""Exported models: loaded by transformers alone they give the run's logits, bit for bit; what cannot be is told."""

import json
import re
import shutil
from collections.abc import Generator
from pathlib import Path

import exported
import pytest
import tiny_grid
import torch
from exported import export, logits, remade
from families import build
from safetensors import safe_open
from tiny_tokenizer import tiny_tokenizer
from transformers import AutoModelForCausalLM, AutoTokenizer

from pipeline.bench import Bench
from pipeline.export import card, made, written
from pipeline.export.__main__ import main
from pipeline.export.chosen import Chosen
from pipeline.launch import run_spec
from pipeline.models import Loaded
from pipeline.progress import Report
from pipeline.pruned_model import pruning
from pipeline.spec import CalibrationSpec, Checkpoint, RunSpec
from pipeline.spec.methods import GPTQ
from pipeline.text import Tokens
from pipeline.text.self_calibration import Author, self_calibration_tokens
from store.database import create
from store.folders import RunFolder, State, run_folders


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tiny_grid.Place:
    return exported.make(tmp_path_factory.mktemp("exported"))


@pytest.fixture
def place(done: tiny_grid.Place, monkeypatch: pytest.MonkeyPatch) -> tiny_grid.Place:
    monkeypatch.setenv("XDG_CACHE_HOME", done.environment()["XDG_CACHE_HOME"])
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # the command sets it
    return done


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("wanda-2of4-de", "rebuilt from the dense weights and the run's masks"),
        ("sparsegpt-0.5", "its weights and all 14 masks are those of the run"),
        ("magnitude", "rebuilt from the dense weights and the run's masks"),
        ("gptq-4bit", "text; its weights are those of the run"),
    ],
)
def test_the_folder_gives_the_runs_logits(
    place: tiny_grid.Place, name: str, how: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "new" / "exported"
    assert export(place, name, target) == 0, capsys.readouterr().err
    assert how in capsys.readouterr().out.splitlines()[-1]
    found = AutoModelForCausalLM.from_pretrained(target, dtype="auto").eval()
    assert found.dtype == torch.bfloat16
    assert found.lm_head.weight is found.model.embed_tokens.weight
    assert torch.equal(logits(found), logits(remade(place, name)))
    assert not torch.equal(logits(found), logits(AutoModelForCausalLM.from_pretrained(place.folder / "tied")))
    assert found.generation_config.temperature == 0.7
    assert AutoTokenizer.from_pretrained(target)("der Hund")["input_ids"]
    assert (target / "LICENSE.txt").exists()
    assert len({file.stat().st_mode for file in target.iterdir()}) == 1
    assert [path.name for path in target.parent.iterdir()] == ["exported"]
    with safe_open(target / "model.safetensors", framework="pt") as file:
        assert "lm_head.weight" not in file.keys()  # noqa: SIM118  a safetensors file is no mapping


def test_the_card_tells_settings_origin_and_numbers(place: tiny_grid.Place, tmp_path: Path) -> None:
    assert export(place, "wanda-2of4-de", tmp_path / "out") == 0
    told = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    spec = json.loads(told[told.index("```json") + 7 : told.index("```\n\n## Where")])
    (folder,) = (folder for folder in run_folders(place.runs) if "wanda" in folder.run_id)
    assert run_spec(folder) == type(run_spec(folder)).model_validate(spec)
    assert told.startswith("---\nlibrary_name: transformers\n")
    assert "50.00% of the weights in the pruned linears are 0" in told
    assert f"dense model: directory:{place.folder / 'tied'} at files-" in told
    assert "| quantity | text | de | en |" in told
    assert told.count("| of the dense model |") == 2  # perplexity and bits per byte
    assert "| perplexity (ppl) |" in told


def test_the_card_of_a_checkpoint_of_which_little_is_known(tmp_path: Path) -> None:
    run = RunSpec(model="tiny", method=Checkpoint(name="checkpoint", path="/data/x"))
    loaded = Loaded(build("llama"), tiny_tokenizer(), "tiny", "directory:tiny", "1", "")
    store = tmp_path / "results.duckdb"
    create(store)
    chosen = Chosen(RunFolder.at(tmp_path / "runs", run.run_id), run, {})
    assert "\n\ntiny after checkpoint. The weights were taken." in card.card(chosen, loaded, "taken", store, tmp_path)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("wnda-2of4", "no run 'wnda-2of4' in .*; did you mean 'tied-wanda-2of4-de-s0-"),
        ("tied", "'tied' is part of 5 run ids; give more of one: tied-"),
        ("tied-dense", "as it is: there is nothing to export"),
    ],
)
def test_a_run_that_cannot_be_exported(
    place: tiny_grid.Place, name: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert export(place, name, tmp_path / "out") == 2
    error = capsys.readouterr().err
    assert re.search(message, error), error
    assert not (tmp_path / "out").exists()


def test_an_unfinished_run(place: tiny_grid.Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(place.runs, tmp_path / "runs")
    for folder in run_folders(tmp_path / "runs"):
        folder.write_state(State(status="interrupted"))
    assert main(["gptq", str(tmp_path / "out"), "--store", str(tmp_path / "results.duckdb")]) == 2
    assert "is not finished (interrupted); the 'run' command of its grid" in capsys.readouterr().err


def test_a_folder_that_is_not_empty(
    place: tiny_grid.Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine.txt").touch()
    assert export(place, "gptq", tmp_path) == 2
    assert export(place, "gptq", tmp_path / "mine.txt") == 2
    assert "is not empty; give a new folder" in (said := capsys.readouterr().err)
    assert "mine.txt is a file; give a folder" in said


def test_no_space(
    place: tiny_grid.Place, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(written, "BESIDE_WEIGHTS", 10**18)
    assert export(place, "magnitude", tmp_path / "out") == 2
    assert "no space for " in capsys.readouterr().err


def test_a_text_that_the_model_wrote_is_written_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    spec = CalibrationSpec(languages="de", source="self", samples=4, length=24, sampling="pack")
    run = RunSpec(model="tiny", method=GPTQ(name="gptq", group_size=16), calibration=spec, seed=0)
    cpu, told = torch.device("cpu"), []
    tokenizer = tiny_tokenizer()
    dense = [build("llama", vocab_size=len(tokenizer) + 7, eos_token_id=1) for _ in range(2)]
    models = [Loaded(model, tokenizer, "tiny", "directory:tiny", "1", "") for model in dense]
    tokens = whole(self_calibration_tokens(spec, 0, Author(models[0], cpu)))
    for _ in pruning(run, models[0].model, tokens, cpu):
        pass
    shutil.rmtree(tmp_path / "cache")
    folder = RunFolder.at(tmp_path / "runs", run.run_id).create({"run_id": run.run_id})
    bench = Bench(tmp_path, models[1])
    made.make(Chosen(folder, run, {"calibration_sha256": tokens.sha256}), bench, cpu, "cpu", told.append)
    assert "writing de" in told
    ours, theirs = (each.model.state_dict() for each in models)
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def whole(writing: Generator[Report, None, Tokens]) -> Tokens:
    while True:
        try:
            next(writing)
        except StopIteration as end:
            return end.value
