"""Figures in the terminal: every one of the paper's is asked for in SQL that the store understands, and drawn."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.failures import CommandError
from app.figures.asked import NAMES, QUESTIONS
from app.figures.boxes import boxes
from app.figures.drawn import curves
from app.figures.printed import figures, is_figure, printed
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


def test_the_list_of_figures_counts_their_runs(tmp_path: Path) -> None:
    run: dict[str, object] = {"model": "m", "method": "wanda", "calibration": "de", "seed": 0, "sparsity": 0.5}
    by_block_of(tmp_path, run, "f-1", "hidden_difference", 1.0)
    by_block_of(tmp_path, {**run, "seed": 1}, "f-1", "hidden_difference", 1.0)
    listed = {row["figure"]: row["measured"] for row in json.loads(figures(tmp_path / "results.duckdb", "json"))}
    assert list(listed) == list(QUESTIONS)
    assert {name for name, told in listed.items() if told == "2 runs"} == {"figure4", "figure5"}
    assert listed["figure2"] == "0 comparisons"
    assert listed["figure9"] == "0 runs"


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


def by_block_of(folder: Path, run: dict[str, object], evaluation: str, quantity: str, value: float) -> None:
    """A run that measured one number in each of three blocks, in German and Chinese."""
    name = "-".join(str(part) for part in (*run.values(), evaluation))
    journal = Journal(RunFolder.at(folder / "runs", name), 1)
    journal.write("run", [{**run, "status": "done", "started_at": datetime(2026, 1, 1, tzinfo=UTC)}])
    measured = {"measure": "fidelity", "evaluation": evaluation, "quantity": quantity, "unit": "1"}
    rows = [
        {**measured, "language": language, "block": block, "value": value + block}
        for language in ("de", "zh")
        for block in range(3)
    ]
    journal.write("measurement", rows)


def test_runs_that_differ_are_never_averaged(tmp_path: Path) -> None:
    run: dict[str, object] = {"model": "m", "method": "wanda", "calibration": "de", "seed": 0, "sparsity": 0.5}
    by_block_of(tmp_path, run, "f-1", "hidden_difference", 1.0)
    store = tmp_path / "results.duckdb"
    assert "  A wanda de on de\n  B wanda de on zh\n" in printed("figure4", store, "none")
    by_block_of(tmp_path, {**run, "sparsity": 0.6}, "f-1", "hidden_difference", 5.0)
    by_block_of(tmp_path, {**run, "model": "other"}, "f-1", "hidden_difference", 9.0)
    legend = printed("figure4?language=de", store, "none")
    assert "  A m wanda 0.5 de on de\n  B m wanda 0.6 de on de\n  C other wanda 0.5 de on de\n" in legend
    assert "  A wanda de on de\n" in printed("figure4?language=de&sparsity=0.6&model=m", store, "none")


def test_of_several_evaluations_the_last_of_those_selected_is_drawn(tmp_path: Path) -> None:
    run: dict[str, object] = {"model": "m", "method": "wanda", "calibration": "de", "seed": 0, "sparsity": 0.5}
    by_block_of(tmp_path, run, "f-1", "hidden_difference", 1.0)
    by_block_of(tmp_path, {**run, "seed": 1}, "f-2", "hidden_difference", 31.0)
    store = tmp_path / "results.duckdb"
    assert "32.0" in printed("figure4?language=de", store, "none")
    first = printed("figure4?language=de&evaluation=f-1", store, "none")
    assert "2.0" in first
    assert "32.0" not in first


def test_outputs_are_of_the_selected_language(tmp_path: Path) -> None:
    for method, calibration, shift in (("dense", None, 0.0), ("wanda", "de", 10.0)):
        journal = Journal(RunFolder.at(tmp_path / "runs", method), 1)
        run = {"status": "done", "model": "m", "method": method, "calibration": calibration, "seed": None}
        journal.write("run", [{**run, "started_at": datetime(2026, 1, 1, tzinfo=UTC)}])
        unit = {"evaluation": "a-1", "linear": "mlp.down_proj"}
        rows = [
            {
                **unit,
                "language": language,
                "block": block,
                "output": output,
                "mean": shift + 100 * block + output + own,
            }
            for language, own in (("de", 0.25), ("zh", 0.75))
            for block in range(3)
            for output in range(2)
        ]
        journal.write("output_activation", rows)
    text = printed("figure11?language=zh", tmp_path / "results.duckdb", "none")
    assert "  A dense\n  B wanda de\n" in text
    rows = [line.split() for line in text.splitlines()]
    assert rows[-3:-1] == [["0", "100.75", "110.75"], ["1", "101.75", "111.75"]]
