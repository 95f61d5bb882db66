"""What stands under the map: its legend, what to do where nothing is measured, and the column as bars."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.explorer.bars import bar, shares
from app.explorer.chrome import legend
from app.explorer.frame import Frame
from app.explorer.lines import Line, line_width, wrapped
from app.explorer.numerals import number
from app.explorer.sheet import Sheet, language_label
from app.explorer.shown import Shown

if TYPE_CHECKING:
    from store.cell import CellDetails

DEMO = "calib-explorer run demo"


def lines(shown: Shown, sheet: Sheet, details: CellDetails | None, frame: Frame, shaded: bool) -> list[Line]:
    """As much as there is room for. Bars only where the pane beside the map has none."""
    width, height = frame.left, frame.below
    found: list[Line] = [(), *advice(shown, width)]
    if sheet.rows:
        found += legend(shown, sheet, width, shaded)
    if details is not None and height - len(found) >= 6 and width < 66:
        found += [(), *column_bars(details, shown, width, height - len(found) - 1)]
    return found[:height]


def advice(shown: Shown, width: int) -> list[Line]:
    """What a newcomer wants to know where nothing has been measured yet."""
    if shown.cached_at is not None or shown.measured:
        return []
    if shown.view.source == "paper":
        text = f"Nothing measured here yet: these are the paper's published numbers. Measure a small model: {DEMO}"
    else:
        text = f"Nothing measured here yet. Measure a small model with: {DEMO}   or press m for the paper's numbers."
    return [((" ", ""), *line) for line in wrapped(text, width - 2, "accent")] + [()]


def column_bars(details: CellDetails, shown: Shown, width: int, height: int) -> list[Line]:
    """The cell's column, one bar a calibration, in two columns of bars."""
    values = [(row, value) for row, value in details.column if abs(value) != float("inf")]
    if len(values) < 2:
        return []
    half = (len(values) + 1) // 2
    if half + 1 > height:
        return []
    bars = dict(zip([row for row, _ in values], shares([value for _, value in values]), strict=True))
    column = language_label(details.column_name)
    found: list[Line] = [((f" column {column} by calibration", "muted"),)]
    for n in range(half):
        line: Line = ()
        for row, value in values[n::half]:
            text = f"  {language_label(row, 8):<5} {number(value, shown.view.quantity):>5} "
            mark = " ◀" if row == details.row else " *" if row in details.best else ""
            line += ((text, ""), (bar(bars[row], width // 2 - len(text) - 3), "muted"), (mark, "strong"))
            line += ((" " * max(0, width // 2 - line_width(line)), ""),)
        found.append(line)
    return found
