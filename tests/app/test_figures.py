"""Figures in the terminal: every one of the paper's is asked for in SQL that the store understands, and drawn."""

from pathlib import Path

import pytest

from app.failures import CommandError
from app.figures.asked import NAMES, QUESTIONS
from app.figures.drawn import curves
from app.figures.printed import is_figure, printed
from store.folders import RunFolder
from store.journal import Journal


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
