"""A matrix as text, CSV, JSON and LaTeX."""

import csv
import io
import json
import re
from dataclasses import replace

import pytest

from app import matrix_files, matrix_text
from app.table import cell_width
from store.matrix import Cell, Matrix
from store.view import View

MATRIX = Matrix(
    view=View(),
    rows=("dense", "de", "en", "de+en"),
    columns=("de", "en"),
    references=("dense",),
    cells={
        ("dense", "de"): Cell(9.0, None, 1, ("d",)),
        ("dense", "en"): Cell(7.0, None, 1, ("d",)),
        ("de", "de"): Cell(12.1, 0.2, 3, ("a", "b", "c")),
        ("de", "en"): Cell(13.3, 0.1, 3, ("a", "b", "c")),
        ("en", "de"): Cell(14.7, None, 1, ("e",)),
        ("en", "en"): Cell(status="running", fraction=0.42),
        ("de+en", "de"): Cell(118.6, 0.1, 3, ("f",), note="ocr_suspect: 118.6"),
    },
    unit="ppl",
    better="lower",
)
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def test_text_marks_the_best_the_missing_the_running_and_the_suspect() -> None:
    header, dense, de, en, both = matrix_text.grid(MATRIX, "none", None)
    assert header.split() == ["calibration", "de", "en"]
    assert dense.split() == ["dense", "9.0", "7.0"]
    assert de.split() == ["de", "12.1*±0.2", "13.3", "±0.1"]
    assert en.split() == ["en", "14.7¹", "▶", "42%"]
    assert both.split() == ["de+en", "118.6?±0.1", "·"]


def test_the_legend_explains_the_signs_that_occur_and_counts_the_columns() -> None:
    signs, best = matrix_text.legend(MATRIX)
    assert [sign[0] for sign in signs.split("   ")] == ["*", "±", "¹", "?", "·", "▶"]
    assert best.endswith("in 1 of 1 columns.")


def test_deviations_are_left_out_where_there_is_no_room() -> None:
    widest = max(map(cell_width, matrix_text.grid(MATRIX, "none", None)))
    narrow = matrix_text.grid(MATRIX, "none", widest - 1)
    assert "±" in "".join(matrix_text.grid(MATRIX, "none", widest))
    assert "±" not in "".join(narrow)


@pytest.mark.parametrize("colour", ["truecolor", "256"])
def test_colours_change_nothing_but_the_colours(colour: matrix_text.Colour) -> None:
    coloured = matrix_text.grid(MATRIX, colour, None)
    assert [COLOUR.sub("", line).rstrip() for line in coloured] == matrix_text.grid(MATRIX, "none", None)
    assert coloured[2].count("\x1b[48;5;") == 2


def test_csv_is_the_matrix_with_every_digit() -> None:
    rows = list(csv.reader(io.StringIO(matrix_files.csv(MATRIX))))
    assert rows[0] == ["calibration", "de", "en"]
    assert rows[2] == ["de", "12.1", "13.3"]
    assert rows[3] == ["en", "14.7", ""]


def test_json_has_every_cell_with_its_runs() -> None:
    data = json.loads(matrix_files.json(MATRIX, {"held_by": None}))
    cells = {(cell["calibration"], cell["language"]): cell for cell in data["cells"]}
    assert len(cells) == 8
    assert cells["de", "de"]["run_ids"] == ["a", "b", "c"]
    assert cells["de", "de"]["best"]
    assert cells["en", "en"]["status"] == "running"
    assert data["target_best"] == {"columns": 1, "of": 1}


def test_latex_sets_the_best_in_bold_and_escapes() -> None:
    text = matrix_files.latex(MATRIX)
    assert r"de & \textbf{12.1} & 13.3 \\" in text
    assert r"en & 14.7 & -- \\" in text
    assert text.count("{") == text.count("}")


def test_decimals_are_the_papers_and_one_more_for_small_measured_numbers() -> None:
    small = replace(MATRIX, cells={("de", "de"): Cell(3.456), ("de", "en"): Cell(118.64)})
    assert matrix_text.figure(MATRIX, 118.64) == "118.6"
    assert matrix_text.figure(small, 118.64) == "118.64"
    assert matrix_text.figure(replace(MATRIX, view=View("bits_per_byte")), 1.23456) == "1.235"
    assert matrix_text.figure(replace(MATRIX, view=View(baseline="dense")), 3.1) == "+3.1"
    assert matrix_text.figure(MATRIX, float("inf")) == "∞"
