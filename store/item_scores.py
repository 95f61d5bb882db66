"""The items behind a matrix of a downstream task."""

import duckdb

from store.matrix import Place
from store.resolve import resolve
from store.sql import select
from store.view import View


def item_scores(connection: duckdb.DuckDBPyConnection, view: View) -> dict[Place, list[float]]:
    """Scores (0 to 1) of the items behind each place, means over seeds; places without items are missing.

    They are of the task's main metric (acc, or f1). The connection must show table `item`: `with reader:`.
    """
    resolved = resolve(connection, view)
    if not resolved.entries:
        return {}
    rows = select(connection, "item_scores", resolved.parameters())
    return {(row, place): scores for row, place, scores in rows}
