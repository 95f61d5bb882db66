"""The paper's numbers in the store are those in paper_results.csv, with names that can be asked for."""

import csv
from collections import Counter

import duckdb
import pytest
from sample import empty_store

from store.paper import CSV


@pytest.fixture(scope="module")
def connection() -> duckdb.DuckDBPyConnection:
    return duckdb.connect(str(empty_store()), read_only=True)


@pytest.fixture(scope="module")
def printed() -> list[dict[str, str]]:
    with CSV.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_number_is_there_with_its_note(
    connection: duckdb.DuckDBPyConnection, printed: list[dict[str, str]]
) -> None:
    query = """SELECT paper_table, model, method, coalesce(pattern, ''), coalesce(calibration, ''), language, linear,
      value, coalesce(m.note, '') FROM measurement m JOIN run USING (run_key) WHERE source = 'paper'"""
    stored = Counter(connection.execute(query).fetchall())
    names = ("model", "method", "pattern", "calib_languages", "eval_language", "submodule")
    expected = Counter(
        (int(row["table"]), *(row[name] for name in names), float(row["value"]), row["note"]) for row in printed
    )
    assert stored == expected
    assert stored.total() == 5476


@pytest.mark.parametrize(
    ("run_id", "quantity", "task", "place", "value", "unit", "better"),
    [
        ("paper-t6-llama-3-8b-instruct-wanda-0.5-ru", "perplexity", "", "zh", 23.6, "ppl", "lower"),
        ("paper-t8-llama-3-8b-instruct-dense", "acc", "belebele", "ar", 55.3, "%", "higher"),
        ("paper-t3-aya-23-8b-dense", "f1", "mkqa", "en", 46.8, "%", "higher"),
        ("paper-t16-llama-3-8b-instruct-sparsegpt-0.5-de", "iou", "iou_seeds", "q", 0.890, "1", "higher"),
        ("paper-t17-llama-3-8b-instruct-sparsegpt-0.5-de+en", "iou", "iou_languages", "v", 0.879, "1", "higher"),
    ],
)
def test_numbers_have_the_contracts_names(
    connection: duckdb.DuckDBPyConnection, run_id: str, quantity: str, task: str, place: str, value: float, unit: str,
    better: str,
) -> None:  # fmt: skip
    query = """SELECT value, unit, better FROM measurement JOIN run USING (run_key)
      WHERE run_id = ? AND quantity = ? AND task = ? AND language || linear = ? AND block = -1"""
    assert connection.execute(query, [run_id, quantity, task, place]).fetchall() == [(value, unit, better)]


def test_patterns_of_quantised_and_semi_structured_models(connection: duckdb.DuckDBPyConnection) -> None:
    query = (
        "SELECT DISTINCT method, pattern, sparsity, bits, group_size FROM run WHERE paper_table = ? AND method = ?"
    )
    assert connection.execute(query, [14, "gptq"]).fetchall() == [("gptq", "4bit/g128", None, 4, 128)]
    assert connection.execute(query, [9, "wanda"]).fetchall() == [("wanda", "2:4", 0.5, None, None)]
    assert connection.execute(query, [9, "dense"]).fetchall() == [("dense", None, None, None, None)]
    labels = "SELECT calibration FROM run WHERE source = 'paper' AND calibration IS NOT NULL"
    assert all("+".join(sorted(x.split("+"))) == x for (x,) in connection.execute(labels).fetchall())


def test_suspect_numbers_are_marked(connection: duckdb.DuckDBPyConnection) -> None:
    assert connection.execute("SELECT count(*) FROM measurement WHERE note LIKE '%ocr_suspect%'").fetchall() == [
        (59,)
    ]
