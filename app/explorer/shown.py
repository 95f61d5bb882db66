"""Everything the matrix screen shows, as one frozen value, and the words for it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from app.explorer.answers import MatrixRead, Winners
from app.explorer.live import Live, cells, expected, has_calibrated
from app.explorer.numerals import quantity_name
from app.explorer.palette import RDBU, SEQUENTIAL, VIRIDIS, Palette
from app.explorer.session import Session
from app.explorer.sheet import Sheet, draw
from store.matrix import LANGUAGES, Matrix, target
from store.view import View

if TYPE_CHECKING:
    from store.slices import Slice

UNREAD = Matrix(View(), LANGUAGES, LANGUAGES)
"""The first frame of a store that was never opened before: a map of dots."""


@dataclass(frozen=True)
class Shown:
    """One view of the store with what was read beside it.

    cached_at: seconds since 1970 for numbers of an earlier session, None for fresh ones. held_by: who keeps the
    store from us, "" if nobody does. marks: the calibrations marked A and B. measured: whether the store has any
    measured number. winners: the best calibrations in the metrics of the slice. open: nobody chose
    a slice yet.
    """

    matrix: Matrix = UNREAD
    slices: tuple[Slice, ...] = ()
    pairs: tuple[tuple[str, str], ...] = ()
    runs: tuple[Live, ...] = ()
    held_by: str = ""
    cached_at: float | None = None
    marks: tuple[str, ...] = ()
    transposed: bool = False
    ramp: Palette = field(default=VIRIDIS)
    measured: bool = True
    winners: tuple[Winners, ...] = ()
    open: bool = False

    def after(self, read: MatrixRead) -> Shown:
        """The same with another matrix. A view that was left open stays open until there are calibrated runs."""
        return replace(
            self,
            matrix=read.matrix,
            slices=read.slices,
            pairs=read.pairs,
            measured=read.measured,
            winners=self.winners if _slice(read.matrix.view) == _slice(self.matrix.view) else (),
            cached_at=None,
            open=read.asked.method is None and not has_calibrated(read.matrix),
        )

    @property
    def drawn(self) -> Matrix:
        """The matrix; where it has no number yet, the one that the runs under way will make."""
        return expected(self.matrix, self.runs) if self.open else self.matrix

    @property
    def view(self) -> View:
        """The view as the store resolved it."""
        return self.drawn.view

    @property
    def palette(self) -> Palette:
        """Differences that go both ways get a diverging ramp."""
        return RDBU if self.view.baseline in ("diagonal", "paper") else self.ramp

    def session(self, asked: View, cursor: tuple[int, int]) -> Session:
        """What to remember."""
        return Session(asked, cursor, self.transposed, self.ramp.name, matrix=self.matrix)

    def sheet(self) -> Sheet:
        """The map as drawn."""
        marked = dict(zip(self.marks, "AB", strict=False))
        return draw(self.drawn, cells(self.drawn, self.runs), marked, self.transposed, self.cached_at is not None)


def opening(asked: View | None, session: Session | None) -> Shown:
    """What to show before the store was read: the numbers of the last session, if it is their view that is asked."""
    if session is None:
        return Shown(Matrix(asked or View(), LANGUAGES, LANGUAGES))
    ramp = next((ramp for ramp in SEQUENTIAL if ramp.name == session.palette), VIRIDIS)
    if session.matrix is None or asked not in (None, session.view):
        return Shown(Matrix(asked or session.view, LANGUAGES, LANGUAGES), transposed=session.transposed, ramp=ramp)
    return Shown(session.matrix, transposed=session.transposed, ramp=ramp, cached_at=session.saved_at)


def metric_name(view: View) -> str:
    """ "perplexity", "ARC accuracy"."""
    return quantity_name(view.quantity, view.task)


def arrow(better: str) -> str:
    """The direction in which a quantity gets better."""
    return {"lower": "↓", "higher": "↑"}.get(better, "")


def slice_name(view: View) -> str:
    """ "wanda 50%", "wanda 2:4", "dense", as store.slices.Slice.label, which would bring DuckDB with it."""
    if view.pattern == "unstructured" and view.sparsity is not None:
        return f"{view.method} {100 * view.sparsity:.5g}%"
    return " ".join(filter(None, (view.method, view.pattern)))


def model_name(view: View, width: int) -> str:
    """The model, without "-Instruct" where there is little room."""
    name = view.model or ""
    return name if len(name) <= width else name.removesuffix("-Instruct")


def baseline_name(view: View) -> str:
    """What numbers are differences to, "" for plain numbers."""
    names = {"none": "", "dense": "dense", "diagonal": "own language", "paper": "the paper"}
    return names.get(view.baseline, view.baseline.upper())


def scale_name(view: View, transposed: bool) -> str:
    """What a cell's colour is relative to."""
    line, column = ("column", "row") if transposed else ("row", "column")
    names = {"column": f"each {column} its own scale", "row": f"each {line} its own scale"}
    return names.get(view.normalise, {"whole": "one scale for all", "none": "no colours"}.get(view.normalise, ""))


def own(row: str, column: str) -> bool:
    """Whether a calibration is in the language it is evaluated in."""
    return row == target(column)


def _slice(view: View) -> tuple[object, ...]:
    return view.source, view.model, view.method, view.pattern, view.sparsity, view.setting
