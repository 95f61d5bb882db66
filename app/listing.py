"""What `show` can print: matrices by source and slice, and the views and tables of the store."""

import textwrap
from collections.abc import Sequence

import duckdb

from app.table import Table, as_csv, as_json, as_text, to_json
from app.terminal import width
from store.schema import tables
from store.slices import Slice, catalogue, pair_order
from store.view import View
from store.view_files import view_files

HEADINGS = {
    "run": "Matrices measured here, as 'QUANTITY?model=...&method=...':",
    "paper": "Matrices published in the paper, the same with --source paper:",
}
NOTHING = {"run": "none yet: 'calib-explorer run --headless demo' makes some in a few minutes", "paper": "none"}


def relations() -> dict[str, str]:
    """Every view and table of a store with its comment: views first, tables and figures by number."""
    views = sorted(view_files(), key=lambda view: _by_number(view.name))
    return {
        **{view.name: view.comment for view in views},
        **{table.name: table.comment for table in tables().values()},
    }


def listing(connection: duckdb.DuckDBPyConnection, format: str) -> str:
    """The matrices that can be shown, and the names of views and tables."""
    matrices = {source: _matrices(connection, source) for source in HEADINGS}
    if format == "json":
        views = {source: _views(found) for source, found in matrices.items()}
        return to_json({"matrices": views, "views_and_tables": relations()})
    if format == "csv":
        rows = [(view, "matrix") for found in matrices.values() for view in _views(found)]
        return as_csv(Table(("name", "kind"), (*rows, *((name, "view or table") for name in relations()))))
    names = textwrap.wrap(", ".join(relations()), (width() or 100) - 2)
    lines = ["Views and tables of the store ('calib-explorer show tables' says what they hold):"]
    lines += [f"  {line}" for line in names]
    for source, found in matrices.items():
        cells = [(slice_.model, slice_.label, ", ".join(map(_name, pairs))) for slice_, pairs in found.items()]
        lines += ["", HEADINGS[source], *(_columns(cells) or [f"  {NOTHING[source]}"])]
    return "\n".join(lines)


def tables_listing(format: str) -> str:
    """Views and tables of the store and what they hold."""
    table = Table(("name", "comment"), tuple(relations().items()))
    if format == "text":
        return "\n".join(_columns(list(relations().items())))
    return as_csv(table) if format == "csv" else as_json(table)


Pair = tuple[str, str]
"""Quantity and task."""


def _matrices(connection: duckdb.DuckDBPyConnection, source: str) -> dict[Slice, list[Pair]]:
    found: dict[Slice, set[Pair]] = {}
    for entry in catalogue(connection, source):
        if entry.quantity:
            found.setdefault(entry.slice, set()).add((entry.quantity, entry.task_group))
    return {slice_: sorted(pairs, key=pair_order) for slice_, pairs in found.items()}


def _views(found: dict[Slice, list[Pair]]) -> list[str]:
    return [str(slice_.of(View(*pair))) for slice_, pairs in found.items() for pair in pairs]


def _name(pair: Pair) -> str:
    """How the pair is written at the head of a view: the task where it stands for its quantity."""
    quantity, task = pair
    if not task:
        return quantity
    return task if View.parse(task).quantity == quantity else f"{quantity}?task={task}"


def _columns(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """The rows under each other, cut where the terminal ends."""
    if not rows:
        return []
    lines = as_text(Table(("",) * len(rows[0]), tuple(rows))).splitlines()[2:-1]
    room = width()
    return [f"  {line}" if room is None or len(line) + 2 <= room else f"  {line[: room - 3]}…" for line in lines]


def _by_number(name: str) -> tuple[str, int]:
    """ "table2" before "table10"."""
    word = name.rstrip("0123456789")
    return word, int(name[len(word) :] or 0)
