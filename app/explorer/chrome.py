"""The lines around the map: title, axes, legend."""

import time

from rich.style import Style

from app.explorer.lines import Line, Span, line_width, spread
from app.explorer.live import counts
from app.explorer.palette import SHADES
from app.explorer.sheet import Sheet
from app.explorer.shown import Shown, arrow, baseline_name, metric_name, model_name, scale_name, slice_name

TABS = ("1 Matrix", "2 Compare", "4 Runs")


def title(shown: Shown, width: int) -> Line:
    """Where we are on the left, what is shown and how it stands on the right."""
    view = shown.view
    origin = {"paper": "published in the paper", "run": "measured here"}[view.source]
    name = model_name(view, 22 if width < 110 else 40)
    where = [name, slice_name(view), origin if width >= 110 else origin.split()[0]]
    if width >= 110:
        return spread(tabs("1 Matrix"), _right(where, shown), width)
    left = f" {metric_name(view)} {arrow(shown.matrix.better)}"
    if len(left) + line_width(_right(where, shown)) >= width:
        where = where[1:]
    if width >= 80 and len(left) + line_width(_right(where, shown)) + 8 <= width:
        left = f" calib ▸{left}"
    return spread(((left, "strong"),), _right(where, shown), width)


def _right(where: list[str], shown: Shown) -> Line:
    return ((" · ".join(filter(None, where)), ""), *status(shown), (" ", ""))


def tabs(active: str) -> Line:
    """The screens and their keys; `active` is where we are."""
    line: Line = ((" calib ▸ ", "accent"),)
    for tab in TABS:
        line += ((tab, "strong" if tab == active else "muted"), ("  ", ""))
    return line


def status(shown: Shown) -> Line:
    """Runs under way, who holds the store, how old the numbers are."""
    numbers = counts(shown.runs)
    spans: list[Span] = []
    for sign, name, look in (("▶", "running", "good"), ("◌", "queued", ""), ("✗", "failed", "bad")):
        if numbers[name]:
            spans.append((f"  {sign}{numbers[name]}", look))
    if shown.held_by:
        spans.append((f"  store held by {shown.held_by}", "accent"))
    if shown.cached_at is not None:
        spans.append((f"  as of {ago(time.time() - shown.cached_at)}", "accent"))
    return tuple(spans)


def ago(seconds: float) -> str:
    """ "3 h ago"."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit} ago"
    return f"{max(0, seconds):.0f} s ago"


def axes(shown: Shown, width: int) -> Line:
    """What the rows and the columns are, and in wide windows what the numbers and their colours are."""
    view = shown.view
    rows, columns = ("evaluated on", "calibrated on") if shown.transposed else ("calibrated on", "evaluated on")
    if view.quantity == "iou":
        rows, columns = rows.replace("evaluated on", "linear"), columns.replace("evaluated on", "linear")
    base = baseline_name(view)
    line: Line = ((f" ↓ {rows}  → {columns}", "muted"),)
    if base:
        line += ((f"  Δ to {base}", "accent"),)
    if width < 66:
        return line
    better = f"{shown.matrix.better} is better" if shown.matrix.better else ""
    head: Line = ((f" {metric_name(view)} {arrow(shown.matrix.better)} ", "strong"), (f"{better}  ", ""))
    return head + line


def legend(shown: Shown, sheet: Sheet, width: int, shaded: bool) -> list[Line]:
    """The ramp from worse to better, and those of the signs that occur."""
    line: Line = ((" worse ▏", "muted"), *_ramp(shown, shaded), ("▕ better", "muted"))
    coloured = any(tile.shade is not None for row in sheet.tiles for tile in row)
    lines = [line if coloured else ()]
    for sign in _signs(sheet):
        if line_width(lines[-1]) + line_width(sign) + 2 <= width:
            lines[-1] += (("  ", ""), *sign)
        else:
            lines.append(((" ", ""), *sign))
    if width >= 66 and coloured:
        note = f"   {scale_name(shown.view, shown.transposed)}"
        if line_width(lines[-1]) + len(note) <= width:
            lines[-1] += ((note, "muted"),)
    return lines


def _ramp(shown: Shown, shaded: bool) -> list[Span]:
    if shaded:
        return [(SHADES, "")]
    colours = [shown.palette.colour(n) for n in range(len(shown.palette))]
    return [(" ", Style.parse("on #{:02x}{:02x}{:02x}".format(*colour))) for colour in colours]


def _signs(sheet: Sheet) -> list[Line]:
    tiles = [tile for row in sheet.tiles for tile in row]
    texts = {tile.text for tile in tiles}
    marks = {tile.mark for tile in tiles}
    few = "".join(sorted(marks & set("⁰¹²³⁴⁵⁶⁷⁸⁹")))
    line = "row" if sheet.transposed else "column"
    known: list[tuple[bool, Line]] = [
        ("*" in marks, ((f"* best of {line}", "muted"),)),
        (any(tile.diagonal for tile in tiles), (("own", Style(underline=True)), (" language", "muted"))),
        ("?" in marks, (("? doubtful", "muted"),)),
        (bool(few), ((f"{few} fewer seeds", "muted"),)),
        (any(tile.below for tile in tiles), (("± sd over seeds", "muted"),)),
        ("·" in texts, (("· no number", "muted"),)),
        ("◌" in texts, (("◌ queued", "muted"),)),
        (any(text.startswith("▶") for text in texts), (("▶ running", "muted"),)),
        ("✗" in texts, (("✗ failed or stopped", "muted"),)),
    ]
    return [sign for occurs, sign in known if occurs]
