"""Box plots as text: one line a box, lying, so that the values have the width of the screen.

────AAAA┃AAAA────    from the lowest to the highest, the letter from the first to the third quartile, ┃ the median
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.figures.drawn import LETTERS
from store.layers import Box

MOST = 6
"""Series: with more of them a group would fill the screen."""

TICKS = 5


def boxes(series: Mapping[str, Sequence[Box]], x: str, y: str, width: int) -> str:
    """Group by group one line a series, each with its letter, the scale above and the legend below.

    x names the groups, y the values. Series beyond `MOST` are left out.
    """
    shown = dict(list(series.items())[:MOST])
    everything = [box for own in shown.values() for box in own]
    groups = sorted({box.group for box in everything})
    margin = len(str(groups[-1])) + 3
    scale = Scale(min(box.low for box in everything), max(box.high for box in everything), width - margin)
    lines = [" " * margin + scale.numbers(), " " * margin + scale.line()]
    for group in groups:
        name = str(group)
        for letter, own in zip(LETTERS, shown.values(), strict=False):
            for box in (box for box in own if box.group == group):
                lines.append(f"{name:>{margin - 3}} {letter} {scale.drawn(box, letter)}".rstrip())
                name = ""
    legend = [f"  {letter} {name}" for letter, name in zip(LETTERS, shown, strict=False)]
    left_out = len(series) - len(shown)
    more = [f"  ({left_out} more are left out; select with ?column=value)"] if left_out else []
    return "\n".join([*lines, f"  lines: {x}; boxes: {y}", *legend, *more])


@dataclass(frozen=True)
class Scale:
    """Values from `low` to `high` over `width` columns."""

    low: float
    high: float
    width: int

    def at(self, value: float) -> int:
        """The column of a value."""
        extent = self.high - self.low
        return round((value - self.low) / extent * (self.width - 1)) if extent else 0

    def line(self) -> str:
        marks = dict.fromkeys(self._places(), "┬")
        return "".join(marks.get(place, "─") for place in range(self.width))

    def numbers(self) -> str:
        """Each number ends or begins at its mark, so that none sticks out."""
        text = [" "] * self.width
        for tick, place in enumerate(self._places()):
            number = f"{self.low + (self.high - self.low) * tick / (TICKS - 1):.3g}"
            start = min(max(0, place - len(number) // 2), self.width - len(number))
            text[start : start + len(number)] = number
        return "".join(text).rstrip()

    def drawn(self, box: Box, letter: str) -> str:
        low, q1, median, q3, high = map(self.at, (box.low, box.q1, box.median, box.q3, box.high))
        line = " " * low + "─" * (high - low + 1)
        line = line[:q1] + letter * (q3 - q1 + 1) + line[q3 + 1 :]
        return line[:median] + "┃" + line[median + 1 :]

    def _places(self) -> list[int]:
        return [round(tick * (self.width - 1) / (TICKS - 1)) for tick in range(TICKS)]
