"""Grid files: what they expand to, the ids of runs, and what a mistake is told."""

from pathlib import Path

import pytest

from pipeline.spec import CalibrationSpec, Grid, GridError, RunSpec, Wanda

GRID = """
name = "table-1"
[axes]
model = ["demo"]
method = [{ name = "dense" }, { name = "magnitude" }, { name = "wanda" }, { name = "wanda", pattern = "2:4" }]
calibration = ["de", "en+de"]
seed = [0, 1, 2]
[calibration]
source = "demo"
samples = 24
length = 256
[[measure]]
name = "perplexity"
languages = ["ar", "de"]
source = "demo"
samples = 12
length = 256
"""


def load(folder: Path, text: str) -> Grid:
    file = folder / "grid.toml"
    file.write_text(text, encoding="utf-8")
    return Grid.load(file)


def test_methods_without_calibration_run_once_per_model(tmp_path: Path) -> None:
    runs = list(load(tmp_path, GRID).runs())
    assert [run.method.name for run in runs].count("dense") == 1
    assert [run.method.name for run in runs].count("magnitude") == 1
    assert len(runs) == 2 + 2 * 2 * 3
    assert len({run.run_id for run in runs}) == len(runs)


def test_run_ids_are_the_same_on_every_machine_and_in_every_release() -> None:
    """A changed id would orphan everybody's results: this one is written down, not computed."""
    calibration = CalibrationSpec(languages="de", source="demo", samples=24, length=256, sampling="pack")
    run = RunSpec(model="demo", method=Wanda(name="wanda"), calibration=calibration, seed=0)
    assert run.run_id == "smollm2-135m-instruct-wanda-0.5-de-s0-28aa45ec"


def test_what_equals_the_default_leaves_the_id_alone() -> None:
    assert RunSpec(model="demo", method=Wanda(name="wanda", sparsity=0.5)).run_id == (
        RunSpec(model="demo", method=Wanda(name="wanda")).run_id
    )


