"""schema.sql as data: tables, columns, comments and units, read from the file itself so that they cannot differ."""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

VERSION = 2
"""Raised with every change of schema.sql. A store with a higher one is refused."""

ROOM = Path(__file__).parent

_TABLE = re.compile(r"((?:^-- .*\n)+)(^CREATE TABLE (\w+)\(\n(?:  .*\n)+^\);)", re.MULTILINE)
_COLUMN = re.compile(
    r"^  (?P<name>\w+) (?P<type>\w+(?:\[\])?)(?P<key> PRIMARY KEY)?(?P<required> NOT NULL)?"
    r"(?: DEFAULT (?P<default>[^,]+?))?,?\s+-- (?P<comment>.+)$",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Column:
    """One column: its SQL type and default as written, and its comment."""

    name: str
    type: str
    required: bool
    default: str | None
    comment: str


@dataclass(frozen=True)
class Table:
    """One table. `unit` names the columns that are written and replaced as a whole; empty for bookkeeping."""

    name: str
    sql: str
    comment: str
    unit: tuple[str, ...]
    columns: tuple[Column, ...]

    @property
    def journal_columns(self) -> tuple[Column, ...]:
        """Columns of this table's journal segments: run_key, which only a store needs, is run_id there."""
        run_id = Column("run_id", "VARCHAR", True, None, "")
        rest = tuple(column for column in self.columns if column.name not in ("run_key", "run_id"))
        return (run_id, *rest) if self.has_run else rest

    @property
    def one_row(self) -> bool:
        """Whether a unit is a single row."""
        return bool(self.unit) and " PRIMARY KEY" in self.sql

    @property
    def has_run(self) -> bool:
        """Whether the rows belong to one run."""
        return self.columns[0].name == "run_key"

    @property
    def journal_unit(self) -> tuple[str, ...]:
        """The unit in the journal's columns."""
        return tuple("run_id" if name == "run_key" else name for name in self.unit)


def schema_sql() -> str:
    """The text of schema.sql."""
    return (ROOM / "schema.sql").read_text(encoding="utf-8")


@cache
def tables() -> dict[str, Table]:
    """Every table of schema.sql by name, in its order."""
    return {name: _table(name, head, sql) for head, sql, name in _TABLE.findall(schema_sql())}


@cache
def journalled() -> dict[str, Table]:
    """The tables that runs write: those with a unit."""
    return {name: table for name, table in tables().items() if table.unit}


def _table(name: str, head: str, sql: str) -> Table:
    lines = [line.removeprefix("-- ") for line in head.splitlines()]
    unit = next((line.removeprefix("Unit: ") for line in lines if line.startswith("Unit: ")), "")
    columns = tuple(
        Column(m["name"], m["type"], bool(m["required"] or m["key"]), m["default"], m["comment"].strip())
        for m in _COLUMN.finditer(sql)
    )
    return Table(name, sql, " ".join(lines), tuple(unit.split(", ")) if unit else (), columns)
