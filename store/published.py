"""The paper's numbers beside a measured view."""

from dataclasses import dataclass

import duckdb

from store.matrix import Place
from store.sql import select
from store.view import View, fold


@dataclass(frozen=True)
class Published:
    """One published number and the table that prints it."""

    value: float
    paper_table: int
    note: str


def published(connection: duckdb.DuckDBPyConnection, view: View) -> dict[Place, Published]:
    """What the paper prints for a resolved view's model, method, sparsity and quantity, by row and column; numbers
    read off a damaged page are left out. Empty where the paper has none."""
    parameters = {
        "model_folded": fold(view.model or ""),
        "method": view.method,
        "pattern": view.pattern,
        "sparsity": view.sparsity,
        "quantity": view.quantity,
        "task": view.task,
    }
    return {
        (row, column): Published(value, paper_table, note)
        for row, column, value, note, paper_table in select(connection, "published", parameters)
        if "ocr_suspect" not in note
    }
