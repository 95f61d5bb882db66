"""Rows of the queries `matrix` and `numbers`: one number, the mean over runs that differ only in their seed."""

from dataclasses import dataclass

import duckdb

from store.resolve import Resolved
from store.sql import select


@dataclass(frozen=True)
class Number:
    """A mean over seeds at one place. values: one for each of run_ids; newest: when it was last written, microseconds
    since 1970. The query `matrix`, which asks for one quantity, leaves the fields from `values` on at their defaults.
    """

    calibration: str | None
    method: str
    place: str
    mean: float | None
    sd: float | None
    run_ids: list[str]
    notes: list[str]
    paper_table: int | None
    values: tuple[float | None, ...] = ()
    quantity: str = ""
    task_group: str = ""
    task: str = ""
    evaluation: str = ""
    unit: str = ""
    better: str = ""
    newest: int = 0

    @property
    def row(self) -> str:
        """The row of the matrix: the calibration, or the method that reads none."""
        return self.calibration or self.method

    @property
    def note(self) -> str:
        """The runs' different notes."""
        return "; ".join(filter(None, self.notes))


def of_matrix(connection: duckdb.DuckDBPyConnection, resolved: Resolved) -> list[Number]:
    """The numbers of a resolved view."""
    if not resolved.entries:
        return []
    return [Number(*row) for row in select(connection, "matrix", resolved.parameters())]


def of_slice(
    connection: duckdb.DuckDBPyConnection, resolved: Resolved, rows: list[str] | None, places: list[str] | None
) -> list[Number]:
    """Every quantity of a resolved view's slice, in some rows and places; all of them where None."""
    if resolved.slice is None:
        return []
    parameters = {**resolved.parameters(), "rows": rows, "places": places}
    return [Number(*row) for row in select(connection, "numbers", parameters)]
