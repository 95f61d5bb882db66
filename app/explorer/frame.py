"""Where things are on the matrix screen, for a terminal of any size."""

from dataclasses import dataclass

from app.explorer.geometry import ROOMY, Geometry, fit
from app.explorer.lines import Line
from app.explorer.sheet import Sheet

MIN_WIDTH, MIN_HEIGHT = 60, 16
NARROW, WIDE = 80, 110
"""Below NARROW columns the inspector is one line under the map; from WIDE on there is room for words."""

SHORT = 14
"""With fewer lines between the rules the map and its legend stand close together."""
LEAST_LEFT = 55
"""Columns of the map's side however small the map."""


@dataclass(frozen=True)
class Frame:
    """left: columns of the map's side; pane: of the inspector, 0 where it is one line under the map; body: lines
    between the two rules."""

    map: Geometry
    left: int
    pane: int
    body: int

    @property
    def below(self) -> int:
        """Lines under the map."""
        return max(0, self.body - 1 - self.map.height)


def arrange(sheet: Sheet, width: int, height: int) -> Frame:
    """Give the map what it can use and the inspector the rest, at most 60 columns; no pane where it would hide
    columns of the map."""
    body = height - 4 - (width < NARROW)
    room = body - (3 if body >= SHORT else 2)
    if width < NARROW:
        return Frame(fit(sheet, width, room), width, 0, body)
    leasts = (46, 36, 22) if width >= WIDE else (22,)
    fits = [(fit(sheet, width - 1 - least, room), least) for least in leasts]
    whole = [(geometry, least) for geometry, least in fits if geometry.n_columns >= len(sheet.columns)]
    if not whole:
        return Frame(fit(sheet, width, room - 1), width, 0, body - 1)
    geometry, least = next((one for one in whole if one[0].cell_width >= ROOMY and one[1] >= 36), whole[0])
    pane = min(60, max(least, width - 2 - max(geometry.width, LEAST_LEFT)))
    return Frame(geometry, width - 1 - pane, pane, body)


def too_small(width: int, height: int) -> list[Line]:
    """What to say instead of a screen; nothing where there is room for one."""
    if width >= MIN_WIDTH and height >= MIN_HEIGHT:
        return []
    return [
        ((f"This terminal is {width} x {height};", ""),),
        ((f"the explorer needs {MIN_WIDTH} x {MIN_HEIGHT}.", ""),),
        (("Make the window larger, or q to quit.", "muted"),),
    ]


def rule(width: int, junction: int, sign: str, notice: str = "") -> Line:
    """A horizontal line with `sign` where it meets the divider; a notice is written into its beginning."""
    text = "─" * width
    if 0 < junction < width:
        text = text[:junction] + sign + text[junction + 1 :]
    if not notice:
        return ((text, "muted"),)
    notice = notice[: width - 6]
    return (("── ", "muted"), (notice, "accent"), (" ", ""), (text[len(notice) + 4 :], "muted"))
