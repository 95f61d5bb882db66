"""--dry-run: what a grid would do and take, without doing any of it."""

import io
import json
import shutil
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import tiny_grid
from families import build
from huggingface_hub import constants
from tiny_grid import Place

from pipeline.__main__ import main
from pipeline.anatomy import UnsupportedModel, find_blocks
from pipeline.forecast import disk, memory
from pipeline.forecast.dry_run import size
from pipeline.forecast.place import place as place_of
from pipeline.forecast.shape import Linear, Shape, shape
from pipeline.launch import load
from pipeline.models import snapshot
from pipeline.plan import plan
from pipeline.spec import CalibrationSpec, Checkpoint, RunSpec, SparseGPT, Wanda


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return tiny_grid.make(tmp_path_factory.mktemp("dry"))


@pytest.fixture(autouse=True)
def _cache_of_its_own(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(place.folder / "cache"))


def dry(place: Place, *arguments: str) -> tuple[int, str]:
    """Exit code and output of a dry run in this process: a new one would spend seconds on loading torch."""
    output = io.StringIO()
    with redirect_stdout(output), redirect_stderr(output):
        code = main([*place.command("--dry-run", *arguments)[3:]])
    return code, output.getvalue()


def said(place: Place, *arguments: str) -> dict[str, Any]:
    code, output = dry(place, "--json", *arguments)
    assert code == 0, output
    found: dict[str, Any] = json.loads(output)
    return found


def test_it_says_what_is_to_do_and_does_nothing_and_later_what_is_there(place: Place) -> None:
    before = sorted(place.folder.rglob("*"))
    first = said(place)
    assert sorted(place.folder.rglob("*")) == before
    assert len(first["todo"]) == 3
    assert (first["there"], first["n_there"], first["n_missing"], first["seconds"]) == ([], 0, 6, None)
    assert sorted(first["todo"].values())[-1] == ["prune", "perplexity de en"]
    assert place.run()[0] == 0
    masks = sum(file.stat().st_size for file in place.runs.glob("*/masks.safetensors"))
    assert first["needs"][0]["disk"]["masks"] == pytest.approx(masks, rel=0.2, abs=4096)  # a header each

    again = said(place)
    assert (len(again["there"]), again["todo"], again["needs"], again["n_there"]) == (3, {}, [], 6)
    place.write_grid(tiny_grid.GRID.replace('calibration = ["de", "en"]', 'calibration = ["de", "en", "de+en"]'))
    third = said(place)
    assert (len(third["there"]), len(third["todo"]), third["n_missing"], third["n_past"]) == (3, 1, 2, 3)
    assert 0 < third["seconds"] < 60
    code, text = dry(place)
    assert code == 0
    assert "4 runs: 3 there, 1 to do; 2 measurements to take, 6 there" in text
    assert "going by 3 finished runs" in text
    assert text.endswith("nothing was done (--dry-run)\n")


def test_bad_input_is_told_as_usual(place: Place, tmp_path: Path) -> None:
    shutil.copytree(place.folder, tmp_path / "bad")
    bad = Place(tmp_path / "bad")
    assert dry(bad, "--device", "tpu")[0] == 2
    bad.write_grid(tiny_grid.GRID.replace('"wanda"', '"wander"'))
    code, output = dry(bad)
    assert (code, "wanda" in output) == (2, True)


def test_a_model_that_is_not_there_is_told_and_the_rest_foreseen(place: Place) -> None:
    code, output = place.run(
        "--dry-run", "--json", "--model", "nobody/nothing-7b", "--model", str(place.folder / "model")
    )
    assert code == 0, output
    found = json.loads(output)
    unknown, known = found["needs"]
    assert "not fetched before" in unknown["problem"]
    assert known["problem"] == ""
    assert known["memory"] > 3e8


