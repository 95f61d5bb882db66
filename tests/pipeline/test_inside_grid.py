"""A grid with every measure, end to end: one walk a run, and every figure of the paper has rows in the store."""

from pathlib import Path

import pytest
from tiny_grid import GRID, Place, make

from store.folders import RunFolder, run_folders
from store.reader import open_reader

HEAD = GRID.partition("[[measure]]")[0].replace("[calibration]", "seed = [0, 1]\n[calibration]")
MEASURES = "".join(
    f'[[measure]]\nname = "{name}"\nlanguages = ["de", "en"]\nsource = "text"\nsamples = 8\nlength = 64\n{more}\n'
    for name, more in {
        "perplexity": "",
        "fidelity": "",
        "lsar": "",
        "lape": "specific = true",
        "activations": "",
        "weights": "",
    }.items()
)
FIGURES = [f"figure{number}" for number in range(1, 14)]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    place = make(tmp_path_factory.mktemp("inside") / "here")
    place.write_grid(HEAD + MEASURES)
    code, output = place.run()
    assert code == 0, output
    return place


def folders(runs: Path) -> list[RunFolder]:
    return list(run_folders(runs))


@pytest.mark.parametrize("view", [*FIGURES, "table16", "table17"])
def test_every_figure_has_rows(place: Place, view: str) -> None:
    with open_reader(place.store, place.runs) as db:
        assert db.execute(f"SELECT count(*) FROM {view}").fetchone() != (0,)


def test_the_dense_model_is_itself(place: Place) -> None:
    question = "SELECT DISTINCT value FROM metrics WHERE method = 'dense' AND quantity = "
    with open_reader(place.store, place.runs) as db:
        assert db.execute(f"{question}'snr'").fetchall() == [(float("inf"),)]
        assert db.execute(f"{question}'pruning_error'").fetchall() == [(0.0,)]
        assert db.execute(f"{question}'specific_difference'").fetchall() == [(0.0,)]
        both = "SELECT value FROM metrics WHERE quantity = 'perplexity' AND language = 'de' ORDER BY method = 'dense'"
        assert len({value for (value,) in db.execute(both).fetchall()}) > 1


def test_measures_of_a_text_share_a_stage(place: Place) -> None:
    for folder in folders(place.runs):
        done = [line for line in folder.events.read_text().splitlines() if '"done"' in line]
        assert "perplexity+fidelity+lsar+lape+activations+weights" in done[-1]


def test_a_second_call_has_nothing_to_do(place: Place) -> None:
    code, output = place.run()
    assert code == 0
    assert "nothing to do" in output
