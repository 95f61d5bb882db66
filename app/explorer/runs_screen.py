"""The runs: how each stands, and of the chosen one its progress, its error, the end of its log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.message import Message
from textual.screen import Screen

from app.explorer import chrome
from app.explorer.bars import bar
from app.explorer.bindings import RUNS_KEYS, footer, textual_bindings
from app.explorer.clipboard import copy
from app.explorer.desk import Desk
from app.explorer.frame import rule, too_small
from app.explorer.lines import Line, Lines, spread, wrapped
from app.explorer.live import Folders, Live, doing
from app.explorer.pace import LOOK_S
from app.explorer.store_thread import Question
from app.explorer.text_dialog import help_dialog

if TYPE_CHECKING:
    from store.folders import RunFolder
    from store.reader import Reader

DETAIL_LINES = 12
LOG_LINES = 8
SIGNS = {"running": "▶", "queued": "◌", "failed": "✗", "interrupted": "✗", "done": "✓"}
LOOKS = {"running": "good", "failed": "bad", "interrupted": "bad", "done": "muted"}


class RunsRead(Message):
    """Every run, those under way first, and the end of the chosen one's log."""

    def __init__(self, runs: tuple[Live, ...], run_id: str, log: list[str]) -> None:
        super().__init__()
        self.runs = runs
        self.run_id = run_id
        self.log = log


class RunsScreen(Screen[None]):
    """Read again twice a second; only lines that changed are sent."""

    BINDINGS = textual_bindings(RUNS_KEYS)
    AUTO_FOCUS = ""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self.desk = desk
        self.runs: tuple[Live, ...] | None = None
        self.chosen = ""
        self.log_end: list[str] = []

    def compose(self) -> ComposeResult:
        for part in ("title", "rule-top", "list", "rule-middle", "detail", "rule-bottom", "keys"):
            yield Lines(id=part)

    def on_mount(self) -> None:
        self.look()
        self.set_interval(LOOK_S, self.look)
        self.draw()

    def on_resize(self) -> None:
        self.draw()

    def look(self) -> None:
        """Read the folders."""
        self.desk.thread.ask("runs", _read(self.desk.folders, self.chosen), self.post_message)

    def on_runs_read(self, event: RunsRead) -> None:
        """How they stand now."""
        first = self.runs is None
        self.runs = event.runs
        if first and self.runs:
            self.chosen = self.runs[0].run_id
            self.look()
        if event.run_id == self.chosen:
            self.log_end = event.log
        self.draw()

    def draw(self, notice: str = "") -> None:
        """The list around the chosen run, and that run."""
        width, height = self.app.size
        small = too_small(width, height)
        room = max(1, height - 5 - DETAIL_LINES)
        self.query_one("#list").styles.height = room
        self.query_one("#detail").styles.height = DETAIL_LINES
        title = spread(chrome.tabs("4 Runs"), ((f"{self.desk.runs} ", "muted"),), width)
        self._write("title", small or [title])
        self._write("rule-top", [rule(width, 0, "")])
        self._write("list", self._list(width, room))
        self._write("rule-middle", [rule(width, 0, "")])
        self._write("detail", self._detail(width))
        self._write("rule-bottom", [rule(width, 0, "", notice)])
        self._write("keys", [footer(RUNS_KEYS, width)])

    def _list(self, width: int, room: int) -> list[Line]:
        if self.runs is None:
            return [((" reading…", "muted"),)]
        if not self.runs:
            return [((" No runs yet. Press esc, then r on a cell of the matrix to start one.", "accent"),)]
        place = self._position()
        first = max(0, min(place - room // 2, len(self.runs) - room))
        return [_row(run, run.run_id == self.chosen, width) for run in self.runs[first : first + room]]

    def _detail(self, width: int) -> list[Line]:
        if not self.runs:
            return []
        state = self.runs[self._position()].state
        lines: list[Line] = [((f" {self.chosen}", "accent"),)]
        if state.status == "running":
            text = f" {state.fraction:4.0%}  {doing(state)}"
            lines.append(((f"  {bar(state.fraction, 40):<40}", "good"), (text, "")))
        elif state.status in ("failed", "interrupted"):
            lines += [((" ", ""), *line) for line in wrapped(doing(state), width - 2, "bad")[:3]]
        else:
            lines.append(((f"  {state.status or 'new'}", ""),))
        room = DETAIL_LINES - len(lines) - 1
        return [*lines, (), *(((f"  {text}", "muted"),) for text in self.log_end[-min(room, LOG_LINES) :])]

    def _position(self) -> int:
        ids = [run.run_id for run in self.runs or ()]
        return ids.index(self.chosen) if self.chosen in ids else 0

    def _write(self, part: str, lines: list[Line]) -> None:
        self.query_one(f"#{part}", Lines).show(lines)

    def action_step(self, by: int) -> None:
        if self.runs:
            self.chosen = self.runs[max(0, min(self._position() + by, len(self.runs) - 1))].run_id
            self.log_end = []
            self.draw()
            self.look()

    def action_yank(self) -> None:
        path = str(self.desk.runs / self.chosen)
        copy(self.app, path)
        self.draw(f"copied {path}")

    def action_help(self) -> None:
        self.app.push_screen(help_dialog("the runs", RUNS_KEYS))

    def action_back(self) -> None:
        self.dismiss()


def _read(folders: Folders, run_id: str) -> Question:
    def question(_: Reader) -> Message:
        from store.folders import RunFolder

        return RunsRead(folders.look(), run_id, _tail(RunFolder.at(folders.path, run_id)) if run_id else [])

    return question


def _tail(folder: RunFolder) -> list[str]:
    """The last lines of a log, read from its end."""
    try:
        with folder.log.open("rb") as file:
            file.seek(max(0, folder.log.stat().st_size - 4096))
            return file.read().decode(errors="replace").splitlines()[-LOG_LINES:]
    except OSError:
        return []


def _row(run: Live, chosen: bool, width: int) -> Line:
    state = run.state
    percent = f"{state.fraction:4.0%}" if state.status == "running" else "    "
    end = doing(state) if state.status == "running" else state.status
    left: Line = (
        ("▸ " if chosen else "  ", "accent"),
        (f"{SIGNS.get(state.status, '·')} {percent} ", LOOKS.get(state.status, "")),
        (run.run_id, "strong" if chosen else ""),
    )
    return spread(left, ((f"{end} ", LOOKS.get(state.status, "")),), width)
