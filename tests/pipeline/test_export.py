"""Exported models: loaded by transformers alone they give the run's logits, bit for bit; what cannot be is told."""

import json
import re
import shutil
from collections.abc import Generator
from pathlib import Path

import pytest
import tiny_grid
import torch
from families import build
from safetensors import safe_open
from tiny_tokenizer import tiny_tokenizer
from torch import Tensor
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, PreTrainedModel

from pipeline import text
from pipeline.bench import Bench
from pipeline.export import card, made, written
from pipeline.export.__main__ import main
from pipeline.export.chosen import Chosen, choose, is_cheap
from pipeline.launch import run_spec
from pipeline.masks import read_masks, unpack
from pipeline.models import Loaded
from pipeline.progress import Report
from pipeline.pruned_model import pruning
from pipeline.record import as_written
from pipeline.spec import CalibrationSpec, Checkpoint, RunSpec
from pipeline.spec.methods import GPTQ
from pipeline.text import Tokens
from pipeline.text.self_calibration import Author, self_calibration_tokens
from store.database import create
from store.folders import RunFolder, State, run_folders
from store.journal import Journal

GRID = tiny_grid.GRID.replace('["model"]', '["tied"]').replace('calibration = ["de", "en"]', 'calibration = ["de"]')
METHODS = """{ name = "wanda", pattern = "2:4" }, { name = "sparsegpt" }, { name = "magnitude" },
  { name = "gptq", group_size = 16 }]"""


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tiny_grid.Place:
    """A grid on a model in bfloat16 whose head is its embedding."""
    place = tiny_grid.make(tmp_path_factory.mktemp("exported"))
    config = AutoConfig.from_pretrained(place.folder / "model", tie_word_embeddings=True)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
    model.generation_config.temperature, model.generation_config.do_sample = 0.7, True
    shutil.copytree(place.folder / "model", place.folder / "tied")
    model.save_pretrained(place.folder / "tied")
    (place.folder / "tied" / "LICENSE.txt").write_text("for all", encoding="utf-8")
    place.write_grid(GRID.replace('{ name = "wanda", sparsity = 0.5 }]', METHODS))
    code, output = place.run()
    assert code == 0, output
    return place


@pytest.fixture
def place(done: tiny_grid.Place, monkeypatch: pytest.MonkeyPatch) -> tiny_grid.Place:
    monkeypatch.setenv("XDG_CACHE_HOME", done.environment()["XDG_CACHE_HOME"])
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # the command sets it
    return done


def export(place: tiny_grid.Place, name: str, target: Path) -> int:
    return main([name, str(target), "--store", str(place.store)])


def logits(model: PreTrainedModel) -> Tensor:
    tokens = torch.randint(0, 250, (2, 32), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        return model(tokens).logits


def remade(place: tiny_grid.Place, name: str) -> PreTrainedModel:
    """The run's model without the export's help: masks by hand, or pruned in this process."""
    folder = next(folder for folder in run_folders(place.runs) if name in folder.run_id)
    run = run_spec(folder)
    assert run is not None
    model: PreTrainedModel = AutoModelForCausalLM.from_pretrained(place.folder / "tied", dtype="auto")
    if "wanda" in name:
        for linear, mask in read_masks(folder.masks):
            model.get_parameter(f"{linear}.weight").data[unpack(mask)] = 0
        return model
    tokenizer = AutoTokenizer.from_pretrained(place.folder / "tied")
    tokens = text.calibration_tokens(run.calibration, 0, tokenizer) if run.calibration else None
    assert len(list(pruning(run, model, tokens, torch.device("cpu")))) == 2
    return model


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
