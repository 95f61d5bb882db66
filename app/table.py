"""Rows of a query as text, CSV or JSON: what `sql` and `show` print."""

import csv
import json
import math
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from io import StringIO
from typing import Any

GAP = "  "


@dataclass(frozen=True)
class Table:
    """Named columns and their rows. more: rows were left out. empty: columns left out because all is NULL there."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    more: bool = False
    empty: tuple[str, ...] = ()


def without_empty_columns(table: Table) -> Table:
    """The same rows without the columns that are NULL in all of them."""
    kept = [index for index in range(len(table.columns)) if any(row[index] is not None for row in table.rows)]
    if not table.rows:
        return table
    rows = tuple(tuple(row[index] for index in kept) for row in table.rows)
    empty = tuple(name for index, name in enumerate(table.columns) if index not in kept)
    return Table(tuple(table.columns[index] for index in kept), rows, table.more, empty)


def as_text(table: Table, width: int | None = None) -> str:
    """Aligned columns; a table wider than `width` is printed as one field a line, row after row."""
    cells = [[shown(value) for value in row] for row in table.rows]
    widths = [max(map(cell_width, column)) for column in zip(table.columns, *cells, strict=True)]
    if width is not None and sum(widths) + len(GAP) * (len(widths) - 1) > width:
        text = _records(table.columns, cells)
    else:
        right = [_is_number_column(column) for column in zip(*table.rows, strict=True)] or [False] * len(widths)
        lines = [_line(table.columns, widths, right), _line(["─" * size for size in widths], widths, right)]
        text = "\n".join(lines + [_line(row, widths, right) for row in cells])
    return f"{text}\n{_count(table)}"


def as_csv(table: Table) -> str:
    """RFC 4180 with a header; NULL is an empty field, floats keep every digit."""
    buffer = StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(table.columns)
    writer.writerows([["" if value is None else plain(value) for value in row] for row in table.rows])
    return buffer.getvalue().rstrip("\n")


def as_json(table: Table) -> str:
    """A list of objects, one a row. Infinities and NaN, which JSON lacks, are the strings "inf", "-inf", "nan"."""
    return to_json([dict(zip(table.columns, row, strict=True)) for row in table.rows])


def to_json(value: Any) -> str:
    """`value` as indented JSON, whatever DuckDB's Python types it holds."""
    return json.dumps(plain(value), ensure_ascii=False, indent=2)


def plain(value: Any) -> Any:
    """`value` in types that JSON knows."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {str(key): plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(part) for part in value]
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, (date, datetime, time)):
        return value.isoformat()
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)


def shown(value: Any) -> str:
    """`value` for a reader: floats to six significant digits, times to the second, text on one line."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(shown, value))
    if isinstance(value, timedelta):
        return str(value)
    return " ".join(str(plain(value)).split())


def cell_width(text: str) -> int:
    """Columns that `text` takes in a terminal: 2 for East Asian wide letters, 0 for combining marks."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(char) else 1 + (unicodedata.east_asian_width(char) in "WF") for char in text
    )


def pad(text: str, width: int, right: bool = False) -> str:
    """`text` filled with blanks to `width` terminal columns."""
    blanks = " " * (width - cell_width(text))
    return blanks + text if right else text + blanks


def _line(cells: Iterable[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    padded = [pad(cell, width, flush) for cell, width, flush in zip(cells, widths, right, strict=True)]
    return GAP.join(padded).rstrip()


def _records(columns: Sequence[str], rows: list[list[str]]) -> str:
    width = max(map(cell_width, columns))
    blocks = []
    for number, row in enumerate(rows, start=1):
        fields = [f"{pad(name, width)}{GAP}{value}" for name, value in zip(columns, row, strict=True)]
        blocks.append("\n".join([f"─ row {number} " + "─" * width, *fields]))
    return "\n".join(blocks)


def _is_number_column(values: Sequence[Any]) -> bool:
    return all(isinstance(value, (int, float, Decimal, type(None))) for value in values)


def _count(table: Table) -> str:
    parts = [f"{len(table.rows)} row{'' if len(table.rows) == 1 else 's'}"]
    if table.more:
        parts.append("there are more: --format csv prints all")
    if table.empty:
        parts.append(f"nothing in {', '.join(table.empty)}")
    return f"({'; '.join(parts)})"
