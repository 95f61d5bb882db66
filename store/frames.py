"""Rows as a polars frame of exactly a table's journal columns and types; what does not fit is refused at once."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import Any

import polars

from store.schema import Column, Table

Rows = Sequence[Mapping[str, Any]] | polars.DataFrame

_DTYPES: dict[str, Any] = {
    "VARCHAR": polars.String,
    "JSON": polars.String,
    "BOOLEAN": polars.Boolean,
    "INTEGER": polars.Int32,
    "BIGINT": polars.Int64,
    "USMALLINT": polars.UInt16,
    "UINTEGER": polars.UInt32,
    "FLOAT": polars.Float32,
    "DOUBLE": polars.Float64,
    "TIMESTAMPTZ": polars.Datetime("us", "UTC"),
}


def frame(table: Table, rows: Rows, run_id: str, written_at: datetime) -> polars.DataFrame:
    """`rows` with run_id, written_at and the schema's defaults filled in, in the schema's order and types.

    Columns without any value are left out: a file with fewer columns is opened faster.

    Raises ValueError for no rows, an unknown column, a missing or NULL required one, a value of another type, or a
    second row where there may be one.
    """
    if len(rows) == 0:
        raise ValueError(f"{table.name}: no rows; a segment holds at least one")
    given = set(rows.columns) if isinstance(rows, polars.DataFrame) else {name for row in rows for name in row}
    columns = {column.name: column for column in table.journal_columns}
    _check_names(table.name, given - {"run_id", "written_at"}, list(columns))
    data = rows if isinstance(rows, polars.DataFrame) else _from_rows(table.name, rows, columns, given)
    stamps = {"run_id": run_id, "written_at": written_at}
    try:
        result = data.select(_expression(column, given, stamps) for column in columns.values())
    except polars.exceptions.PolarsError as error:
        raise ValueError(f"{table.name}: {_first_line(error)}") from None
    for column in columns.values():
        if column.required and result[column.name].null_count():
            raise ValueError(f"{table.name}.{column.name}: NULL in a row; it needs a value ({column.comment})")
    if table.one_row and result.select(table.journal_unit).is_duplicated().any():
        raise ValueError(f"{table.name}: two rows with the same {', '.join(table.journal_unit)}; one is enough")
    return result.select(column for column in result.columns if result[column].null_count() < len(result))


def dtype(sql_type: str) -> Any:
    """The polars type of a column type of schema.sql."""
    if sql_type.endswith("[]"):
        return polars.List(_DTYPES[sql_type.removesuffix("[]")])
    return _DTYPES[sql_type]


def _check_names(table: str, given: set[str], known: list[str]) -> None:
    for name in sorted(given - set(known)):
        near = get_close_matches(name, known, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"columns: {', '.join(known)}"
        raise ValueError(f"{table}: no column '{name}'; {hint}")


def _from_rows(
    table: str, rows: Sequence[Mapping[str, Any]], columns: dict[str, Column], given: set[str]
) -> polars.DataFrame:
    used = [column for column in columns.values() if column.name in given]
    values = {column.name: [_plain(row.get(column.name), column.type) for row in rows] for column in used}
    if not values:
        return polars.DataFrame({"_": [0] * len(rows)})
    try:
        return polars.DataFrame(values, schema={column.name: dtype(column.type) for column in used})
    except (TypeError, OverflowError, polars.exceptions.PolarsError) as error:
        raise ValueError(f"{table}: {_first_line(error)}") from None


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]


def _plain(value: Any, sql_type: str) -> Any:
    if sql_type == "JSON" and value is not None and not isinstance(value, str):
        return json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)
    if sql_type == "TIMESTAMPTZ" and isinstance(value, str):
        value = datetime.fromisoformat(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    return value


def _expression(column: Column, given: set[str], stamps: Mapping[str, Any]) -> polars.Expr:
    kind = dtype(column.type)
    if column.name in stamps:
        return polars.lit(stamps[column.name], dtype=kind).alias(column.name)
    if column.name not in given:
        return polars.lit(_default(column), dtype=kind).alias(column.name)
    value = polars.col(column.name).cast(kind)
    return value if column.default is None else value.fill_null(_default(column))


def _default(column: Column) -> Any:
    """The default in schema.sql as a Python value: '' and other texts, numbers, booleans."""
    text = column.default
    if text is None or text.startswith("now"):
        return None
    return text.strip("'") if text.startswith("'") else json.loads(text)
