"""Figures in the terminal: every one of the paper's is asked for in SQL that the store understands, and drawn."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.failures import CommandError
from app.figures.asked import NAMES, QUESTIONS
from app.figures.boxes import boxes
from app.figures.drawn import curves
from app.figures.printed import is_figure, printed
from store.folders import RunFolder
from store.journal import Journal
from store.layers import Box


@pytest.mark.parametrize("name", [*QUESTIONS, *NAMES])
def test_every_figure_can_be_asked_for(tmp_path: Path, name: str) -> None:
    assert is_figure(name)
    text = printed(name, tmp_path / "results.duckdb", "none")
    assert text.startswith(QUESTIONS[NAMES.get(name, name)].view)
    assert "nothing measured yet" in text


def test_all_thirteen_are_there() -> None:
    assert set(QUESTIONS) == {f"figure{number}" for number in range(1, 14)}


def test_a_figure_is_a_plot_and_its_data(tmp_path: Path) -> None:
    overlap = {"kind": "seeds", "run_a": "a & b", "run_b": "", "label_a": "de", "label_b": "", "model": "m"}
    rest = {"method": "wanda", "linear": "mlp.up_proj", "n_union": 100, "chance": 1 / 3}
    rows = [{**overlap, **rest, "block": block, "n_intersection": 80 + block} for block in range(4)]
    Journal(RunFolder.at(tmp_path / "runs", "analyses"), 1).write("mask_overlap", rows)
    text = printed("figure2?calibration=de", tmp_path / "results.duckdb", "none")
    assert "A seeds wanda ffn.up" in text
    assert "0.83" in text
    assert "\x1b" not in text
    assert "nothing measured yet" in printed("masks?calibration=en", tmp_path / "results.duckdb", "none")


def test_an_unknown_column_is_named(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="'lang=de' selects nothing here"):
        printed("figure4?lang=de", tmp_path / "results.duckdb", "none")


def test_a_value_is_never_sql(tmp_path: Path) -> None:
    text = printed("figure4?language=de' OR '1'='1", tmp_path / "results.duckdb", "none")
    assert "nothing measured yet" in text


def test_curves_have_letters_and_tell_what_is_left_out() -> None:
    series = {f"series {number}": [(0.0, float(number)), (1.0, number + 1.0)] for number in range(30)}
    text = curves(series, "block", "dB", 60, 12, colour=False)
    assert "A series 0" in text
    assert "(4 more are left out" in text
    assert max(map(len, text.splitlines())) <= 60


@pytest.mark.parametrize("width", [40, 80, 120])
def test_boxes_have_their_quartiles_in_place(width: int) -> None:
    groups = [
        Box(group, 0.1 * group, 0.1 * group + 0.2, 0.1 * group + 0.3, 0.1 * group + 0.5, 2.0) for group in (1, 2)
    ]
    text = boxes({"dense": [Box(1, 0.0, 0.0, 0.0, 0.0, 0.0)], "wanda de": groups}, "groups", "nats", width)
    lines = text.splitlines()
    assert max(map(len, lines)) == width
    assert lines[2].split() == ["1", "A", "┃"]
    scale = (width - 5) / 2.0
    for line, box in zip(lines[3:5], groups, strict=True):
        drawn = line[4:]
        expected = (box.low, box.q1, box.median, box.q3, box.high)
        found = (drawn.index("─"), drawn.index("B"), drawn.index("┃"), drawn.rindex("B"), len(drawn) - 1)
        assert all(abs(place - value * scale) <= 1 for place, value in zip(found, expected, strict=True))
    assert lines[-2:] == ["  A dense", "  B wanda de"]


def test_boxes_of_a_figure_start_with_the_dense_models(tmp_path: Path) -> None:
    for method, calibration, seed in (
        ("wanda", "de", 0),
        ("wanda", "de", 1),
        ("wanda", "en", 0),
        ("dense", None, None),
    ):
        journal = Journal(RunFolder.at(tmp_path / "runs", f"{method}-{calibration}-{seed}"), 1)
        run = {"status": "done", "model": "m", "method": method, "calibration": calibration, "seed": seed}
        journal.write("run", [{**run, "started_at": datetime(2026, 1, 1, tzinfo=UTC)}])
        neurons = [{"block": 0, "neuron": n, "lape": n / 100 + (seed or 0), "lape_rank": n} for n in range(100)]
        journal.write("neuron_lape", [{**neuron, "evaluation": "lape-1"} for neuron in neurons])
    text = printed("figure3?calibration=de", tmp_path / "results.duckdb", "none")
    assert "  A dense\n  B wanda de\n" in text
    assert "wanda en" not in text
    numbers = {tuple(line.split()[:-5]): line.split()[-5:] for line in text.splitlines() if line.count(".") >= 5}
    assert numbers["dense", "15"] == ["0.28", "0.2825", "0.285", "0.2875", "0.29"]
    assert numbers["wanda", "de", "15"][2] == "0.785", "the mean over two seeds"
