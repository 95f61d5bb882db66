"""The demo's package route: pip fetches it from a folder of this test, everything else is as in real life."""

import logging
import multiprocessing
import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tiny_package import tiny_package
from transformers import AutoModelForCausalLM, GgufConfig

from pipeline.models import ModelError, converted, load, package
from pipeline.models.demo import DEMOS, DemoModel


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, DemoModel]:
    folder = tmp_path_factory.mktemp("shop")
    return folder, tiny_package(folder)


@pytest.fixture
def demo(shop: tuple[Path, DemoModel], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DemoModel:
    """The tiny model, in reach of pip; an empty cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(shop[0]))
    monkeypatch.setenv("CALIB_DEMO_SOURCE", "package")
    monkeypatch.setitem(DEMOS, "demo", shop[1])
    return shop[1]


def test_what_is_loaded_equals_the_dequantised_file_bit_for_bit(
    demo: DemoModel, shop: tuple[Path, DemoModel]
) -> None:
    loaded = load("demo")
    plain = AutoModelForCausalLM.from_pretrained(
        shop[0], gguf_file="tiny.gguf", quantization_config=GgufConfig(dequantize=True), dtype=torch.float32
    )
    assert loaded.model.dtype == torch.float32
    assert not loaded.model.training
    weights = loaded.model.state_dict()
    assert weights.keys() == plain.state_dict().keys()
    assert all(torch.equal(weights[name], weight) for name, weight in plain.state_dict().items())
    assert loaded.tokenizer.decode(loaded.tokenizer("Der Hund 狗")["input_ids"]) == "Der Hund 狗"
    assert (loaded.name, loaded.revision, loaded.licence) == (demo.name, demo.sha256, "CC0-1.0")
    assert loaded.source == "package:tiny-demo-model==1.0 (Q8_0, dequantised)"
    assert (converted.folder(demo) / "TERMS.txt").read_text() == "terms"


def test_the_second_load_needs_no_pip_and_the_terms_are_said_once(
    demo: DemoModel, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    load("demo")
    assert caplog.text.count(demo.notice) == 1
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    caplog.clear()
    assert load("demo", "bfloat16").model.dtype == torch.bfloat16
    assert demo.notice not in caplog.text


def test_a_cut_short_conversion_is_made_again_and_leftovers_go(demo: DemoModel) -> None:
    folder = converted.fetch(demo)
    leftover = folder.parent / f".making-{demo.sha256[:8]}-killed"
    leftover.mkdir()
    weights = folder / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-100])
    converted.fetch(demo)
    assert weights.read_bytes() == whole
    assert [path.suffix for path in folder.parent.iterdir() if path != folder] == [".lock"]


def test_another_hash_is_refused(demo: DemoModel, tmp_path: Path) -> None:
    text = demo.requirements.read_text()
    wrong = tmp_path / "wrong.txt"
    wrong.write_text(text.replace(text.strip()[-4:], "0000"))
    with pytest.raises(ModelError, match="another hash than the pinned one"):
        converted.fetch(replace(demo, requirements=wrong))
    with pytest.raises(ModelError, match=r"the weights in tiny-demo-model==1.0 are not the expected ones: sha256"):
        converted.fetch(replace(demo, sha256="0" * 64))
    assert not any(path.is_dir() for path in converted.folder(demo).parent.iterdir()), "nothing is left behind"


def test_no_such_package_and_no_network_are_told_apart(demo: DemoModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    with pytest.raises(ModelError, match="no network, or pip's index has no such package"):
        converted.fetch(demo)
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("PIP_INDEX_URL", "https://127.0.0.1:9/simple")
    with pytest.raises(ModelError, match=r"tiny-demo-model==1.0 cannot be fetched: no network to pip's index"):
        converted.fetch(demo)


def test_no_space_says_how_much_is_needed_and_where(demo: DemoModel) -> None:
    with pytest.raises(ModelError, match=r"1,000,000,000,000 MB are needed in .*cache.*, [\d,]+ MB are free"):
        converted.fetch(replace(demo, n_disk=10**18))


def test_a_cache_that_cannot_be_written_is_told(demo: DemoModel, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(ModelError, match=r"cannot write in .* while fetching Tiny-Instruct; set XDG_CACHE_HOME"):
        converted.fetch(demo)


def test_without_pip_uv_does_it_and_without_both_it_is_told(
    demo: DemoModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(package.importlib.util, "find_spec", lambda _: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ModelError, match="has neither pip nor uv"):
        converted.fetch(demo)
    uv = tmp_path / "uv"  # 'uv pip install ...' unpacks as pip's own 'install --target' does
    uv.write_text(f'#!/bin/sh\nexec {sys.executable} -m "$@"\n')
    uv.chmod(0o755)
    assert (converted.fetch(demo) / "model.safetensors").is_file()


@pytest.mark.usefixtures("demo")
def test_a_wrong_choice_of_source_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALIB_DEMO_SOURCE", "pip")
    with pytest.raises(ModelError, match="CALIB_DEMO_SOURCE is 'pip'; valid: hub, package, or not set"):
        load("demo")
    monkeypatch.setenv("CALIB_DEMO_SOURCE", "hub")
    with pytest.raises(ModelError, match=r"nobody/tiny-instruct.*HF_HUB_OFFLINE is set"):
        load("demo")
    monkeypatch.delenv("CALIB_DEMO_SOURCE")
    assert load("demo").source.startswith("package:"), "no hub: the package"


def test_of_two_processes_one_fetches(demo: DemoModel) -> None:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        pool.apply(os.getpid)  # it is up
        other = pool.apply_async(_fetched, (demo,))
        assert sorted((_fetched(demo), other.get())) == [False, True]


def _fetched(demo: DemoModel) -> bool:
    """True where this process was the one that fetched."""
    said: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: said.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("pipeline.models.package")
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    converted.fetch(demo)
    return any("fetching" in line for line in said)
