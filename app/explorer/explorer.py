"""The application: its theme, its screens, what happens when the store cannot be read."""

from dataclasses import replace
from pathlib import Path

from textual.app import App
from textual.binding import Binding
from textual.theme import BUILTIN_THEMES, Theme

from app.explorer.desk import Desk
from app.explorer.launching import Launches
from app.explorer.live import Folders
from app.explorer.matrix_screen import MatrixScreen
from app.explorer.problem import Problem
from app.explorer.session import recall, remember
from app.explorer.store_thread import StoreFailed, StoreThread
from app.terminal import Colour
from store.view import View

DARK = Theme(
    "calib-dark",
    primary="#5f87af",
    accent="#ffaf5f",
    foreground="#d0d0d0",
    background="#121212",
    surface="#303030",
    panel="#1c1c1c",
    success="#87d787",
    error="#ff8787",
    dark=True,
    variables={"text-muted": "#8a8a8a"},
)
PLAIN = replace(
    BUILTIN_THEMES["ansi-dark"],
    name="calib-plain",
    accent="ansi_yellow",
    variables={**BUILTIN_THEMES["ansi-dark"].variables, "text-muted": "ansi_default"},
)
"""For terminals with 16 colours or none: the terminal's own background and letters."""


class Explorer(App[str]):
    """Returns why the store could not be shown, "" if it could."""

    CSS_PATH = "explorer.tcss"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS = [Binding("ctrl+c", "quit", "quit", priority=True)]  # noqa: RUF012  a ClassVar of App

    def __init__(self, store: Path, runs: Path, colours: Colour, asked: View | None = None) -> None:
        super().__init__(ansi_color=True if colours in ("16", "none") else None)
        self.desk = Desk(store, runs, StoreThread(store, runs), Folders(runs), Launches(), colours)
        self.asked = asked
        self.problem = ""

    def on_mount(self) -> None:
        plain = self.desk.shaded
        self.register_theme(PLAIN if plain else DARK)
        self.theme = (PLAIN if plain else DARK).name
        self.matrix_screen = MatrixScreen(self.desk, self.asked, recall(self.desk.store))
        self.push_screen(self.matrix_screen)

    def on_store_failed(self, event: StoreFailed) -> None:
        """Nothing can be shown: say what to do, and leave with that."""
        if not self.problem:
            self.problem = event.text
            self.push_screen(Problem(event.text))

    def action_retry(self) -> None:
        """The store may have been mended in the meantime."""
        self.problem = ""
        self.pop_screen()
        self.matrix_screen.retry()

    def on_unmount(self) -> None:
        self.desk.thread.stop()

    async def action_quit(self) -> None:
        """Leave. Runs go on: they are processes of their own."""
        self.desk.thread.stop()
        screen = self.matrix_screen
        if not self.problem and screen.shown.cached_at is None:
            remember(self.desk.store, screen.shown.session(screen.asked, screen.panes.map.cursor))
        self.exit(self.problem)