@pytest.mark.parametrize(
    ("languages", "samples", "shares"),
    [
        ("de", 5, {"de": 5}),
        ("en+de", 5, {"en": 3, "de": 2}),
        ("de*3+en", 8, {"de": 6, "en": 2}),
        (
            "ar+de+en+es+ru+sw+zh",
            128,
            dict(zip(["ar", "de", "en", "es", "ru", "sw", "zh"], [19, 19, 18, 18, 18, 18, 18], strict=True)),
        ),
    ],
)
def test_remainders_go_to_the_first_languages_listed(languages: str, samples: int, shares: dict[str, int]) -> None:
    spec = CalibrationSpec(languages=languages, source="demo", samples=samples, length=8, sampling="pack")
    assert spec.shares() == shares
    assert list(spec.shares()) == list(shares)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"dense"', '"dens"', "axes.method[0]: no method 'dens'; did you mean 'dense'?"),
        (
            '"wanda", pattern = "2:4"',
            '"wanda", patern = "2:4"',
            "axes.method[3].patern: no such key; did you mean 'pattern'?",
        ),
        ('pattern = "2:4"', 'pattern = "4:2"', "axes.method[3].pattern: '4:2' is no pattern"),
        ('pattern = "2:4"', "sparsity = 1.5", "axes.method[3].sparsity: input should be less than 1, found 1.5"),
        ('pattern = "2:4"', 'pattern = "2:4", sparsity = 0.3', "sparsity 0.3 contradicts pattern '2:4'"),
        ("[axes]", "[axis]", "axis: no such key; did you mean 'axes'?"),
        ("[axes]", '[axes]\ndtype = "auto"', "axes.dtype: no such key; 'dtype' belongs at the top of the file"),
        ("[axes]", "seed = 1\n[axes]", "seed: no such key; 'seed' belongs in [axes]"),
        (
            '["de", "en+de"]',
            '["de", "en+dee"]',
            "axes.calibration[1]: no text in 'dee' from demo; did you mean 'de'?",
        ),
        ('["de", "en+de"]', '["de+de"]', "axes.calibration[0]: 'de+de' names 'de' twice"),
        ('["ar", "de"]', '["ar", "ar"]', "measure[0].languages: 'ar' is listed twice"),
        ('"perplexity"', '"perplexty"', "measure[0]: no measure 'perplexty'; did you mean 'perplexity'?"),
        ('source = "demo"', 'source = "demos"', "calibration.source: 'demos' is neither a corpus nor a directory"),
        (
            "length = 256\n[[",
            "length = 1\n[[",
            "calibration.length: input should be greater than or equal to 2, found 1",
        ),
        ("calibration = [", "calibration = ", "not TOML"),
    ],
)
def test_a_mistake_is_told_with_its_place_and_the_nearest_valid_value(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    assert old in GRID
    with pytest.raises(GridError) as caught:
        load(tmp_path, GRID.replace(old, new, 1))
    assert message in str(caught.value)
    assert str(tmp_path / "grid.toml") in str(caught.value)


def test_every_mistake_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(GridError) as caught:
        load(tmp_path, GRID.replace('"dense"', '"dens"').replace("seed =", "seeds ="))
    assert len(str(caught.value).splitlines()) == 2


def test_a_list_whose_only_item_is_wrong_is_not_also_too_short(tmp_path: Path) -> None:
    methods = GRID.partition("method = [")[2].partition("\n")[0]
    with pytest.raises(GridError) as caught:
        load(tmp_path, GRID.replace(methods, '{ name = "wnada" }]'))
    assert str(caught.value).splitlines() == [
        f"{tmp_path / 'grid.toml'}: axes.method[0]: no method 'wnada'; did you mean 'wanda'?"
    ]
    with pytest.raises(GridError, match=r"axes.method: tuple should have at least 1 item"):
        load(tmp_path, GRID.replace(methods, "]"))


def test_a_directory_is_relative_to_the_grid_file(tmp_path: Path) -> None:
    (tmp_path / "texts").mkdir()
    for language in ("ar", "de", "en"):
        (tmp_path / "texts" / f"{language}.txt").write_text("x", encoding="utf-8")
    grid = load(tmp_path, GRID.replace('"demo"\nsamples', '"texts"\nsamples'))
    assert grid.calibration
    assert grid.calibration.source == f"{tmp_path / 'texts'}#calibration"
    assert grid.measure[0].source == f"{tmp_path / 'texts'}#heldout"
    with pytest.raises(GridError, match="no text in 'sw'"):
        load(tmp_path, GRID.replace('"demo"\nsamples', '"texts"\nsamples').replace('"de", "en+de"', '"sw"'))


def test_a_directory_that_serves_one_purpose_is_read_whole(tmp_path: Path) -> None:
    for folder in ("here", "there", "both/heldout"):
        (tmp_path / folder).mkdir(parents=True)
        for language in ("ar", "de", "en"):
            (tmp_path / folder / f"{language}.txt").write_text("x", encoding="utf-8")
    for language in ("ar", "de", "en"):
        (tmp_path / "both" / f"{language}.txt").write_text("x", encoding="utf-8")
    here = GRID.replace('"demo"\nsamples', '"here"\nsamples', 1)
    assert _sources(load(tmp_path, here)) == (str(tmp_path / "here"), "demo")
    assert _sources(load(tmp_path, here.replace('"demo"\nsamples', '"there"\nsamples'))) == (
        str(tmp_path / "here"),
        str(tmp_path / "there"),
    )
    both = GRID.replace('"demo"\nsamples', '"both"\nsamples')
    assert _sources(load(tmp_path, both)) == (str(tmp_path / "both"),) * 2


def _sources(grid: Grid) -> tuple[str, str]:
    assert grid.calibration
    return grid.calibration.source, grid.measure[0].source


def test_a_measure_knows_how_it_was_measured_apart_from_its_languages(tmp_path: Path) -> None:
    first = load(tmp_path, GRID).measure[0]
    more = load(tmp_path, GRID.replace('["ar", "de"]', '["ar", "de", "en"]')).measure[0]
    longer = load(tmp_path, GRID.replace("samples = 12", "samples = 13")).measure[0]
    assert first.evaluation == more.evaluation != longer.evaluation
