"""The pane beside the map: the cell under the cursor, its other metrics, its column, the runs behind it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from app.explorer.bars import bar, shares
from app.explorer.lines import Line, wrapped
from app.explorer.numerals import deviation, number, quantity_name, short_name, unit_sign
from app.explorer.sheet import FAILED, MISSING, QUEUED, language_label
from store.matrix import Cell, target
from store.view import View

if TYPE_CHECKING:
    from store.cell import CellDetails, RunBehind

TALL = 26
"""Lines from which the pane has room for the column as bars."""


def pane(details: CellDetails, live: Cell | None, view: View, width: int, height: int) -> list[Line]:
    """As many sections as `height` has room for, the most telling first."""
    sections = [
        cell_section(details, live, view, width),
        neighbour_section(details, width),
        column_section(details, view, width) if height >= TALL else [],
        run_section(details, width),
    ]
    lines: list[Line] = []
    for section in filter(None, sections):
        gap: list[Line] = [()] if lines else []
        if len(lines) + len(gap) + min(len(section), 3) <= height:
            lines += [*gap, *section]
    return lines[:height]


def one_line(details: CellDetails, live: Cell | None, view: View) -> Line:
    """The cell in a line, for windows without room for a pane."""
    head: Line = ((f" {_name(details)}  ", "strong"), (value_text(details, live, view), "strong"))
    parts = [f"{label} {text.split('  ')[0]}" for label, text in comparisons(details, view, short=True)]
    return (*head, ("  " + "  ".join(parts), "muted"))


def cell_section(details: CellDetails, live: Cell | None, view: View, width: int) -> list[Line]:
    """The value, its rank, and what it compares with."""
    wide = width >= 36
    head = f" {language_label(details.row)} → {language_label(details.column_name)}"
    if wide:
        verb = "" if details.row == "dense" else "calibrated on "
        head = f" {verb}{language_label(details.row, 14)}, evaluated on {language_label(details.column_name)}"
    value = value_text(details, live, view)
    lines: list[Line] = [
        ((head, "accent"),),
        ((f"  {quantity_name(view.quantity, view.task)} ", ""), (value, "strong")),
    ]
    if not wide:
        lines[1] = ((f"  {value}", "strong"),)
    if live is not None and details.cell.value is None:
        lines += [(("  ", ""), *line) for line in wrapped(live.note, width - 3, "muted")]
    if wide and len(seeds := _seed_values(details, view)) > 1:
        lines.append(((f"  seeds      {' '.join(seeds)}", "muted"),))
    size = 11 if wide else 7
    lines += [((f"  {label:<{size}}", "muted"), (text, "")) for label, text in comparisons(details, view, not wide)]
    if details.cell.suspect:
        lines.append((("  ? hard to read in the paper" if wide else "  ? hard to read", "bad"),))
    return lines


def value_text(details: CellDetails, live: Cell | None, view: View) -> str:
    """The number with its spread and unit, or what keeps it from being there."""
    cell = details.cell
    if cell.value is None:
        status = (live or cell).status
        percent = f"▶ running, {live.fraction:.0%}" if live and status == "running" else "▶ running"
        return {"queued": f"{QUEUED} queued", "running": percent, "failed": f"{FAILED} failed"}.get(
            status, f"{MISSING} no number"
        )
    spread = deviation(cell.sd, view.quantity) if cell.n_seeds > 1 else ""
    unit = unit_sign(details.unit)
    seeds = f"(n={cell.n_seeds})" if cell.n_seeds > 1 else ""
    return " ".join(filter(None, (number(cell.value, view.quantity), spread, unit, seeds)))


def comparisons(details: CellDetails, view: View, short: bool) -> list[tuple[str, str]]:
    """(label, text): the rank in the column, and the differences to the dense model, the diagonal, the paper."""
    own = language_label(target(details.column_name))
    value, same = details.cell.value, f"{own}→{own}"
    found: list[tuple[str, str]] = []
    if details.rank is not None:
        best = "" if short or not details.best else f"   best {' '.join(map(language_label, details.best))}"
        found.append(("rank", f"{details.rank}/{details.of}" if short else f"{details.rank} of {details.of}{best}"))
    if value is None:
        return found
    if details.dense is not None and details.row != "dense":
        found.append(("dense" if short else "vs dense", _against(value, details.dense, view, short)))
    if details.diagonal is not None and details.row != target(details.column_name):
        found.append((same if short else f"vs {same}", _against(value, details.diagonal, view, short)))
    if details.paper is not None:
        text = _against(value, details.paper.value, view, short, details.paper.paper_table)
        found.append(("paper" if short else "vs paper", text))
    return found


def neighbour_section(details: CellDetails, width: int) -> list[Line]:
    """The other metrics at the same place."""
    if not details.neighbours:
        return []
    lines: list[Line] = [((" same cell, other metrics", "accent"),)] if width >= 36 else []
    for other in details.neighbours:
        name = short_name(other.quantity, other.task)
        value = number(other.value, other.quantity)
        unit = unit_sign(other.unit) if width >= 36 else ""
        spread = deviation(other.sd, other.quantity) if width >= 36 else ""
        lines.append(((f"  {name:<11}", "muted"), (f"{value:>6} {spread} {unit}".rstrip(), "")))
    return lines


def column_section(details: CellDetails, view: View, width: int) -> list[Line]:
    """The column of the cell, one bar a calibration."""
    values = [(row, value) for row, value in details.column if math.isfinite(value)]
    if len(values) < 2:
        return []
    label = max(len(language_label(row, 8)) for row, _ in values)
    room = max(4, width - label - 14)
    column = language_label(details.column_name)
    lines: list[Line] = [((f" column {column} by calibration" if width >= 36 else f" column {column}", "accent"),)]
    for (row, value), share in zip(values, shares([value for _, value in values]), strict=True):
        text = f"  {language_label(row, 8):<{label}} {number(value, view.quantity):>5} "
        mark = f" {'*' if row in details.best else ''}{'◀' if row == details.row else ''}"
        lines.append(((text, ""), (bar(share, room), "muted"), (mark, "strong")))
    return lines


def run_section(details: CellDetails, width: int) -> list[Line]:
    """The runs behind the number, or the paper's table."""
    tables = sorted({run.paper_table for run in details.runs if run.paper_table is not None})
    if tables:
        return [((f"  paper, table {', '.join(map(str, tables))}", "muted"),)]
    if not details.runs:
        return []
    if width < 36:
        return [((_run_line(run, width), "muted"),) for run in details.runs]
    return [((" runs behind this number", "accent"),), *(((_run_line(run, width), ""),) for run in details.runs)]


def _run_line(run: RunBehind, width: int) -> str:
    seed = "" if run.seed is None else f"seed {run.seed}" if width >= 36 else f"s{run.seed}"
    took = "" if run.wall_s is None else f"{run.wall_s // 60:.0f}m{run.wall_s % 60:02.0f}"
    commit = (run.git_commit or "")[:7] if width >= 36 else ""
    where = (run.host or "")[:12] if width >= 44 else ""
    return "  " + "  ".join(filter(None, (f"…{run.run_id[-8:]}", seed, took, where, commit)))


def _against(value: float, other: float, view: View, short: bool, table: int | None = None) -> str:
    difference = number(value - other, view.quantity, signed=True)
    if short:
        return difference
    where = f"table {table}: " if table else ""
    return f"{difference:<6}  ({where}{number(other, view.quantity)})"


def _seed_values(details: CellDetails, view: View) -> list[str]:
    return [number(run.value, view.quantity) for run in details.runs if run.value is not None]


def _name(details: CellDetails) -> str:
    return f"{language_label(details.row)} → {language_label(details.column_name)}"
