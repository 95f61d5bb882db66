"""The matrix: calibration x evaluation language of one quantity, with a cursor, and all that explains its cell."""

from __future__ import annotations

from dataclasses import replace
from time import monotonic
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.screen import Screen
from textual.timer import Timer

from app.explorer import navigation, questions
from app.explorer.bindings import MATRIX_KEYS, textual_bindings
from app.explorer.board import Board
from app.explorer.clipboard import copy
from app.explorer.desk import Desk
from app.explorer.exporting import write_matrix
from app.explorer.heatmap import Heatmap
from app.explorer.numerals import number
from app.explorer.palette import SEQUENTIAL
from app.explorer.session import Session, remember
from app.explorer.shown import opening, scale_name
from app.explorer.text_dialog import TextDialog, help_lines
from store.view import View

if TYPE_CHECKING:
    from store.cell import CellDetails

REST_S = 0.06
"""How long the cursor rests before its cell is looked up."""
LOOK_S = 0.5
"""How often run folders and store are looked at."""
CHORD_S = 0.8
"""How soon the second g of gg follows the first."""


class MatrixScreen(Screen[None]):
    """What is shown is one frozen value, `shown`: handlers replace it, then draw."""

    BINDINGS = textual_bindings(MATRIX_KEYS)
    AUTO_FOCUS = ""

    def __init__(self, desk: Desk, asked: View | None, session: Session | None) -> None:
        """asked: the view to begin with; None: that of the last session, or what there is."""
        super().__init__()
        self.desk = desk
        self.asked = asked or (session.view if session else View())
        self.shown = opening(asked, session)
        self.details: CellDetails | None = None
        self.board = Board(desk.shaded)
        if session:
            self.board.map.row, self.board.map.column = session.cursor
        self._rest: Timer | None = None
        self._g_at = 0.0

    def compose(self) -> ComposeResult:
        yield self.board

    def on_mount(self) -> None:
        self.draw()
        self.call_after_refresh(self.begin)

    def begin(self) -> None:
        """The first frame is out: now read."""
        self.desk.thread.start()
        self.desk.thread.ask("matrix", questions.matrix(self.asked, fall_back=True), self.post_message)
        self.set_interval(LOOK_S, self.look)

    # What the store says

    def on_matrix_read(self, event: questions.MatrixRead) -> None:
        """New numbers."""
        self.shown = replace(
            self.shown,
            matrix=event.matrix,
            slices=event.slices,
            pairs=event.pairs,
            measured=event.measured,
            cached_at=None,
        )
        self.asked = event.matrix.view
        self.draw(event.note)
        self.ask_cell()
        store, session = self.desk.store, self.session()
        self.desk.thread.ask("remember", lambda _: remember(store, session), self.post_message)

    def on_view_refused(self, event: questions.ViewRefused) -> None:
        """Say why and stay."""
        self.asked = self.shown.view
        self.draw(event.text)

    def on_looked(self, event: questions.Looked) -> None:
        """Runs went on, or the store has news."""
        self.shown = replace(self.shown, runs=event.runs, held_by=event.held_by)
        self.draw(self.board.notice)
        if event.new_numbers and self.shown.cached_at is None:
            self.ask(self.asked)

    def on_cell_read(self, event: questions.CellRead) -> None:
        """Explain the cell, if the cursor is still there."""
        if event.view == self.shown.view and self.board.place == (event.details.row, event.details.column_name):
            self.details = event.details
            self.draw(self.board.notice)

    def on_sql_read(self, event: questions.SqlRead) -> None:
        """Show the SQL over the map."""
        lines = [((line, ""),) for line in event.text.splitlines()]
        self.app.push_screen(TextDialog("the SQL behind this view", lines))

    def on_heatmap_cell_chosen(self, event: Heatmap.CellChosen) -> None:
        """Look the cell up once the cursor rests."""
        event.stop()
        if self.board.notice:
            self.draw()
        if self._rest is not None:
            self._rest.stop()
        self._rest = self.set_timer(REST_S, self.ask_cell)

    # What is asked

    def look(self) -> None:
        """See whether runs or store have news; an answer comes only then."""
        self.desk.thread.ask("look", questions.look(self.desk.folders), self.post_message)

    def ask(self, view: View) -> None:
        """Read another view."""
        self.asked = view
        self.desk.thread.ask("matrix", questions.matrix(view), self.post_message)

    def ask_cell(self) -> None:
        """Look up the cell under the cursor."""
        if self.shown.cached_at is None and (place := self.board.place) is not None:
            self.desk.thread.ask("cell", questions.cell(self.shown.view, *place), self.post_message)

    def draw(self, notice: str = "") -> None:
        """Show `shown`, and a notice until the cursor moves."""
        self.board.show(self.shown, self.details, notice)

    def session(self) -> Session:
        """What to remember."""
        cursor = self.board.map.row, self.board.map.column
        shown = self.shown
        return Session(shown.view, cursor, shown.transposed, shown.ramp.name, matrix=shown.matrix)

    # Keys

    def action_step(self, down: int, right: int) -> None:
        self.board.map.move_to(self.board.map.row + down, self.board.map.column + right)

    def action_leap(self, down: int, right: int) -> None:
        self.action_step(9999 * down, 9999 * right)

    def action_first_g(self) -> None:
        if monotonic() - self._g_at < CHORD_S:
            self.action_leap(-1, 0)
        self._g_at = monotonic()

    def action_metric(self, by: int) -> None:
        self.ask(navigation.other_metric(self.asked, self.shown.pairs, by))

    def action_slice(self, by: int) -> None:
        self.ask(navigation.other_slice(self.asked, self.shown.slices, by))

    def action_source(self) -> None:
        self.asked = navigation.other_source(self.asked)
        self.desk.thread.ask("matrix", questions.other_source(self.asked), self.post_message)

    def action_baseline(self) -> None:
        view = navigation.next_baseline(self.asked)
        self.ask(view)

    def action_normalise(self) -> None:
        self.asked = navigation.next_normalisation(self.shown.view)
        self.shown = replace(self.shown, matrix=replace(self.shown.matrix, view=self.asked))
        self.draw(f"colours: {scale_name(self.asked, self.shown.transposed)}")

    def action_transpose(self) -> None:
        self.shown = replace(self.shown, transposed=not self.shown.transposed)
        self.draw()

    def action_palette(self) -> None:
        ramp = SEQUENTIAL[(SEQUENTIAL.index(self.shown.ramp) + 1) % len(SEQUENTIAL)]
        self.shown = replace(self.shown, ramp=ramp)
        self.draw(f"palette: {ramp.name}")

    def action_mark(self) -> None:
        if (place := self.board.place) is None:
            return
        marks = self.shown.marks
        marks = tuple(mark for mark in marks if mark != place[0]) if place[0] in marks else (*marks[-1:], place[0])
        self.shown = replace(self.shown, marks=marks)
        hint = ("", "marked A; mark another as B, then =", "A and B are marked; = compares them")[len(marks)]
        self.draw(hint)

    def action_reload(self) -> None:
        self.desk.folders.seen = None
        self.look()
        self.draw("reading again")

    def action_sql(self) -> None:
        self.desk.thread.ask("sql", questions.sql(self.shown.view), self.post_message)

    def action_yank(self) -> None:
        if (place := self.board.place) is not None and (value := self.shown.matrix.delta(*place)) is not None:
            copy(self.app, f"{value:.12g}")
            self.draw(f"copied {number(value, self.shown.view.quantity)}")

    def action_export(self) -> None:
        self.draw(write_matrix(self.shown.matrix))

    def action_help(self) -> None:
        self.app.push_screen(TextDialog("keys of the matrix", help_lines(MATRIX_KEYS, self.app.size.width - 10)))
