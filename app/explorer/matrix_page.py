"""Filling the parts of the matrix page."""

from __future__ import annotations

from app.explorer import below, chrome, inspector
from app.explorer.answers import CellRead
from app.explorer.bindings import MATRIX_KEYS, footer
from app.explorer.live import cells
from app.explorer.panes import Panes
from app.explorer.shown import Shown


def fill(panes: Panes, shown: Shown, known: CellRead | None, notice: str) -> None:
    """Draw `shown` and what is known of the cell under the cursor. While a cell is being looked up the pane keeps
    what it shows, so that it does not flicker."""
    sheet = shown.sheet()
    frame = panes.lay_out(sheet, shown.palette, notice)
    if frame is None:
        return
    width = panes.app.size.width
    other = "measured" if shown.view.source == "paper" else "paper"
    panes.write("title", [chrome.title(shown, width)])
    panes.write("axes", [chrome.axes(shown, frame.left)])
    panes.write("keys", [footer(MATRIX_KEYS, width, {"source": other})])
    place = panes.place
    current = known is not None and known.view == shown.matrix.view and known.place == place
    details = known.details if known and current else None
    panes.write("below", below.lines(shown, sheet, details, frame, panes.map.shaded))
    if details is None:
        if place is None:
            panes.write("inspector", [])
            panes.write("one-line", [])
        return
    live = cells(shown.drawn, shown.runs).get((details.row, details.column_name))
    if frame.pane:
        panes.write("inspector", inspector.pane(details, live, shown.view, frame.pane, frame.body))
    else:
        panes.write("one-line", [inspector.one_line(details, live, shown.view)])
