"""The matrix screen's picture: title, map, legend, inspector, keys, arranged for the terminal's size."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.events import Resize
from textual.widget import Widget

from app.explorer import below, chrome, inspector
from app.explorer.bindings import MATRIX_KEYS, footer
from app.explorer.frame import Frame, arrange, rule, too_small
from app.explorer.heatmap import Heatmap
from app.explorer.lines import Line, Lines
from app.explorer.live import cells
from app.explorer.sheet import Sheet
from app.explorer.shown import Shown
from store.matrix import Place

if TYPE_CHECKING:
    from store.cell import CellDetails


class Board(Widget):
    """Draws what it is given; what is on screen already is not sent again."""

    def __init__(self, shaded: bool) -> None:
        super().__init__()
        self.shown = Shown()
        self.details: CellDetails | None = None
        self.notice = ""
        self.map = Heatmap(id="map", shaded=shaded)

    def compose(self) -> ComposeResult:
        yield Lines(id="small")
        yield Lines(id="title")
        yield Lines(id="rule-top")
        with Horizontal(id="body"):
            with Vertical(id="left"):
                yield Lines(id="axes")
                yield self.map
                yield Lines(id="below")
            yield Lines(id="divider")
            yield Lines(id="inspector")
        yield Lines(id="one-line")
        yield Lines(id="rule-bottom")
        yield Lines(id="keys")

    @property
    def place(self) -> Place | None:
        """(calibration, evaluation language) under the cursor."""
        return self.map.sheet.place(self.map.row, self.map.column)

    def on_resize(self, _: Resize) -> None:
        self.draw()

    def show(self, shown: Shown, details: CellDetails | None, notice: str) -> None:
        """Draw these. notice: written into the rule above the keys."""
        self.shown, self.details, self.notice = shown, details, notice
        self.draw()

    def draw(self) -> None:
        """Show what there is in the room there is."""
        width, height = self.app.size
        small = too_small(width, height)
        self.set_class(bool(small), "-small")
        self._lines("small", small)
        if small:
            return
        sheet = self.shown.sheet()
        frame = arrange(sheet, width, height)
        self._place_widgets(frame)
        self.map.show(sheet, frame.map, self.shown.palette)
        self._draw_frame(frame, width)
        self._draw_cell(sheet, frame)

    def _place_widgets(self, frame: Frame) -> None:
        self.set_class(frame.pane == 0, "-narrow")
        self.query_one("#left").styles.width = frame.left
        self.query_one("#inspector").styles.width = frame.pane
        self.query_one("#body").styles.height = frame.body
        self.query_one("#below").styles.height = max(0, frame.body - 1 - frame.map.height)

    def _draw_frame(self, frame: Frame, width: int) -> None:
        junction = frame.left if frame.pane else 0
        self._lines("title", [chrome.title(self.shown, width)])
        self._lines("rule-top", [rule(width, junction, "┬")])
        self._lines("axes", [chrome.axes(self.shown, frame.left)])
        self._lines("divider", [(("│", "muted"),)] * frame.body)
        self._lines("rule-bottom", [rule(width, junction, "┴", self.notice)])
        self._lines("keys", [footer(MATRIX_KEYS, width, self._labels())])

    def _draw_cell(self, sheet: Sheet, frame: Frame) -> None:
        details, shown = self.details, self.shown
        live = None if details is None else cells(shown.matrix, shown.runs).get((details.row, details.column_name))
        room = frame.body - 1 - frame.map.height
        self._lines("below", below.lines(shown, sheet, details, frame.left, room, self.map.shaded))
        if details is None:
            return
        if frame.pane:
            self._lines("inspector", inspector.pane(details, live, shown.view, frame.pane, frame.body))
        else:
            self._lines("one-line", [inspector.one_line(details, live, shown.view)])

    def _labels(self) -> Mapping[str, str]:
        """What keys do just now."""
        return {"source": "measured" if self.shown.view.source == "paper" else "paper"}

    def _lines(self, name: str, lines: list[Line]) -> None:
        self.query_one(f"#{name}", Lines).show(lines)
