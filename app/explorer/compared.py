"""A comparison as a map: metrics x evaluation languages, and the words about it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from app.explorer.lines import Line
from app.explorer.numerals import deviation, number, short_name
from app.explorer.sheet import Sheet, Tile, language_label

if TYPE_CHECKING:
    from store.compare import Difference

SIGNS = {"A": "▲", "B": "▼", "~": "≈"}
"""A clearly better, B clearly better, within two standard deviations."""
OPEN = {True: "△", False: "▽"}
"""One seed: the sign of the difference is known, not whether it means anything."""


def sheet(differences: Sequence[Difference], only_clear: bool) -> Sheet:
    """One row a metric, one column a language. A row's shades are relative to its largest difference."""
    rows = tuple(dict.fromkeys(_row(d) for d in differences))
    columns = _columns(differences)
    largest = {row: max(abs(d.delta) for d in differences if _row(d) == row) for row in rows}
    tiles = {(_row(d), d.language): _tile(d, largest[_row(d)], only_clear) for d in differences}
    lines = tuple(tuple(tiles.get((row, column), Tile()) for column in columns) for row in rows)
    return Sheet(rows, columns, lines, flat=True)


def at(differences: Sequence[Difference], row: str, column: str) -> Difference | None:
    """The difference at a place of the sheet."""
    return next((d for d in differences if (_row(d), d.language) == (row, column)), None)


def sign(difference: Difference) -> str:
    """The verdict as one sign."""
    return SIGNS.get(difference.verdict, OPEN[difference.delta > 0] if difference.delta else "=")


def cell_lines(d: Difference, a: str, b: str) -> list[Line]:
    """One difference in words."""
    spread = f" ± {deviation(d.sd, d.quantity).removeprefix('±')}" if d.sd is not None else ""
    verdict = {
        "A": "A is clearly better",
        "B": "B is clearly better",
        "~": "no clear difference (2 sd)",
    }.get(d.verdict, "ahead; no spread known")
    head = f" {short_name(d.quantity, d.task)} on {language_label(d.language)}"
    if d.verdict == "?":
        verdict = f"{'A' if d.delta > 0 else 'B' if d.delta < 0 else 'neither'} {verdict}"
    return [
        ((head, "accent"),),
        ((f"  A {language_label(a, 12):<13}", "muted"), (number(d.a, d.quantity), "")),
        ((f"  B {language_label(b, 12):<13}", "muted"), (number(d.b, d.quantity), "")),
        (("  difference     ", "muted"), (f"{number(d.delta, d.quantity, signed=True)}{spread}", "strong")),
        ((f"  {sign(d)} {verdict}", ""),),
    ]


def summary(differences: Sequence[Difference], counted: dict[str, int], quantity: str) -> list[Line]:
    """How often each is better, and where most in the metric `quantity`."""
    lines: list[Line] = [((" summary", "accent"),)]
    words = (("A", "A clearly better"), ("B", "B clearly better"), ("~", "within 2 sd"))
    lines += [((f"  {counted[key]:>3} ", "strong"), (text, "")) for key, text in words if counted.get(key)]
    if unsure := [d for d in differences if d.verdict == "?"]:
        ahead, behind = sum(d.delta > 0 for d in unsure), sum(d.delta < 0 for d in unsure)
        lines.append(((f"  {ahead:>3} ", "strong"), ("A ahead, no spread known", "")))
        lines.append(((f"  {behind:>3} ", "strong"), ("B ahead, no spread known", "")))
    for name, best in (("A", _largest(differences, quantity, 1)), ("B", _largest(differences, quantity, -1))):
        if best is not None:
            where = f"{short_name(best.quantity, best.task)} {language_label(best.language)}"
            by = number(abs(best.delta), best.quantity)
            lines.append(((f"  {name} most: {where} by {by}", ""),))
    return lines


def as_table(differences: Sequence[Difference], a: str, b: str) -> tuple[str, str]:
    """(text, csv) of the whole comparison."""
    head = ("quantity", "task", "language", a, b, "difference", "sd", "verdict")
    rows = [(d.quantity, d.task, d.language, d.a, d.b, d.delta, d.sd, d.verdict) for d in differences]
    shown = [head, *(tuple("" if field is None else f"{field}" for field in row) for row in rows)]
    widths = [max(len(row[n]) for row in shown) for n in range(len(head))]
    lines = [
        "  ".join(f"{field:<{width}}" for field, width in zip(row, widths, strict=True)).rstrip() for row in shown
    ]
    return "\n".join(lines), "\n".join(",".join(row) for row in shown)


def _tile(d: Difference, largest: float, only_clear: bool) -> Tile:
    if only_clear and d.verdict == "~":
        return Tile("≈", muted=True)
    shade = None if d.verdict == "~" or not largest else 0.5 + 0.5 * d.delta / largest
    return Tile(f"{sign(d)}{number(d.delta, d.quantity, signed=True)}", shade=shade, best=d.verdict in ("A", "B"))


def _largest(differences: Sequence[Difference], quantity: str, direction: int) -> Difference | None:
    """The largest difference for A (1) or B (-1) in one metric."""
    found = [d for d in differences if d.quantity == quantity and d.delta * direction > 0 and d.verdict != "~"]
    return max(found, key=lambda d: abs(d.delta), default=None)


def _row(d: Difference) -> str:
    return short_name(d.quantity, d.task)


def _columns(differences: Sequence[Difference]) -> tuple[str, ...]:
    from store.matrix import order_columns

    return order_columns(d.language for d in differences)
