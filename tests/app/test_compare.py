"""`calib-explorer compare` and `show --intervals`: calibrations on the same items, seeds averaged."""

import csv
import json
import math
from io import StringIO
from pathlib import Path

import numpy as np
import pytest

from app.failures import CommandError
from app.paired import Filter, compare
from app.show import show
from pipeline.paired.tests import alone, estimate, mcnemar
from pipeline.paired.tests import compare as both_ways
from store.folders import RunFolder
from store.journal import Journal

RIGHT = {
    ("en", 0): [1, 1, 1, 1, 1, 0, 0, 1, 1, 0],
    ("en", 1): [1, 1, 0, 1, 1, 0, 0, 1, 1, 0],
    ("de", 0): [0, 1, 0, 1, 0, 0, 0, 0, 1, 0],
    ("de", 1): [0, 1, 0, 1, 0, 0, 0, 0, 1, 1],
}


@pytest.fixture
def store(tmp_path: Path) -> Path:
    for (calibration, seed), right in RIGHT.items():
        folder = RunFolder.at(tmp_path / "runs", f"m-wanda-{calibration}-s{seed}").create({})
        with folder.lock():
            journal = Journal(folder, 1)
            run = {
                "source": "run", "status": "done", "model": "m", "method": "wanda", "pattern": "unstructured",
                "sparsity": 0.5, "calibration": calibration, "calibration_languages": [calibration], "seed": seed,
            }  # fmt: skip
            journal.write("run", [run])
            shared = {"evaluation": "arc-1", "task": "arc", "language": "de"}
            rows = [
                {**shared, "item": str(n), "correct": bool(one), "score": float(one)} for n, one in enumerate(right)
            ]
            journal.write("item", rows)
            shared |= {"measure": "task", "quantity": "acc", "unit": "%", "better": "higher"}
            numbers = [{**shared, "value": 100 * sum(right) / 10}, {**shared, "quantity": "acc_norm", "value": 1.0}]
            journal.write("measurement", [{**number, "n": 10} for number in numbers])
    return tmp_path / "results.duckdb"


def table(capsys: pytest.CaptureFixture[str], *arguments: object) -> list[dict[str, str]]:
    compare(*arguments)  # type: ignore[arg-type]
    return list(csv.DictReader(StringIO(capsys.readouterr().out)))


def test_seeds_are_averaged_item_by_item(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (row,) = table(capsys, "en", "de", Filter(), "csv", store)
    assert (row["task"], row["language"], row["n"], row["runs_a"], row["runs_b"]) == ("arc", "de", "10", "2", "2")
    assert float(row["a"]) == pytest.approx(65)
    assert float(row["b"]) == pytest.approx(35)
    assert float(row["low"]) < float(row["b - a"]) < float(row["high"])
    assert row["p_mcnemar"] == ""


def test_two_runs_are_tested_by_mcnemar(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (row,) = table(capsys, "m-wanda-en-s0", "m-wanda-de-s0", Filter(task="arc"), "csv", store)
    assert (row["only_a"], row["only_b"]) == ("4", "0")
    assert float(row["p_mcnemar"]) == pytest.approx(0.125)
    assert float(row["p_permutation"]) == pytest.approx(0.125)


def test_what_is_not_there_is_told(store: Path) -> None:
    with pytest.raises(CommandError, match="nothing with items is called 'ru'; there is de, en"):
        compare("ru", "de", Filter(), "csv", store)
    with pytest.raises(CommandError, match="no items of a task in common"):
        compare("en", "de", Filter(language="zh"), "csv", store)


def test_one_accuracy_is_the_mean_of_its_items(store: Path) -> None:
    from app.sql import ask, opened

    with opened(store) as connection:
        query = """SELECT m.run_id, m.value, 100 * avg(i.correct::INT) FROM metrics m JOIN item i
            USING (run_key, evaluation, task, language) WHERE m.quantity = 'acc' GROUP BY ALL"""
        rows = ask(connection, query).rows
    assert len(rows) == 4
    assert all(value == pytest.approx(mean) for _, value, mean in rows)


def test_intervals_cover_and_equal_answers_do_not_differ() -> None:
    scores = np.array([1.0, 0.0] * 20)
    same = both_ways(scores, scores)
    assert (same.difference.low, same.difference.high, same.p_permutation, same.p_mcnemar) == (0.0, 0.0, 1.0, 1.0)
    better = scores.copy()
    better[1] = 1.0
    one = both_ways(scores, better)
    assert (one.only_a, one.only_b, one.p_mcnemar) == (0, 1, 1.0)
    assert one.difference.low <= 0.025 <= one.difference.high
    assert mcnemar(10, 0) == pytest.approx(2 / 1024)
    with pytest.raises(ValueError, match="two or more items"):
        both_ways(scores[:1], scores[:1])


def test_intervals_are_over_the_items_that_make_the_number(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    show("acc?task=arc", "json", None, store, "none", intervals=True)
    cells = {cell["calibration"]: cell for cell in json.loads(capsys.readouterr().out)["cells"]}
    for calibration, mean in (("en", 65), ("de", 35)):
        cell = cells[calibration]
        items = np.array([RIGHT[calibration, 0], RIGHT[calibration, 1]]).mean(axis=0)
        expected = estimate(items)
        assert (cell["value"], cell["n_items"], cell["n_seeds"]) == (pytest.approx(mean), 10, 2)
        assert (cell["low"], cell["high"]) == pytest.approx((100 * expected.low, 100 * expected.high))
    assert "low" not in cells["dense"]


def test_intervals_stand_below_their_numbers_and_beside_them_in_csv(
    store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    show("acc?task=arc", "text", None, store, "none", intervals=True)
    lines = capsys.readouterr().out.splitlines()
    (place,) = (number for number, line in enumerate(lines) if line.startswith("en "))
    low, high = map(float, lines[place + 1].strip().split("–"))
    assert low < 65 < high
    assert any("below: 95 % interval over 10 items, their means over 2 seeds" in line for line in lines)
    show("acc?task=arc", "csv", None, store, "none", intervals=True)
    (row,) = (row for row in csv.DictReader(StringIO(capsys.readouterr().out)) if row["calibration"] == "en")
    assert list(row) == ["calibration", "de", "de low", "de high", "de items", "de seeds"]
    assert (float(row["de low"]), float(row["de high"])) == pytest.approx((low, high), abs=0.05)
    assert (row["de items"], row["de seeds"]) == ("10", "2")


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("acc?task=belebele&source=paper", "no items are stored behind acc belebele"),
        ("acc_norm?task=arc", "no items are stored behind acc_norm arc"),
        ("acc?task=arc&base=en", "'calib-explorer compare' tests differences"),
        ("table1", "--intervals is for the matrix of a task"),
    ],
)
def test_numbers_without_items_have_no_intervals(store: Path, what: str, message: str) -> None:
    """Items hold the score of acc, which is not acc_norm's."""
    with pytest.raises(CommandError, match=message):
        show(what, "text", None, store, "none", intervals=True)


@pytest.mark.parametrize(("right", "n"), [(0, 100), (27, 100), (99, 100), (1, 1)])
def test_shares_have_wilsons_interval(right: int, n: int) -> None:
    found = alone(np.array([1.0] * right + [0.0] * (n - right)))
    z, p = 1.959963984540054, right / n
    middle, half = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    ends = [(middle - half) / (1 + z * z / n), (middle + half) / (1 + z * z / n)]
    assert [found.mean, found.low, found.high] == pytest.approx([p, *ends], abs=1e-12)
    assert found.n == n
