"""95 % intervals in a matrix of a downstream task: how far its numbers would move with other items."""

import math
from dataclasses import replace

from app.failures import CommandError
from app.statistics import computed
from store.matrix import Interval, Matrix, Place


def with_intervals(matrix: Matrix, items: dict[Place, list[float]]) -> Matrix:
    """The matrix with the intervals of the cells that `items` (scores 0 to 1) are behind. Raises CommandError."""
    if matrix.view.baseline != "none":
        raise CommandError("intervals are of the numbers themselves; 'calib-explorer compare' tests differences")
    behind = {place: scores for place, scores in items.items() if _are_behind(scores, matrix[place].value)}
    if not behind:
        raise CommandError(
            f"no items are stored behind {matrix.view.quantity} {matrix.view.task}".rstrip()
            + f" ({matrix.view.source}): intervals are of measured tasks' acc, or f1 where answers are written"
        )
    cells = dict(matrix.cells)
    for (place, scores), found in zip(behind.items(), computed([{"a": s} for s in behind.values()]), strict=True):
        interval = Interval(100 * found["low"], 100 * found["high"], len(scores))
        cells[place] = replace(cells[place], interval=interval)
    return replace(matrix, cells=cells)


def _are_behind(scores: list[float], percent: float | None) -> bool:
    """Items hold the main metric's score: it is not acc_norm's or exact_match's."""
    return percent is not None and math.isclose(100 * math.fsum(scores) / len(scores), percent, abs_tol=1e-6)
