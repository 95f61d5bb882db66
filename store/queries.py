"""The named queries behind the screens and `calib-explorer show`.

All take a DuckDB connection in which the store's tables and views are visible by their plain names (store.reader).
"""

from store.cell import CellDetails, Neighbour, RunBehind, cell
from store.compare import Difference, compare, tally
from store.item_scores import item_scores
from store.pivot import matrix, matrix_sql
from store.resolve import quantities, resolve
from store.run_list import RunRow, runs
from store.slices import Slice, slices
from store.sql import names, sql

__all__ = [
    "CellDetails",
    "Difference",
    "Neighbour",
    "RunBehind",
    "RunRow",
    "Slice",
    "cell",
    "compare",
    "item_scores",
    "matrix",
    "matrix_sql",
    "names",
    "quantities",
    "resolve",
    "runs",
    "slices",
    "sql",
    "tally",
]
