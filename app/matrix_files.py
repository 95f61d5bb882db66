"""A matrix for other programs: CSV as it stands, JSON with all that is known, LaTeX for a paper."""

from dataclasses import asdict
from typing import Any

from app.matrix_text import CORNER, figure
from app.table import Table, as_csv, to_json
from store.matrix import Cell, Matrix

INTERVAL = ("low", "high", "items", "seeds")
"""What CSV says of an interval, behind the number."""


def csv(matrix: Matrix) -> str:
    """One row a calibration, one column an evaluation language, every digit; a missing value is an empty field.
    Where there are intervals each language has columns for their ends, the items and the seeds."""
    extra = INTERVAL if matrix.has_intervals else ()
    names = [name for column in matrix.columns for name in (column, *(f"{column} {what}" for what in extra))]
    rows = []
    for row in matrix.rows:
        fields = [(matrix.delta(row, c), *_interval(matrix[row, c])[: len(extra)]) for c in matrix.columns]
        rows.append((row, *(value for several in fields for value in several)))
    return as_csv(Table((CORNER, *names), tuple(rows)))


def json(matrix: Matrix, facts: dict[str, Any]) -> str:
    """The view, `facts` (what it was measured on, state of the store), and every cell with its runs."""
    wins, columns = matrix.target_best()
    return to_json(
        {
            "view": str(matrix.view),
            "title": matrix.title,
            "quantity": matrix.view.quantity,
            "task": matrix.view.task,
            "unit": matrix.unit,
            "better": matrix.better,
            "source": matrix.view.source,
            "baseline": matrix.view.baseline,
            **facts,
            "rows": matrix.rows,
            "columns": matrix.columns,
            "target_best": {"columns": wins, "of": columns},
            "cells": [_cell(matrix, row, column) for row in matrix.rows for column in matrix.columns],
        }
    )


def latex(matrix: Matrix) -> str:
    """A booktabs table with the best of each column in bold."""
    columns = " & ".join(map(_escape, matrix.columns))
    lines = [f"% {matrix.view}", rf"\begin{{tabular}}{{l{'r' * len(matrix.columns)}}}", r"\toprule"]
    lines += [rf"{CORNER} & {columns} \\", r"\midrule"]
    for row in matrix.rows:
        cells = [_latex_cell(matrix, row, column) for column in matrix.columns]
        lines.append(rf"{_escape(row)} & {' & '.join(cells)} \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"])


def _cell(matrix: Matrix, row: str, column: str) -> dict[str, Any]:
    cell = matrix[row, column]
    return {
        CORNER: row,
        "language": column,
        "value": cell.value,
        "sd": cell.sd,
        "n_seeds": cell.n_seeds,
        "delta": None if matrix.view.baseline == "none" else matrix.delta(row, column),
        "best": row in matrix.best(column),
        "status": cell.status,
        "fraction": cell.fraction,
        "note": cell.note,
        "run_ids": cell.run_ids,
        **({} if cell.interval is None else asdict(cell.interval)),
    }


def _interval(cell: Cell) -> tuple[float | None, ...]:
    found = cell.interval
    return (None,) * len(INTERVAL) if found is None else (found.low, found.high, found.n_items, cell.n_seeds)


def _latex_cell(matrix: Matrix, row: str, column: str) -> str:
    value = matrix.delta(row, column)
    if value is None:
        return "--"
    text = figure(matrix, value).replace("∞", r"$\infty$").replace("-", "$-$", 1)
    return rf"\textbf{{{text}}}" if row in matrix.best(column) else text


def _escape(text: str) -> str:
    return "".join(f"\\{char}" if char in "&%$#_{}" else char for char in text)
