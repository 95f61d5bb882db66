"""A page with a map: title, map and what stands under it, a pane beside it, keys; arranged for any terminal."""

from collections.abc import Iterable

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widget import Widget

from app.explorer.frame import Frame, arrange, rule, too_small
from app.explorer.heatmap import Heatmap
from app.explorer.lines import Line, Lines
from app.explorer.palette import Palette
from app.explorer.sheet import Sheet
from store.matrix import Place


class Panes(Widget):
    """Arranges its parts and writes into them; what is on screen already is not sent again."""

    def __init__(self, shaded: bool) -> None:
        super().__init__()
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

    def lay_out(self, sheet: Sheet, palette: Palette, notice: str) -> Frame | None:
        """Draw the map and the rules; `notice` stands in the lower one. The room that is left for the other parts,
        None where the terminal is too small for any."""
        width, height = self.app.size
        small = too_small(width, height)
        self.set_class(bool(small), "-small")
        self.write("small", small)
        if small:
            return None
        frame = arrange(sheet, width, height)
        self.set_class(frame.pane == 0, "-narrow")
        self.query_one("#left").styles.width = frame.left
        self.query_one("#inspector").styles.width = frame.pane
        self.query_one("#body").styles.height = frame.body
        self.query_one("#below").styles.height = frame.below
        self.map.show(sheet, frame.map, palette)
        self.notice = notice
        junction = frame.left if frame.pane else 0
        self.write("rule-top", [rule(width, junction, "┬")])
        self.write("divider", [(("│", "muted"),)] * frame.body)
        self.write("rule-bottom", [rule(width, junction, "┴", notice)])
        return frame

    def write(self, part: str, lines: Iterable[Line]) -> None:
        """Fill a part: title, axes, below, inspector, one-line, keys."""
        self.query_one(f"#{part}", Lines).show(lines)
