"""A matrix for other programs: CSV as it stands, JSON with all that is known, LaTeX for a paper."""

from typing import Any

from app.matrix_text import CORNER, figure
from app.table import Table, as_csv, to_json
from store.matrix import Matrix


def csv(matrix: Matrix) -> str:
    """One row a calibration, one column an evaluation language, every digit; a missing value is an empty field."""
    rows = [(row, *(matrix.delta(row, column) for column in matrix.columns)) for row in matrix.rows]
    return as_csv(Table((CORNER, *matrix.columns), tuple(rows)))


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
    }


def _latex_cell(matrix: Matrix, row: str, column: str) -> str:
    value = matrix.delta(row, column)
    if value is None:
        return "--"
    text = figure(matrix, value).replace("∞", r"$\infty$").replace("-", "$-$", 1)
    return rf"\textbf{{{text}}}" if row in matrix.best(column) else text


def _escape(text: str) -> str:
    return "".join(f"\\{char}" if char in "&%$#_{}" else char for char in text)
