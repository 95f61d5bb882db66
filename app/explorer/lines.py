"""A widget that shows lines of styled text, and sends only those that changed."""

import textwrap
from collections.abc import Iterable

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

Span = tuple[str, str | Style]
"""(text, look): a style, or the name of a component class of `Lines` without its prefix, "" for plain text."""
Line = tuple[Span, ...]


class Lines(Widget):
    """Lines of spans. What is longer than the widget is cut with "…"."""

    LOOKS = ("muted", "strong", "accent", "good", "bad", "key")
    COMPONENT_CLASSES = {f"lines--{look}" for look in LOOKS}  # noqa: RUF012  a ClassVar of Widget
    DEFAULT_CSS = """
    Lines { height: 1; }
    Lines > .lines--muted { color: $text-muted; }
    Lines > .lines--strong { text-style: bold; }
    Lines > .lines--accent { color: $accent; }
    Lines > .lines--good { color: $success; }
    Lines > .lines--bad { color: $error; }
    Lines > .lines--key { color: $accent; text-style: bold; }
    """

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self.lines: tuple[Line, ...] = ()

    def show(self, lines: Iterable[Line]) -> None:
        """Replace the content."""
        before, self.lines = self.lines, tuple(lines)
        for y in range(max(len(before), len(self.lines))):
            old = before[y] if y < len(before) else ()
            new = self.lines[y] if y < len(self.lines) else ()
            if old != new and y < self.size.height:
                end = max(line_width(old), line_width(new))
                self.refresh(Region(0, y, min(end, self.size.width), 1))

    def render_line(self, y: int) -> Strip:
        base = self.rich_style
        line = cut(self.lines[y], self.size.width) if y < len(self.lines) else ()
        strip = Strip([Segment(text, base + self._style(look)) for text, look in line])
        return strip.adjust_cell_length(self.size.width, base)

    def _style(self, look: str | Style) -> Style:
        if isinstance(look, Style):
            return look
        return self.get_component_rich_style(f"lines--{look}", partial=True) if look else Style()


def line_width(line: Line) -> int:
    """Terminal columns that a line takes."""
    return sum(cell_len(text) for text, _ in line)


def cut(line: Line, width: int) -> Line:
    """The line, ending in "…" where it does not fit."""
    if line_width(line) <= width:
        return line
    room = max(0, width - 1)
    spans: list[Span] = []
    for text, look in line:
        spans.append((set_cell_size(text, min(room, cell_len(text))), look))
        room -= cell_len(spans[-1][0])
    return (*spans, ("…" if width > 0 else "", "muted"))


def spread(left: Line, right: Line, width: int) -> Line:
    """`left` and `right` at the two ends of a line; `left` is cut first."""
    left = cut(left, max(0, width - line_width(right) - 1))
    gap = width - line_width(left) - line_width(right)
    return (*left, (" " * gap, ""), *right) if gap > 0 else left


def wrapped(text: str, width: int, look: str = "") -> list[Line]:
    """`text` broken into lines of at most `width`, between words where it can be."""
    return [((line, look),) for line in textwrap.wrap(text, max(1, width), break_on_hyphens=False)]


def folded(line: Line, width: int) -> list[Line]:
    """A line of one look, broken between words where it is longer than `width`; what follows is indented."""
    if line_width(line) <= width or len(line) != 1:
        return [line]
    text, look = line[0]
    indent = " " * (len(text) - len(text.lstrip()) + 4)
    return [((part, look),) for part in textwrap.wrap(text, width, subsequent_indent=indent)]
