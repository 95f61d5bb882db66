"""`calib-explorer show figure4?language=de`: a figure of the paper as a plot and its data, from the store."""

import math
import re
from pathlib import Path

from app.failures import CommandError
from app.figures.asked import MEASURED, NAMES, QUESTIONS, Question
from app.figures.boxes import boxes
from app.figures.drawn import Points, curves
from app.sql import ask, opened, rendered
from app.table import Table, as_text
from app.terminal import ColourChoice, colours, width
from store.layers import Box

WIDTH, HEIGHT, NARROW = 100, 24, 40
BOX_COLUMNS = ("series", "group", "low", "q1", "median", "q3", "high")


def is_figure(what: str) -> bool:
    """Whether `what` names a figure ("figure3", "lape", "figure4?method=wanda")."""
    name = what.partition("?")[0]
    return name in QUESTIONS or name in NAMES


def printed(what: str, store: Path, color: ColourChoice) -> str:
    """The plot and its points. Raises CommandError for columns that the figure's view does not have."""
    name, _, selection = what.partition("?")
    question = QUESTIONS[NAMES.get(name, name)]
    with opened(store, views=re.findall(r"\w+", question.sql)) as connection:
        columns = [row[0] for row in ask(connection, f"DESCRIBE {question.view}").rows]
        table = ask(connection, question.sql.format(where=_where(selection, columns)))
    title = f"{question.view}: {question.title}"
    if not table.rows:
        return f"{title}\n\nnothing measured yet: 'calib-explorer sql \"FROM {question.view}\"' would list it"
    at_most = min(WIDTH, max(NARROW, width() or WIDTH))
    if question.boxes:
        plot, data = boxes(_boxes(table), question.x, question.y, at_most), Table(BOX_COLUMNS, table.rows)
    else:
        series = _series(table)
        plot = curves(series, question.x, question.y, at_most, HEIGHT, colours(color) != "none")
        data = _data(series, question)
    return f"{title}\n\n{plot}\n\n{as_text(data, width())}"


def figures(store: Path, format: str) -> str:
    """The paper's figures: what each shows, and how much of it has been measured."""
    with opened(store, views=re.findall(r"\w+", " ".join(MEASURED.values()))) as connection:
        rows = tuple(
            (name, ask(connection, MEASURED[name]).rows[0][0], question.title) for name, question in QUESTIONS.items()
        )
    return rendered(Table(("figure", "measured", "shows"), rows), format)


def _where(selection: str, columns: list[str]) -> str:
    conditions = ["true"]
    for part in filter(None, selection.split("&")):
        column, equals, value = part.partition("=")
        if not equals or column not in columns:
            raise CommandError(f"'{part}' selects nothing here; write column=value with one of {', '.join(columns)}")
        quoted = value.replace("'", "''").replace("{", "{{").replace("}", "}}")
        conditions.append(f"CAST(\"{column}\" AS VARCHAR) = '{quoted}'")
    return " AND ".join(conditions)


def _boxes(table: Table) -> dict[str, list[Box]]:
    series: dict[str, list[Box]] = {}
    for name, group, *numbers in table.rows:
        low, q1, median, q3, high = map(float, numbers)
        series.setdefault(str(name), []).append(Box(int(group), low, q1, median, q3, high))
    return series


def _series(table: Table) -> dict[str, Points]:
    series: dict[str, list[tuple[float, float]]] = {}
    for name, x, y in table.rows:
        if y is not None and math.isfinite(y):
            series.setdefault(str(name), []).append((float(x), float(y)))
    return dict(series)


def _data(series: dict[str, Points], question: Question) -> Table:
    """One row an x, one column a series."""
    values = {name: dict(points) for name, points in series.items()}
    xs = sorted({x for points in series.values() for x, _ in points})
    rows = tuple((int(x), *(own.get(x) for own in values.values())) for x in xs)
    return Table((question.x.split(" (")[0], *series), rows)
