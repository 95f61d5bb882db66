"""How large the cells of a map can be in the room there is."""

from dataclasses import dataclass

from app.explorer.sheet import Sheet, language_label

MARKER_WIDTH = 2
"""Columns before a row's label: A or B, and a blank."""

TIGHT, ROOMY = 7, 9
"""Columns of a cell: at least, and where there is room."""


@dataclass(frozen=True)
class Geometry:
    """Sizes in terminal cells: of the label column, of one cell, and how much of the map is in view."""

    label_width: int
    cell_width: int
    cell_height: int
    n_rows: int
    n_columns: int

    @property
    def width(self) -> int:
        """Of the whole map."""
        return self.label_width + self.cell_width * self.n_columns

    @property
    def height(self) -> int:
        """Of the whole map, its header included."""
        return 1 + self.cell_height * self.n_rows


def fit(sheet: Sheet, width: int, height: int) -> Geometry:
    """The largest cells that show all of `sheet` in `width` x `height`; or the smallest, and a part of it."""
    n_rows, n_columns = max(1, len(sheet.rows)), max(1, len(sheet.columns))
    narrow = max(TIGHT, sheet.text_width + 2)
    label = _label_width(sheet.rows, width - narrow * n_columns)
    wide = max(ROOMY, narrow)
    cell_width = wide if label + wide * n_columns <= width else narrow
    tall = not sheet.flat and 1 + 3 * n_rows <= height and cell_width == wide
    cell_height = 3 if tall else 1
    return Geometry(
        label_width=label,
        cell_width=cell_width,
        cell_height=cell_height,
        n_rows=min(n_rows, max(1, (height - 1) // cell_height)),
        n_columns=min(n_columns, max(1, (width - label) // cell_width)),
    )


def _label_width(labels: tuple[str, ...], room: int) -> int:
    """Room for the longest label, or for the longest shortened one when that is too much."""
    for limit in (99, 8):
        longest = max((len(language_label(label, limit)) for label in labels), default=2)
        if MARKER_WIDTH + longest + 1 <= room:
            break
    return MARKER_WIDTH + longest + 1
