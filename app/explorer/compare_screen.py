"""Two calibrations compared in every metric and language that both have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.screen import Screen

from app.explorer import answers, chrome, compared, questions
from app.explorer.bindings import COMPARE_KEYS, FAR, footer, textual_bindings
from app.explorer.desk import Desk
from app.explorer.exporting import write
from app.explorer.lines import Line, spread
from app.explorer.palette import RDBU
from app.explorer.panes import Panes
from app.explorer.sheet import language_label
from app.explorer.shown import model_name, slice_name
from app.explorer.text_dialog import help_dialog, sql_dialog
from store.view import View

if TYPE_CHECKING:
    from store.compare import Difference


class CompareScreen(Screen[None]):
    """A against B. `rows` are the calibrations to choose other ones from."""

    BINDINGS = textual_bindings(COMPARE_KEYS)
    AUTO_FOCUS = ""

    def __init__(self, desk: Desk, view: View, a: str, b: str, rows: tuple[str, ...]) -> None:
        super().__init__()
        self.desk = desk
        self.view = view
        self.sides = [a, b]
        self.rows = rows
        self.differences: list[Difference] = []
        self.counted: dict[str, int] = {}
        self.only_clear = False
        self.read = False
        self.panes = Panes(desk.shaded)

    def compose(self) -> ComposeResult:
        yield self.panes

    def on_mount(self) -> None:
        self.ask()
        self.draw()

    def on_resize(self) -> None:
        self.draw(self.panes.notice)

    def ask(self) -> None:
        """Compare what is on the two sides."""
        self.desk.thread.ask("compare", questions.compare(self.view, *self.sides), self.post_message)

    def on_compared(self, event: answers.Compared) -> None:
        """An answer, if it is still about these two."""
        if [event.a, event.b] == self.sides:
            self.differences, self.counted, self.read = event.differences, event.counted, True
            self.draw()

    def on_sql_read(self, event: answers.SqlRead) -> None:
        """Show the SQL."""
        self.app.push_screen(sql_dialog(event.text))

    def on_heatmap_cell_chosen(self) -> None:
        """Tell of the difference under the cursor."""
        self.draw()

    def draw(self, notice: str = "") -> None:
        """Show the comparison."""
        sheet = compared.sheet(self.differences, self.only_clear)
        frame = self.panes.lay_out(sheet, RDBU, notice)
        if frame is None:
            return
        width = self.app.size.width
        self.panes.write("title", [self._title(width)])
        self.panes.write("axes", [self._axes(frame.left)])
        self.panes.write("keys", [footer(COMPARE_KEYS, width)])
        here = self._here()
        cell = compared.cell_lines(here, *self.sides) if here else []
        words = [*compared.summary(self.differences, self.counted, self.view.quantity), (), *self._settings()]
        legend = self._below()
        if not self.differences:
            words = []
        if frame.pane:
            self.panes.write("inspector", [*cell, (), *words][: frame.body])
        else:
            legend += [(), *words]
            self.panes.write("one-line", [(*cell[0], *cell[3], *cell[4])] if cell else [])
        self.panes.write("below", legend[: frame.below])

    def _here(self) -> Difference | None:
        place = self.panes.place
        return compared.at(self.differences, *place) if place else None

    def _title(self, width: int) -> Line:
        a, b = (language_label(side, 16) for side in self.sides)
        left: Line = (*chrome.tabs("2 Compare"),) if width >= 110 else ((" calib ▸ Compare  ", "strong"),)
        right = f"{model_name(self.view, 22 if width < 110 else 40)} · {slice_name(self.view)} "
        return spread((*left, (f" A {a}   B {b}", "accent")), ((right, ""),), width)

    def _axes(self, width: int) -> Line:
        text = (
            " + means that A is better"
            if width < 66
            else " differences in each metric's unit; + means that A is better"
        )
        return ((text, "muted"),)

    def _below(self) -> list[Line]:
        if not self.read:
            return [(), ((" comparing…", "muted"),)]
        if not self.differences:
            return [(), ((" There is no number that both have.", "accent"),)]
        lines: list[Line] = [(), ((" ▲ A better   ▼ B better   ≈ within 2 sd   · not in both", "muted"),)]
        if self.counted.get("?"):
            lines.append(((" △ ▽ ahead, but no spread known (one seed, or the paper)", "muted"),))
        return lines

    def _settings(self) -> list[Line]:
        a, b = (language_label(side, 18) for side in self.sides)
        seeds = [sorted({d.n_seeds[side] for d in self.differences}) for side in (0, 1)]
        lines: list[Line] = [((" settings that differ", "accent"),), ((f"  calibration  {a}  |  {b}", ""),)]
        if seeds[0] != seeds[1]:
            lines.append(((f"  seeds        {_range(seeds[0])}  |  {_range(seeds[1])}", ""),))
        return [*lines, (("  all else is the same", "muted"),)]

    def action_step(self, down: int, right: int) -> None:
        self.panes.map.move_to(self.panes.map.row + down, self.panes.map.column + right)

    def action_first_g(self) -> None:
        self.action_step(-FAR, 0)

    def action_swap(self) -> None:
        self.sides.reverse()
        self.ask()

    def action_significant(self) -> None:
        self.only_clear = not self.only_clear
        self.draw("only clear differences" if self.only_clear else "all differences")

    def action_other(self, side: int) -> None:
        """The next calibration that is not on the other side."""
        choices = [row for row in self.rows if row != self.sides[1 - side]]
        if choices:
            place = choices.index(self.sides[side]) if self.sides[side] in choices else -1
            self.sides[side] = choices[(place + 1) % len(choices)]
            self.ask()

    def action_reload(self) -> None:
        self.ask()

    def action_sql(self) -> None:
        self.desk.thread.ask("sql", questions.compare_sql(), self.post_message)

    def action_export(self) -> None:
        name = f"{self.sides[0]} against {self.sides[1]} {self.view.model} {slice_name(self.view)}"
        self.draw(write(name, *compared.as_table(self.differences, *self.sides)))

    def action_help(self) -> None:
        self.app.push_screen(help_dialog("the comparison", COMPARE_KEYS))

    def action_back(self) -> None:
        self.dismiss()


def _range(numbers: list[int]) -> str:
    return f"{numbers[0]}" if len(numbers) == 1 else f"{numbers[0]} to {numbers[-1]}" if numbers else "0"
