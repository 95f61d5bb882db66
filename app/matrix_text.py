"""A matrix as lines of text, with colours where the terminal has them."""

from app.explorer.numerals import number
from app.explorer.palette import BLACK, VIRIDIS, ink, level
from app.table import cell_width, pad
from app.terminal import Colour
from store.matrix import Cell, Matrix

GAP = 2
MISSING = "·"
CORNER = "calibration"


def grid(matrix: Matrix, colour: Colour, width: int | None) -> list[str]:
    """The header and one line a row, two where there are intervals. Standard deviations are printed where `width` has
    room for them."""
    with_sd = any(cell.sd is not None for cell in matrix.cells.values())
    lines = _lines(matrix, colour, with_sd)
    if with_sd and width is not None and max(map(cell_width, _lines(matrix, "none", True))) > width:
        return _lines(matrix, colour, False)
    return lines


def legend(matrix: Matrix) -> list[str]:
    """What the signs in the grid mean, only those that occur, and how often the target language is best."""
    cells = [matrix[row, c] for row in matrix.rows for c in matrix.columns]
    meanings = {
        "* best in its column": any(matrix.best(column) for column in matrix.columns),
        "± standard deviation over seeds": any(cell.sd is not None for cell in cells),
        f"{_seed_marks(matrix)} measured with fewer seeds than the others": bool(_seed_marks(matrix)),
        _items(matrix): matrix.has_intervals,
        "? damaged in the paper's text, left out of comparisons": any(cell.suspect for cell in cells),
        f"{MISSING} not measured": any(cell.value is None for cell in cells),
        "◌ queued": any(cell.status == "queued" for cell in cells),
        "▶ running": any(cell.status == "running" for cell in cells),
        "✗ failed ('calib-explorer runs' says why)": any(cell.status == "failed" for cell in cells),
    }
    signs = "   ".join(text for text, occurs in meanings.items() if occurs)
    wins, columns = matrix.target_best()
    best = f"The evaluation's own language is the best calibration in {wins} of {columns} columns." if columns else ""
    return [line for line in (signs, best) if line]


def sign(cell: Cell) -> str:
    """What stands where there is no number."""
    if cell.status == "running":
        return f"▶ {cell.fraction:.0%}"
    return {"queued": "◌", "failed": "✗"}.get(cell.status, MISSING)


def figure(matrix: Matrix, value: float) -> str:
    """`value` with the matrix's decimals, so that points stand under points; huge ones are shortened."""
    signed = matrix.view.baseline != "none"
    if not abs(value) < 99_999:
        return number(value, matrix.view.quantity, signed)
    return f"{value:{'+' if signed else ''}.{decimals(matrix)}f}"


def decimals(matrix: Matrix) -> int:
    """As many as the paper prints; one more where measured numbers are small."""
    if matrix.view.quantity in ("bits_per_byte", "iou"):
        return 3
    values = [value for row, c in matrix.cells if (value := matrix.delta(row, c)) is not None]
    return 2 if any(abs(value) < 10 and round(value, 1) != round(value, 4) for value in values) else 1


def seeds(matrix: Matrix) -> tuple[int, int]:
    """The smallest and largest number of seeds behind a calibrated cell; (0, 0) without any."""
    counts = [matrix[row, c].n_seeds for row in matrix.calibrated() for c in matrix.columns if matrix[row, c].n_seeds]
    return (min(counts), max(counts)) if counts else (0, 0)


def _lines(matrix: Matrix, colour: Colour, with_sd: bool) -> list[str]:
    texts = {(row, c): _text(matrix, row, c, with_sd) for row in matrix.rows for c in matrix.columns}
    first = max(map(cell_width, (CORNER, *matrix.rows)))
    below = {place: _ends(matrix, matrix[place]) for place in texts}
    widths = {
        c: GAP + max(cell_width(c) + 1, *(cell_width(each[row, c]) for each in (texts, below) for row in matrix.rows))
        for c in matrix.columns
    }
    header = "".join(pad(f"{c} ", widths[c], True) for c in matrix.columns)
    lines = [(pad(CORNER, first) + header).rstrip()]
    for row in matrix.rows:
        cells = [_coloured(matrix, row, c, pad(texts[row, c], widths[c], True), colour) for c in matrix.columns]
        lines.append((pad(row, first) + "".join(cells)).rstrip())
        if any(below[row, c] for c in matrix.columns):
            ends = "".join(pad(below[row, c], widths[c], True) for c in matrix.columns)
            lines.append((" " * first + ends).rstrip())
    return lines


def _text(matrix: Matrix, row: str, column: str, with_sd: bool) -> str:
    """The number and one column for its mark, so that digits stand under digits."""
    cell = matrix[row, column]
    value = matrix.delta(row, column)
    if value is None:
        return f"{sign(cell)} "
    digits = figure(matrix, value)
    mark = "?" if cell.suspect else "*" if row in matrix.best(column) else _few_seeds(matrix, row, cell) or " "
    spread = ("" if cell.sd is None else f"±{cell.sd:.{decimals(matrix)}f}").ljust(5) if with_sd else ""
    return f"{digits}{mark}{spread}"


def _ends(matrix: Matrix, cell: Cell) -> str:
    """The interval, its last digit under the number's."""
    if cell.interval is None:
        return ""
    digits = decimals(matrix)
    return f"{cell.interval.low:.{digits}f}–{cell.interval.high:.{digits}f} "


def _items(matrix: Matrix) -> str:
    """What stands below the numbers."""
    cells = [cell for cell in matrix.cells.values() if cell.interval is not None]
    items = sorted({cell.interval.n_items for cell in cells if cell.interval is not None})
    counted = " to ".join(dict.fromkeys(f"{n:,}" for n in (items[:1] + items[-1:])))
    most = max((cell.n_seeds for cell in cells), default=0)
    return f"below: 95 % interval over {counted} items{f', their means over {most} seeds' if most > 1 else ''}"


def _few_seeds(matrix: Matrix, row: str, cell: Cell) -> str:
    if row in matrix.references or cell.n_seeds >= seeds(matrix)[1] or not 0 < cell.n_seeds < 10:
        return ""
    return "⁰¹²³⁴⁵⁶⁷⁸⁹"[cell.n_seeds]


def _seed_marks(matrix: Matrix) -> str:
    return "".join(sorted({_few_seeds(matrix, row, cell) for (row, _), cell in matrix.cells.items()}))


def _coloured(matrix: Matrix, row: str, column: str, text: str, colour: Colour) -> str:
    """`text` on the colour of its shade: bright is better. 256 colours are enough for eight levels."""
    shade = matrix.shade(row, column)
    if shade is None or colour in ("none", "16"):
        return text
    step = level(shade, len(VIRIDIS))
    letters = 16 if ink(VIRIDIS.colour(step)) == BLACK else 231
    return f"\x1b[48;5;{VIRIDIS.entries[step]};38;5;{letters}m{text}\x1b[0m"
