"""What the store answers, as messages to the screens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.message import Message

from app.explorer.live import Live
from store.matrix import Matrix, Place
from store.view import View

if TYPE_CHECKING:
    from store.cell import CellDetails
    from store.compare import Difference
    from store.slices import Slice


class MatrixRead(Message):
    """The matrix of the view `asked`, and what there is to go to from it. note: what else to tell, "" for nothing."""

    def __init__(
        self,
        asked: View,
        matrix: Matrix,
        slices: tuple[Slice, ...],
        pairs: tuple[tuple[str, str], ...],
        measured: bool,
        note: str = "",
    ) -> None:
        super().__init__()
        self.asked = asked
        self.matrix = matrix
        self.slices = slices
        self.pairs = pairs
        self.measured = measured
        self.note = note


@dataclass(frozen=True)
class Winners:
    """Of one quantity: the best calibrations of each evaluation language, and in how many of how many it is the
    language's own."""

    quantity: str
    task: str
    best: dict[str, tuple[str, ...]]
    own: tuple[int, int]


class WinnersRead(Message):
    """Who is best in each quantity of the slice of `view`."""

    def __init__(self, view: View, winners: tuple[Winners, ...]) -> None:
        super().__init__()
        self.view = view
        self.winners = winners


class ViewRefused(Message):
    """A view that names something unknown."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text


class CellRead(Message):
    """Everything about one cell of `view`."""

    def __init__(self, view: View, details: CellDetails) -> None:
        super().__init__()
        self.view = view
        self.details = details

    @property
    def place(self) -> Place:
        """(calibration, evaluation language)."""
        return self.details.row, self.details.column_name


class Compared(Message):
    """A compared with B; counted: how often each verdict."""

    def __init__(self, a: str, b: str, differences: list[Difference], counted: dict[str, int]) -> None:
        super().__init__()
        self.a = a
        self.b = b
        self.differences = differences
        self.counted = counted


class Looked(Message):
    """The run folders and the store, where something changed. new_numbers: the matrix is to be read again."""

    def __init__(self, runs: tuple[Live, ...], held_by: str, new_numbers: bool) -> None:
        super().__init__()
        self.runs = runs
        self.held_by = held_by
        self.new_numbers = new_numbers


class SqlRead(Message):
    """The SQL behind a view."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text
