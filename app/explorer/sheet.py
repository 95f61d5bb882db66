"""A matrix as it is drawn: every cell's text, marks and shade decided, nothing about terminals."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from app.explorer.numerals import deviation, number
from store.matrix import Cell, Matrix, Place, target

MISSING = "·"
QUEUED = "◌"
FAILED = "✗"
BEST = "*"
DOUBTFUL = "?"

_LANGUAGES = re.compile(r"[a-z]{2,3}(-[ec])?(\*\d+)?(\+[a-z]{2,3}(\*\d+)?)*")


@dataclass(frozen=True)
class Tile:
    """One cell as drawn.

    text: the number, or a sign for a cell without one; below: the deviation under it, where there is room.
    mark: one sign behind the number: "*" the best of its column, "?" a doubtful one, "¹" fewer seeds than elsewhere.
    shade: 0 (worst) .. 1 (best), None for a cell without colour.
    """

    text: str = MISSING
    below: str = ""
    mark: str = ""
    shade: float | None = None
    best: bool = False
    diagonal: bool = False
    muted: bool = False


@dataclass(frozen=True)
class Sheet:
    """Tiles and the names of their rows and columns.

    marked: A and B by the name of their calibration. flat: cells are one line high, however much room there is.
    """

    rows: tuple[str, ...]
    columns: tuple[str, ...]
    tiles: tuple[tuple[Tile, ...], ...]
    marked: dict[str, str] = field(default_factory=dict)
    transposed: bool = False
    flat: bool = False

    @property
    def text_width(self) -> int:
        """Terminal columns of the longest number and its mark."""
        return max((len(tile.text) + bool(tile.mark) for row in self.tiles for tile in row), default=1)

    def place(self, row: int, column: int) -> Place | None:
        """The matrix's (calibration, evaluation language) at a position of the sheet."""
        if not (0 <= row < len(self.rows) and 0 <= column < len(self.columns)):
            return None
        names = self.rows[row], self.columns[column]
        return (names[1], names[0]) if self.transposed else names

    def find(self, place: Place | None) -> tuple[int | None, int | None]:
        """(row, column) of a cell of the matrix, None for what the sheet lacks; "en-e" stands in for "en"."""
        calibration, column = place or ("", "")
        names = (column, calibration) if self.transposed else (calibration, column)
        return _position(names[0], self.rows), _position(names[1], self.columns)


EMPTY = Sheet((), (), ())


def draw(
    matrix: Matrix,
    live: Mapping[Place, Cell],
    marked: Mapping[str, str],
    transposed: bool = False,
    cached: bool = False,
) -> Sheet:
    """Decide how `matrix` looks. live: cells of runs under way. cached: numbers of an earlier session, uncoloured."""
    tiles = {
        (row, column): _tile(matrix, row, column, live.get((row, column)), cached)
        for row in matrix.rows
        for column in matrix.columns
    }
    rows, columns = (matrix.columns, matrix.rows) if transposed else (matrix.rows, matrix.columns)
    lines = tuple(tuple(tiles[(column, row) if transposed else (row, column)] for column in columns) for row in rows)
    return Sheet(rows, columns, lines, dict(marked), transposed)


def language_label(name: str, width: int = 99) -> str:
    """Languages in capitals, "DE+EN", "AR…ZH·7" where the list does not fit; other names as they are."""
    if not _LANGUAGES.fullmatch(name):
        return name
    label = name.upper()
    parts = label.split("+")
    return label if len(label) <= width or len(parts) < 3 else f"{parts[0]}…{parts[-1]}·{len(parts)}"


def _position(name: str, names: tuple[str, ...]) -> int | None:
    if name in names:
        return names.index(name)
    return next((n for n, other in enumerate(names) if target(other) == target(name) and name), None)


def _tile(matrix: Matrix, row: str, column: str, live: Cell | None, cached: bool) -> Tile:
    cell = matrix[row, column]
    diagonal = row == target(column)
    if cell.value is None:
        return Tile(_sign(live or cell), diagonal=diagonal)
    value = matrix.delta(row, column)
    if value is None:
        return Tile("–", diagonal=diagonal)
    relative = matrix.view.baseline != "none"
    best = row in matrix.best(column)
    plain = cached or row in matrix.references or matrix.view.normalise == "none"
    return Tile(
        text=number(value, matrix.view.quantity, signed=relative),
        below=deviation(cell.sd, matrix.view.quantity) if cell.n_seeds > 1 else "",
        mark=DOUBTFUL if cell.suspect else BEST if best else _few_seeds(matrix, row, cell),
        shade=None if plain else matrix.shade(row, column),
        best=best,
        diagonal=diagonal,
        muted=cached,
    )


def _few_seeds(matrix: Matrix, row: str, cell: Cell) -> str:
    if row in matrix.references or matrix.view.source == "paper":
        return ""
    most = max(matrix[r, c].n_seeds for r in matrix.calibrated() for c in matrix.columns)
    return "⁰¹²³⁴⁵⁶⁷⁸⁹"[cell.n_seeds] if cell.n_seeds < min(most, 10) else ""


def _sign(cell: Cell) -> str:
    if cell.status == "running":
        return f"▶{cell.fraction:4.0%}"
    return {"queued": QUEUED, "failed": FAILED}.get(cell.status, MISSING)
