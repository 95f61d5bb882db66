"""What stands under the map: its legend, what to do where nothing is measured, and the column as bars."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.explorer import inspector
from app.explorer.bars import bar, shares
from app.explorer.chrome import legend
from app.explorer.frame import SHORT, Frame
from app.explorer.lines import Line, line_width, wrapped
from app.explorer.live import counts
from app.explorer.numerals import number, short_name
from app.explorer.sheet import MISSING, Sheet, language_label
from app.explorer.shown import Shown
from store.matrix import target

if TYPE_CHECKING:
    from store.cell import CellDetails


def lines(shown: Shown, sheet: Sheet, details: CellDetails | None, frame: Frame, shaded: bool) -> list[Line]:
    """As much as there is room for. Bars only where the pane beside the map has none."""
    width, height = frame.left, frame.below
    gap: list[Line] = [()] if frame.body >= SHORT else []
    found: list[Line] = [*gap, *advice(shown, width)]
    if sheet.rows:
        found += [*legend(shown, sheet, width, shaded), *own_language(shown)]
    if details is not None and height - len(found) >= 6 and frame.body < inspector.TALL:
        found += [(), *column_bars(details, shown, width, height - len(found) - 1)]
    if width >= 66 and height - len(found) >= len(shown.winners) + 3:
        found += [(), *winners(shown, width)]
    return found[:height]


def own_language(shown: Shown) -> list[Line]:
    """How often calibrating in the evaluation's own language is best."""
    wins, columns = shown.matrix.target_best()
    if not columns:
        return []
    return [((f" own language is best in {wins} of {columns}", "strong"), (" (ties count)", "muted"))]


def winners(shown: Shown, width: int) -> list[Line]:
    """The best calibrations in every metric of the slice, by evaluation language."""
    languages = list(dict.fromkeys(target(column) for one in shown.winners for column in one.best))
    size = min(8, (width - 14) // max(1, len(languages)))
    if not languages or size < 6:
        return []
    heads = "".join(f"{language_label(language):<{size}}" for language in languages)
    found: list[Line] = [((f" {'best calib.':<13}", "muted"), (heads, "strong"))]
    for one in shown.winners:
        line: Line = ((f"  {short_name(one.quantity, one.task):<12}", ""),)
        for language in languages:
            best = dict.fromkeys(
                row for column, rows in one.best.items() if target(column) == language for row in rows
            )
            look = "good" if language in best else "muted"
            line += ((f"{_several(list(best)):<{size}}", look),)
        found.append(line)
    return found


def _several(rows: list[str]) -> str:
    """The first of the best in at most six signs; "…" says that it is not alone."""
    if not rows:
        return MISSING
    parts = rows[0].split("+")
    first = language_label(rows[0]) if len(parts) < 3 else f"mix {len(parts)}"
    return first + ("…" if len(rows) > 1 else "")


def advice(shown: Shown, width: int) -> list[Line]:
    """What a newcomer wants to know where nothing has been measured yet."""
    if shown.cached_at is not None or shown.measured:
        return []
    coming = counts(shown.runs)
    if coming["running"] or coming["queued"]:
        running, queued = coming["running"], coming["queued"]
        text = f"The first numbers are on their way: {running} running, {queued} queued (4 shows them)."
        return [((" ", ""), *line) for line in wrapped(text, width - 2, "accent")] + [()]
    told = "Nothing measured here yet"
    if shown.view.source == "paper":
        text = f"{told}: these are the paper's published numbers. Press r to measure a small model: the demo."
    else:
        text = f"{told}. Press r to measure a small model (the demo), m for the paper's numbers."
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
            mark = f" {'*' if row in details.best else ''}{'◀' if row == details.row else ''}"
            line += ((text, ""), (bar(bars[row], width // 2 - len(text) - 3), "muted"), (mark, "strong"))
            line += ((" " * max(0, width // 2 - line_width(line)), ""),)
        found.append(line)
    return found
