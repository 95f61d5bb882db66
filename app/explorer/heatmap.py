"""The heatmap: numbers on coloured cells with a cursor, drawn line by line, and only where something changed."""

from functools import lru_cache

from rich.segment import Segment
from rich.style import Style
from textual.events import Click
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from app.explorer.geometry import MARKER_WIDTH, Geometry
from app.explorer.palette import RGB, SHADES, VIRIDIS, Palette, ink, level
from app.explorer.sheet import EMPTY, Sheet, Tile, language_label


@lru_cache(4096)
def _tile_style(background: RGB | None, bold: bool, underline: bool, dim: bool) -> Style:
    look = Style(bold=bold or None, underline=underline or None, dim=dim or None)
    if background is None:
        return look
    red, green, blue = ink(background)
    paper = "#{:02x}{:02x}{:02x}".format(*background)
    return look + Style.parse(f"#{red:02x}{green:02x}{blue:02x} on {paper}")


class Heatmap(Widget, can_focus=True):
    """A sheet with a cursor. Its size is that of its content, given by a Geometry; what does not fit scrolls."""

    DEFAULT_CSS = "Heatmap { width: auto; height: auto; }"

    class CellChosen(Message):
        """The cursor came to stand on a cell."""

        def __init__(self, row: int, column: int) -> None:
            super().__init__()
            self.row = row
            self.column = column

    def __init__(self, id: str | None = None, shaded: bool = False) -> None:
        """shaded: tell levels by ░▒▓█ instead of by colour."""
        super().__init__(id=id)
        self.sheet: Sheet = EMPTY
        self.palette: Palette = VIRIDIS
        self.shaded = shaded
        self.row = self.column = 0
        self._room = Geometry(8, 7, 1, 0, 0)
        self._top = self._left = 0

    def show(self, sheet: Sheet, room: Geometry, palette: Palette) -> None:
        """Draw `sheet`: all of it where sizes, labels or colours changed, else the cells that differ. The cursor
        stays on its cell, whatever row that has become."""
        before, self.sheet = self.sheet, sheet
        same = (room, palette, sheet.rows, sheet.columns) == (self._room, self.palette, before.rows, before.columns)
        if same and (before.marked, before.transposed) == (sheet.marked, sheet.transposed):
            for row, (old, new) in enumerate(zip(before.tiles, sheet.tiles, strict=True)):
                for column, (one, other) in enumerate(zip(old, new, strict=True)):
                    if one != other and self._in_view(row, column):
                        self.refresh(self._cell_region(row, column))
            return
        resized = (room.width, room.height) != (self._room.width, self._room.height)
        self._room, self.palette = room, palette
        self.styles.width, self.styles.height = room.width, room.height
        down, right = sheet.find(before.place(self.row, self.column))
        self.row = max(0, min(self.row if down is None else down, len(sheet.rows) - 1))
        self.column = max(0, min(self.column if right is None else right, len(sheet.columns) - 1))
        self._scroll()
        self.refresh(layout=resized)

    def move_to(self, row: int, column: int) -> None:
        """Put the cursor on a cell, or on the nearest there is, and say so."""
        row = min(max(0, row), len(self.sheet.rows) - 1)
        column = min(max(0, column), len(self.sheet.columns) - 1)
        if (row, column) == (self.row, self.column) or row < 0 or column < 0:
            return
        old = self.row, self.column
        self.row, self.column = row, column
        if self._scroll():
            self.refresh()
        else:
            self.refresh(*self._cursor_regions(*old), *self._cursor_regions(row, column))
        self.post_message(self.CellChosen(row, column))

    @property
    def cursor(self) -> tuple[int, int]:
        """Row and column of the cursor."""
        return self.row, self.column

    @property
    def cell_size(self) -> tuple[int, int]:
        """Columns and lines of one cell."""
        return self._room.cell_width, self._room.cell_height

    def _scroll(self) -> bool:
        """Bring the cursor into view. Whether anything moved."""
        before = self._top, self._left
        self._top = _window(self.row, self._top, self._room.n_rows, len(self.sheet.rows))
        self._left = _window(self.column, self._left, self._room.n_columns, len(self.sheet.columns))
        return (self._top, self._left) != before

    def _in_view(self, row: int, column: int) -> bool:
        down, right = row - self._top, column - self._left
        return 0 <= down < self._room.n_rows and 0 <= right < self._room.n_columns

    def _cell_region(self, row: int, column: int) -> Region:
        width, height = self.cell_size
        x = self._room.label_width + (column - self._left) * width
        return Region(x, 1 + (row - self._top) * height, width, height)

    def _cursor_regions(self, row: int, column: int) -> list[Region]:
        """What a cursor on this cell changes: one line of the cell, the label of its row, the head of its column.
        Textual sends a line from the widget's left edge on, whatever part of it changed."""
        x, y, width, height = self._cell_region(row, column)
        line = y + (height - 1) // 2
        return [Region(0, line, x + width, 1), Region(x, 0, width, 1)]

    def on_click(self, event: Click) -> None:
        """The mouse moves the cursor."""
        width, height = self.cell_size
        row, column = (event.y - 1) // height, (event.x - self._room.label_width) // width
        if row >= 0 and column >= 0:
            self.move_to(self._top + row, self._left + column)

    def render_line(self, y: int) -> Strip:
        base = self.rich_style
        segments = self._header() if y == 0 else self._row_line(*divmod(y - 1, self._room.cell_height))
        strip = Strip([Segment(text, base + style) for text, style in segments])
        return strip.simplify().adjust_cell_length(self.size.width, base)

    def _header(self) -> list[tuple[str, Style]]:
        below = len(self.sheet.rows) - self._top - self._room.n_rows
        after = len(self.sheet.columns) - self._left - self._room.n_columns
        hidden = (("↑", self._top), ("↓", below), ("←", self._left), ("→", after))
        more = " ".join(f"{sign}{count}" for sign, count in hidden if count > 0)
        width = self._room.label_width
        segments = [(more[:width].ljust(width), Style(dim=True))]
        for column in range(self._left, min(self._left + self._room.n_columns, len(self.sheet.columns))):
            label = language_label(self.sheet.columns[column], self._room.cell_width - 2)
            text = _placed(label, "", self._room.cell_width)
            segments.append((text, Style(bold=column == self.column or None)))
        return segments

    def _row_line(self, index: int, line: int) -> list[tuple[str, Style]]:
        row = self._top + index
        if row >= len(self.sheet.rows):
            return [(" " * self.size.width, Style())]
        number_line = line == (self._room.cell_height - 1) // 2
        segments = [self._row_label(row) if number_line else (" " * self._room.label_width, Style())]
        for column in range(self._left, min(self._left + self._room.n_columns, len(self.sheet.columns))):
            tile = self.sheet.tiles[row][column]
            under = (row, column) == (self.row, self.column)
            segments += self._number_line(tile, under) if number_line else [self._blank_line(tile, line)]
        return segments

    def _row_label(self, row: int) -> tuple[str, Style]:
        name, width = self.sheet.rows[row], self._room.label_width
        label = language_label(name, width - MARKER_WIDTH - 1)
        marker = self.sheet.marked.get(name, "")
        return f"{marker:<{MARKER_WIDTH}}{label}"[: width - 1].ljust(width), Style(bold=row == self.row or None)

    def _number_line(self, tile: Tile, under: bool) -> list[tuple[str, Style]]:
        """The line with the number: cursor bars at the cell's edges, the number underlined on the diagonal."""
        text = _placed(tile.text, tile.mark, self._room.cell_width)
        if self.shaded and tile.shade is not None:
            blanks = len(text) - len(text.lstrip())
            text = self._glyph(tile) * blanks + text[blanks:]
        if under:
            text = f"▐{text[1:-1]}▌"
        style = _tile_style(self._paper(tile), tile.best, False, tile.muted)
        if not tile.diagonal:
            return [(text, style)]
        start = text.index(tile.text)
        end = start + len(tile.text)
        underlined = _tile_style(self._paper(tile), tile.best, True, tile.muted)
        return [(text[:start], style), (text[start:end], underlined), (text[end:], style)]

    def _blank_line(self, tile: Tile, line: int) -> tuple[str, Style]:
        """The lines above and below the number: nothing, or the deviation."""
        width, last = self._room.cell_width, line == self._room.cell_height - 1
        text = _placed(tile.below, "", width) if last and tile.below else " " * width
        if self.shaded and tile.shade is not None and not text.strip():
            text = self._glyph(tile) * (width - 1) + " "
        return text, _tile_style(self._paper(tile), False, False, False)

    def _paper(self, tile: Tile) -> RGB | None:
        if tile.shade is None or self.shaded:
            return None
        return self.palette.colour(level(tile.shade, len(self.palette)))

    def _glyph(self, tile: Tile) -> str:
        return SHADES[level(tile.shade or 0.0, len(SHADES))]


def _placed(text: str, mark: str, width: int) -> str:
    """`text` where numbers stand in a cell: right-aligned, with room for a mark and the cursor behind it."""
    behind = 1 + (width - 7) // 2
    if len(text) >= width - 1 - behind and not mark:
        return text.rjust(width - 1).ljust(width)
    return (text + (mark or " ")).rjust(width - behind).ljust(width)


def _window(position: int, start: int, size: int, total: int) -> int:
    """The first visible index, moved as little as possible so that `position` is in view."""
    start = min(max(start, position - size + 1), position)
    return max(0, min(start, total - size))
