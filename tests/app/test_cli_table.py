"""Rows as text, CSV and JSON."""

import csv
import io
import json
from datetime import UTC, datetime
from decimal import Decimal

from app.table import Table, as_csv, as_json, as_text, cell_width

TABLE = Table(
    ("language", "value", "note"),
    (("sw", 24.123456789, None), ("zh", float("inf"), '中文, a "quoted"\nline'), ("العربية", -1.0, "x")),
)


def test_text_is_aligned_in_terminal_columns() -> None:
    header, rule, *rows, count = as_text(TABLE).splitlines()
    starts = {cell_width(row[: row.index(end)]) for row, end in zip(rows, ("NULL", "中", "x"), strict=True)}
    assert len(starts) == 1
    assert rule.startswith("───")
    assert header.split() == ["language", "value", "note"]
    assert "24.1235" in rows[0]
    assert count == "(3 rows)"


def test_a_table_wider_than_the_terminal_becomes_one_field_a_line() -> None:
    lines = as_text(TABLE, width=20).splitlines()
    assert lines[0].startswith("─ row 1")
    assert "value     24.1235" in lines


def test_csv_keeps_every_digit_and_reads_back() -> None:
    rows = list(csv.reader(io.StringIO(as_csv(TABLE))))
    assert rows[0] == ["language", "value", "note"]
    assert float(rows[1][1]) == 24.123456789
    assert rows[1][2] == ""
    assert rows[2][1:] == ["inf", '中文, a "quoted"\nline']


def test_json_is_valid_whatever_duckdb_returns() -> None:
    table = Table(
        ("a", "b", "c", "d"), ((float("nan"), Decimal("1.5"), [1, None], datetime(2025, 1, 2, tzinfo=UTC)),)
    )
    assert json.loads(as_json(table)) == [{"a": "nan", "b": 1.5, "c": [1, None], "d": "2025-01-02T00:00:00+00:00"}]


def test_no_rows() -> None:
    assert as_text(Table(("a",), ())).splitlines()[-1] == "(0 rows)"
    assert as_csv(Table(("a",), ())) == "a"
    assert json.loads(as_json(Table(("a",), ()))) == []
