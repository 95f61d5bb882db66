"""Grids made from runs that exist, and what is told of a grid that cannot be read."""

import tomllib
from pathlib import Path

import pytest

from pipeline.launch import cancel, load, measures_of, named, one_run_grid, parse
from pipeline.spec import Grid, GridError
from store.folders import GridFolder, RunFolder

TEXT = """
name = "table-1"
arithmetic = "exact"
dtype = "bfloat16"
[axes]
model = ["demo"]
method = [{ name = "dense" }, { name = "wanda", sparsity = 0.6, skip_blocks = [0] }]
calibration = ["de", "en"]
seed = [0, 1]
[calibration]
source = "demo"
samples = 8
length = 128
[[measure]]
name = "perplexity"
languages = ["de", "sw"]
source = "demo"
samples = 8
length = 128
"""


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """The folders of two grids over the same runs: the second measures one more language, and at another length."""
    more = '[[measure]]\nname = "perplexity"\nlanguages = ["de"]\nsource = "demo"\nsamples = 4\nlength = 64\n'
    for text in (TEXT, TEXT.replace("table-1", "table-2").replace('["de", "sw"]', '["de", "zh"]') + more):
        grid = parse(text, tmp_path / "grid.toml")
        GridFolder.at(tmp_path / "runs", grid.grid_id).create(grid.model_dump(mode="json"))
        for run in grid.runs():
            spec = {"run_id": run.run_id, "grid": grid.grid_id, **run.model_dump(mode="json")}
            RunFolder.at(tmp_path / "runs", run.run_id).create(spec)
    return tmp_path / "runs"


def run_id(runs: Path, word: str) -> str:
    return next(path.name for path in sorted(runs.iterdir()) if word in path.name)


def test_a_grid_survives_its_folder(runs: Path) -> None:
    for folder in (runs / ".grids").iterdir():
        assert load(folder / "grid.json").grid_id == folder.name


def test_one_more_run_like_another(runs: Path) -> None:
    template = run_id(runs, "wanda-0.6-de-s1")
    grid = one_run_grid(runs, template, "sw+de")
    (made,) = grid.runs()
    like = load(next((runs / ".grids").glob("table-1*/grid.json")))
    expected = next(run for run in like.runs() if run.run_id == template)
    assert expected.calibration is not None
    calibration = expected.calibration.model_copy(update={"languages": "sw+de"})
    assert made == expected.model_copy(update={"calibration": calibration})
    assert [measure.languages for measure in grid.measure] == [("de", "sw", "zh"), ("de",)]
    assert [run.seed for run in one_run_grid(runs, template, "zh", seed=7).runs()] == [7]


def test_the_same_run_again_with_all_measures(runs: Path) -> None:
    for word in ("dense", "wanda-0.6-de-s0"):
        (run,) = one_run_grid(runs, run_id(runs, word)).runs()
        assert run.run_id == run_id(runs, word)
    assert measures_of(runs, "unknown") == ()


def test_what_cannot_be_made(runs: Path, tmp_path: Path) -> None:
    with pytest.raises(GridError, match="no run nothing"):
        one_run_grid(runs, "nothing", "de")
    with pytest.raises(GridError, match="reads no calibration text"):
        one_run_grid(runs, run_id(runs, "dense"), "de")
    with pytest.raises(GridError, match="no text in 'xx'"):
        one_run_grid(runs, run_id(runs, "wanda-0.6-de-s0"), "xx")
    with pytest.raises(GridError, match="not TOML"):
        parse("name = ", tmp_path / "grid.toml")
    (tmp_path / "torn.json").write_text("{")
    with pytest.raises(GridError, match=r"torn\.json"):
        load(tmp_path / "torn.json")


def test_nobody_to_cancel(runs: Path) -> None:
    assert isinstance(parse(TEXT, runs / "x.toml"), Grid)
    assert not cancel(runs, "table-1-00000000")


def test_a_grid_of_other_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "table-1.toml").write_text(TEXT)
    grid = named("sub/table-1.toml", ("demo-gemma", "org/model@main", "mine"))
    assert grid.axes.model == ("demo-gemma", "org/model@main", str(tmp_path / "mine"))
    assert grid.measure == named("sub/table-1.toml").measure
    assert grid.grid_id != named("sub/table-1.toml").grid_id
    assert named("demo", ("demo-gemma",)).axes.model == ("demo-gemma",)


@pytest.mark.parametrize("name", ["a/b", "../up", "", "x\n"])
def test_a_grid_whose_name_is_no_name_of_a_folder(name: str, tmp_path: Path) -> None:
    with pytest.raises(GridError, match="name"):
        Grid.parse({**tomllib.loads(TEXT), "name": name}, tmp_path / "grid.toml")
