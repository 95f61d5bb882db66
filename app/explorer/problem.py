"""The screen for a store that cannot be read."""

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.screen import ModalScreen

from app.explorer.lines import Line, Lines, wrapped


class Problem(ModalScreen[None]):
    """What is wrong, and what to do."""

    BINDINGS = [  # noqa: RUF012  a ClassVar of Screen
        Binding("q,escape", "app.quit", "quit"),
        Binding("R,enter", "app.retry", "try again"),
    ]

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text

    def compose(self) -> ComposeResult:
        with Vertical(id="dialog"):
            yield Lines(id="dialog-title")
            yield Lines(id="dialog-text")
            yield Lines(id="dialog-keys")

    def on_mount(self) -> None:
        self.draw()

    def on_resize(self) -> None:
        self.draw()

    def draw(self) -> None:
        """Break the text for the width there is."""
        width = min(90, self.app.size.width - 8)
        first, *rest = self.text.splitlines() or [""]
        lines: list[Line] = [*wrapped(first, width), *(((part, "muted"),) for part in rest)]
        lines = lines[: max(1, self.app.size.height - 8)]
        self.query_one("#dialog").styles.width = width + 6
        self.query_one("#dialog").styles.height = len(lines) + 6
        self.query_one("#dialog-text").styles.height = len(lines)
        self.query_one("#dialog-title", Lines).show([(("The store cannot be shown", "bad"),)])
        self.query_one("#dialog-text", Lines).show(lines)
        keys = "R try again   q leave (runs that were started go on)"
        self.query_one("#dialog-keys", Lines).show([((keys, "muted"),)])
