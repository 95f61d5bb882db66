"""A matrix of numbers: calibration x evaluation language, its order, its best cells, its shades."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

from store.view import View

LANGUAGES = ("ar", "de", "en", "es", "ru", "sw", "zh")
"""In the paper's order, which is that of rows and columns; others follow by name."""

Place = tuple[str, str]
"""(row, column)."""


@dataclass(frozen=True)
class Interval:
    """The 95 % interval of a cell's value over its items, in the cell's unit."""

    low: float
    high: float
    n_items: int


@dataclass(frozen=True)
class Cell:
    """What is known of one place. `value` is the mean over runs that differ only in their seed.

    sd: sample standard deviation over seeds, None for one seed.
    status: "" or "queued", "running", "failed" where there is no number yet; fraction 0..1 of a running one.
    interval: over the items of a task, where it was asked for.
    note: as in the store; cells that `suspect` are read off a damaged page of the paper.
    """

    value: float | None = None
    sd: float | None = None
    n_seeds: int = 0
    run_ids: tuple[str, ...] = ()
    status: str = ""
    fraction: float = 0.0
    note: str = ""
    interval: Interval | None = None

    @property
    def suspect(self) -> bool:
        """Whether the value is to be left out of comparisons."""
        return "ocr_suspect" in self.note

    @property
    def known(self) -> float | None:
        """The value where it can be compared: finite, not suspect."""
        return self.value if self.value is not None and math.isfinite(self.value) and not self.suspect else None


EMPTY = Cell()


@dataclass(frozen=True)
class Matrix:
    """Rows are calibrations ("de", "de+en"); before them stand the references, methods that read no text ("dense").

    columns: evaluation languages; "en-e" and "en-c" are ARC's easy and challenge sets, and for IoU they are linears.
    cells: only those that hold something; use `matrix[row, column]`.
    base: what the view's baseline subtracts, where there is something to subtract.
    evaluations: ids of what it was measured on; view: as resolved, with every name in full.
    """

    view: View
    rows: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    cells: dict[Place, Cell] = field(default_factory=dict)
    unit: str = ""
    better: str = ""
    title: str = ""
    evaluations: tuple[str, ...] = ()
    base: dict[Place, float] = field(default_factory=dict)

    def __getitem__(self, place: Place) -> Cell:
        return self.cells.get(place, EMPTY)

    def delta(self, row: str, column: str) -> float | None:
        """The value less its baseline, in the quantity's unit; the value itself for baseline "none"."""
        value = self[row, column].value
        if value is None or self.view.baseline == "none":
            return value
        base = self.base.get((row, column))
        return None if base is None else value - base

    @property
    def has_intervals(self) -> bool:
        return any(cell.interval is not None for cell in self.cells.values())

    def calibrated(self) -> tuple[str, ...]:
        """The rows whose method read text."""
        return tuple(row for row in self.rows if row not in self.references)

    def best(self, column: str) -> tuple[str, ...]:
        """The calibrated row with the best value in `column`, several if tied; () without two to choose from."""
        return self._best(column, self.calibrated())

    def target_best(self) -> tuple[int, int]:
        """(n, of): in how many columns calibrating in the column's own language is (tied) best among the
        monolingual calibrations, and how many columns have that calibration and another to compare it with."""
        single = tuple(row for row in self.calibrated() if "+" not in row and "*" not in row)
        counted = wins = 0
        for column in self.columns:
            best = self._best(column, single)
            if best and self[target(column), column].known is not None:
                counted += 1
                wins += target(column) in best
        return wins, counted

    def shade(self, row: str, column: str) -> float | None:
        """0 (worst) .. 1 (best) among the calibrated cells that the view normalises over, after the baseline.

        None for a missing or suspect cell. Reference rows get a shade on the same scale, cut at its ends.
        """
        if self[row, column].known is None or (value := self.delta(row, column)) is None:
            return None
        rows, columns = self.calibrated() or self.rows, self.columns
        if self.view.normalise == "column":
            columns = (column,)
        elif self.view.normalise == "row":
            rows = (row,)
        values = [
            number
            for r in rows
            for c in columns
            if self[r, c].known is not None and (number := self.delta(r, c)) is not None
        ]
        low, high = min(values, default=value), max(values, default=value)
        share = 0.5 if high == low else min(1.0, max(0.0, (value - low) / (high - low)))
        return 1 - share if self.better == "lower" else share

    def _best(self, column: str, rows: tuple[str, ...]) -> tuple[str, ...]:
        known = {row: value for row in rows if (value := self[row, column].known) is not None}
        if len(known) < 2:
            return ()
        best = min(known.values()) if self.better == "lower" else max(known.values())
        return tuple(row for row, value in known.items() if value == best)


def target(column: str) -> str:
    """The language of a column: "en" of "en-e"."""
    return column.partition("-")[0]


def order_rows(calibrations: Iterable[str]) -> tuple[str, ...]:
    """The seven languages in the paper's order, pairs, larger sets."""
    return tuple(sorted(set(calibrations), key=_row_key))


def order_references(methods: Iterable[str]) -> tuple[str, ...]:
    """Methods that read no text: dense first."""
    return tuple(sorted(set(methods), key=lambda method: (method != "dense", method)))


def order_columns(columns: Iterable[str]) -> tuple[str, ...]:
    """The paper's order of languages; within English ARC the easy set first, as the paper prints it."""
    return tuple(sorted(set(columns), key=column_order))


def column_order(column: str) -> tuple[object, ...]:
    """Sort key of a column."""
    return (_rank(target(column)), not column.endswith("-e"), column)


def _row_key(row: str) -> tuple[object, ...]:
    parts = row.split("+")
    return (len(parts), tuple(_rank(part.partition("*")[0]) for part in parts), "*" in row, row)


def _rank(language: str) -> tuple[int, str]:
    return (LANGUAGES.index(language), "") if language in LANGUAGES else (len(LANGUAGES), language)
