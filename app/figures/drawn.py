"""Curves as text, drawn by plotext 6, which has one figure for the whole process: call this from one thread."""

import re
from collections.abc import Mapping, Sequence

Points = Sequence[tuple[float, float]]

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
"""Markers of the curves: colour never carries meaning alone."""


def curves(series: Mapping[str, Points], x: str, y: str, width: int, height: int, colour: bool) -> str:
    """One curve a series, each with its letter, and the legend below. Series beyond the letters are left out."""
    import plotext

    figure = plotext.figure
    figure.clear()
    figure.plot_size(width, height)
    for letter, points in zip(LETTERS, series.values(), strict=False):
        xs, ys = [point[0] for point in points], [point[1] for point in points]
        signal = figure.signal(xs, ys, marker=letter)
        signal.lines()
        figure.draw(signal)
    figure.label(x, "x")
    figure.label(y, "y")
    figure.canvas("default")
    text = str(figure.build()).rstrip("\n")
    text = text if colour else re.sub(r"\x1b\[[0-9;]*m", "", text)
    legend = [f"  {letter} {name}" for letter, name in zip(LETTERS, series, strict=False)]
    left_out = len(series) - len(legend)
    more = [f"  ({left_out} more are left out; select with ?column=value)"] if left_out > 0 else []
    return "\n".join([*(line.rstrip() for line in text.splitlines()), *legend, *more])