def test_a_demo_model_to_be_fetched_says_how_much_and_why_no_more(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshot, "cached", lambda _repo, _revision=None: None)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    code, text = dry(place, "--model", "demo")
    assert code == 0, text
    told = next(line for line in text.splitlines() if line.startswith("SmolLM2"))
    assert told == (
        "SmolLM2-135M-Instruct: download 93 MB (800 MB on disk); "
        "memory and masks can be told once it is here; HF_HUB_OFFLINE is set"
    )


def test_shapes_are_those_of_the_model(place: Place) -> None:
    built = shape(place_of(str(place.folder / "model")), "bfloat16")
    names = [linear.name for linear in built.linears]
    assert names[0] == "self_attn.q_proj"
    assert (built.n_blocks, built.n_features, built.itemsize, built.own_itemsize, built.mapped) == (
        2,
        32,
        2,
        4,
        False,
    )
    assert built.n_prunable == 2 * sum(linear.n_weights for linear in built.linears) == 2 * (4 * 32**2 + 3 * 32 * 64)
    assert len({linear.reads for linear in built.linears}) == 4  # q k v, o, gate up, down


def test_what_is_left_dense_has_no_mask(place: Place) -> None:
    grid = load(place.grid)
    built = shape(place_of(grid.axes.model[0]), "auto")
    todo = next(
        each for each in plan(grid, place.folder / "nowhere", retry_failed=False).todo if each.run.calibration
    )
    method = todo.run.method.model_copy(update={"skip_blocks": (0,), "skip_linears": ("down_proj",)})
    assert disk.n_pruned(method, built) == 4 * 32**2 + 2 * 32 * 64
    for known in (method, Checkpoint(name="checkpoint", path="somewhere", skip_blocks=(0,))):  # both have masks
        changed = replace(todo, run=todo.run.model_copy(update={"method": known}))
        assert disk.of_run(changed, built).masks == disk.n_pruned(known, built) // 8 > 0


def test_memory_is_a_block_and_the_text_not_the_model() -> None:
    block = (Linear("self_attn.q_proj", 2048, 2048), Linear("mlp.up_proj", 8192, 2048))
    small = Shape(10**9, 2, 2, True, 16, 2048, 1000, (*block, Linear("mlp.down_proj", 2048, 8192)), 10**9, 0)
    text = CalibrationSpec(languages="de", source="demo", samples=16, length=1024, sampling="pack")

    def peak(method: Any, shape: Shape = small) -> int:
        run = RunSpec(model="m", method=method, calibration=text, seed=0)
        return memory.of_run(run, (), shape, masks_ready=False) - memory.PROGRAM

    hidden, largest = 16 * 1024 * 2048 * 2, 2048 * 8192
    solving = {name: n_bytes * largest for name, n_bytes in memory.WORK.items()}
    assert peak(SparseGPT(name="sparsegpt")) == hidden + solving["sparsegpt"] + 4 * (2 * 2048**2 + 8192**2)
    assert peak(Wanda(name="wanda")) == hidden + solving["wanda"] + 4 * (2 * 2048 + 8192)
    assert peak(Wanda(name="wanda", skip_linears=("mlp.down_proj", "up_proj"))) < hidden + solving["wanda"]
    deeper = replace(small, n_blocks=160, n_parameters=10**10, n_prunable=10**10)
    assert peak(Wanda(name="wanda"), deeper) == peak(Wanda(name="wanda"))
    other_dtype = replace(small, mapped=False)  # is converted in memory
    assert peak(Wanda(name="wanda"), other_dtype) == peak(Wanda(name="wanda")) + 2 * 10**9


def test_weights_may_be_missing_only_where_none_are_wanted() -> None:
    empty = build("llama").to("meta")
    assert len(find_blocks(empty, empty=True)) == 4
    with pytest.raises(UnsupportedModel, match="not loaded"):
        find_blocks(empty)


def test_sizes_in_words() -> None:
    assert [size(n) for n in (0, 10, 12_400_000, 996_000_000, 12_345_000_000)] == [
        "0 MB", "1 MB", "12 MB", "1 GB", "12 GB",
    ]  # fmt: skip
