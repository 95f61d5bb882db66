"""The matrix: calibration x evaluation language of one quantity, with a cursor, and all that explains its cell."""

from dataclasses import replace
from time import monotonic

from textual.app import ComposeResult
from textual.screen import Screen
from textual.timer import Timer

from app.explorer import answers, launching, matrix_page, navigation, questions
from app.explorer.bindings import FAR, MATRIX_KEYS, textual_bindings
from app.explorer.chooser import Chooser
from app.explorer.clipboard import copy
from app.explorer.commands import choices, view_of
from app.explorer.compare_screen import CompareScreen
from app.explorer.desk import Desk
from app.explorer.exporting import write_matrix
from app.explorer.heatmap import Heatmap
from app.explorer.launch_dialog import LaunchDialog
from app.explorer.numerals import number
from app.explorer.pace import CHORD_S, LOOK_S, QUIET_S, REST_S
from app.explorer.palette import SEQUENTIAL
from app.explorer.panes import Panes
from app.explorer.runs_screen import RunsScreen
from app.explorer.session import Session
from app.explorer.shown import opening, scale_name
from app.explorer.store_thread import Question
from app.explorer.text_dialog import help_dialog, sql_dialog
from store.view import View


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
        self.known: answers.CellRead | None = None
        self.panes = Panes(desk.shaded)
        self.panes.map.row, self.panes.map.column = session.cursor if session else (0, 0)
        self._rest = self._quiet = Timer(self, 0)
        self._g_at = 0.0

    def compose(self) -> ComposeResult:
        yield self.panes

    def on_mount(self) -> None:
        self.draw()
        self.call_after_refresh(self.begin)

    def on_resize(self) -> None:
        self.draw(self.panes.notice)
        self.look_up()

    def begin(self) -> None:
        """The first frame is out: now read."""
        self.desk.thread.start()
        self.retry()
        self.set_interval(LOOK_S, self.look)

    def retry(self) -> None:
        """Read the first matrix."""
        self.ask("matrix", questions.matrix(self.asked, fall_back=True))

    def ask(self, kind: str, question: Question) -> None:
        """Have a question answered by a message."""
        self.desk.thread.ask(kind, question, self.post_message)

    def go(self, view: View) -> None:
        """Read another view."""
        self.asked = view
        self.ask("matrix", questions.matrix(view))

    def look(self) -> None:
        """See whether runs or store have news; an answer comes only then."""
        self.ask("look", questions.look(self.desk.folders))
        if complaint := self.desk.launches.ended_badly():
            self.draw(complaint)

    def look_up(self) -> None:
        """Read the cell under the cursor."""
        if self.shown.matrix.cells and self.shown.cached_at is None and (place := self.panes.place) is not None:
            self.ask("cell", questions.cell(self.shown.matrix.view, *place))

    def look_around(self) -> None:
        """Read who is best in the other metrics: seven queries, so not while somebody is browsing."""
        self.ask("winners", questions.winners(self.shown.view, self.shown.pairs))

    def draw(self, notice: str = "") -> None:
        """Show `shown`, and a notice until the cursor moves."""
        matrix_page.fill(self.panes, self.shown, self.known, notice)

    def on_matrix_read(self, event: answers.MatrixRead) -> None:
        """New numbers. A notice stays while the view does."""
        notice = event.note or (self.panes.notice if event.matrix.view == self.shown.view else "")
        self.shown = self.shown.after(event)
        self.asked = event.asked if self.shown.open else event.matrix.view
        self.draw(notice)
        self.look_up()
        self._quiet.stop()
        self._quiet = self.set_timer(QUIET_S, self.look_around)
        session = self.shown.session(self.asked, self.panes.map.cursor)
        self.ask("remember", questions.keep(self.desk.store, session))

    def on_view_refused(self, event: answers.ViewRefused) -> None:
        """Say why and stay."""
        self.asked = self.shown.view
        self.draw(event.text)

    def on_looked(self, event: answers.Looked) -> None:
        """Runs went on, or the store has news."""
        self.shown = replace(self.shown, runs=event.runs, held_by=event.held_by)
        self.draw(self.panes.notice)
        if event.new_numbers and self.shown.cached_at is None:
            self.go(self.asked)

    def on_winners_read(self, event: answers.WinnersRead) -> None:
        """Who is best elsewhere in this slice."""
        if event.view == self.shown.view:
            self.shown = replace(self.shown, winners=event.winners)
            self.draw(self.panes.notice)

    def on_cell_read(self, event: answers.CellRead) -> None:
        """Explain the cell."""
        self.known = event
        self.draw(self.panes.notice)

    def on_sql_read(self, event: answers.SqlRead) -> None:
        """Show the SQL over the map."""
        self.app.push_screen(sql_dialog(event.text))

    def on_offered(self, event: launching.Offered) -> None:
        self.app.push_screen(LaunchDialog(self.desk, event.offer), self.launched)

    def on_refused(self, event: launching.Refused) -> None:
        self.draw(event.text)

    def on_heatmap_cell_chosen(self, event: Heatmap.CellChosen) -> None:
        """Look the cell up once the cursor rests."""
        event.stop()
        if self.panes.notice:
            self.draw()
        self._rest.stop()
        self._rest = self.set_timer(REST_S, self.look_up)

    def launched(self, what: str | None) -> None:
        """A run was started, or not."""
        if what:
            self.draw(f"started {what}")
            self.look()

    async def chosen(self, choice: str | None) -> None:
        """Do what was chosen in the palette."""
        if choice and (view := view_of(choice, self.shown)):
            self.go(view)
        elif choice:
            await self.run_action(choice.removeprefix("key "))

    def action_step(self, down: int, right: int) -> None:
        self.panes.map.move_to(self.panes.map.row + down, self.panes.map.column + right)

    def action_first_g(self) -> None:
        if monotonic() - self._g_at < CHORD_S:
            self.action_step(-FAR, 0)
        self._g_at = monotonic()

    def action_metric(self, by: int) -> None:
        self.go(navigation.other_metric(self.asked, self.shown.pairs, by))

    def action_slice(self, by: int) -> None:
        self.go(navigation.other_slice(self.asked, self.shown.slices, by))

    def action_source(self) -> None:
        self.asked = navigation.other_source(self.asked)
        self.ask("matrix", questions.other_source(self.asked))

    def action_baseline(self) -> None:
        self.ask("matrix", questions.baseline(self.shown.view))

    def action_normalise(self) -> None:
        self.asked = navigation.next_normalisation(self.shown.view)
        self.shown = replace(self.shown, matrix=replace(self.shown.matrix, view=self.asked))
        self.draw(f"colours: {scale_name(self.asked, self.shown.transposed)}")
        self.look_up()

    def action_transpose(self) -> None:
        self.shown = replace(self.shown, transposed=not self.shown.transposed)
        self.draw()

    def action_palette(self) -> None:
        ramp = SEQUENTIAL[(SEQUENTIAL.index(self.shown.ramp) + 1) % len(SEQUENTIAL)]
        self.shown = replace(self.shown, ramp=ramp)
        self.draw(f"colours: {ramp.name}")

    def action_mark(self) -> None:
        if (place := self.panes.place) is not None:
            marks = navigation.with_mark(self.shown.marks, place[0])
            self.shown = replace(self.shown, marks=marks)
            self.draw(("", "marked A; mark another as B, then =", "A and B are marked; = compares them")[len(marks)])

    def action_compare(self) -> None:
        rows = self.shown.matrix.rows
        pair = navigation.pair_to_compare(self.shown.marks, self.panes.place, rows)
        if pair is None:
            self.draw("mark two calibrations with space, then =; or stand off the diagonal")
        else:
            self.app.push_screen(CompareScreen(self.desk, self.shown.view, *pair, rows))

    def action_run_cell(self) -> None:
        place = self.panes.place
        try:
            wish = launching.wish(self.shown.matrix, place) if place and self.shown.measured else launching.Wish()
        except ValueError as error:
            self.draw(str(error))
        else:
            self.ask("offer", launching.offer(self.desk.store, self.desk.runs, wish))

    def action_runs(self) -> None:
        self.app.push_screen(RunsScreen(self.desk))

    def action_commands(self) -> None:
        self.app.push_screen(Chooser(choices(self.shown)), self.chosen)

    def action_reload(self) -> None:
        self.desk.folders.seen = None
        self.look()
        self.draw("reading again")

    def action_sql(self) -> None:
        self.ask("sql", questions.sql(self.shown.view))

    def action_yank(self) -> None:
        if (place := self.panes.place) is not None and (value := self.shown.matrix.delta(*place)) is not None:
            copy(self.app, f"{value:.12g}")
            self.draw(f"copied {number(value, self.shown.view.quantity)}")

    def action_export(self) -> None:
        self.draw(write_matrix(self.shown.matrix))

    def action_help(self) -> None:
        self.app.push_screen(help_dialog("the matrix", MATRIX_KEYS))
