"""The palette of commands: type a few letters of a command, a metric or a slice, enter does it."""

from dataclasses import dataclass

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input

from app.explorer.lines import Line, Lines

N_SHOWN = 12


@dataclass(frozen=True)
class Choice:
    """One thing to choose. `value` is handed back; `hint` stands dimmed behind the label."""

    label: str
    value: str
    hint: str = ""


class Chooser(ModalScreen[str | None]):
    """A field and the choices that contain all its words. Hands back the value chosen, None on esc."""

    BINDINGS = [  # noqa: RUF012  a ClassVar of Screen
        Binding("escape", "dismiss(None)", "close"),
        Binding("down,ctrl+n", "step(1)", "next"),
        Binding("up", "step(-1)", "previous"),
    ]

    def __init__(self, choices: list[Choice]) -> None:
        super().__init__()
        self.choices = choices
        self.found = choices
        self.position = 0

    def compose(self) -> ComposeResult:
        with Vertical(id="dialog"):
            field = Input(placeholder="type to find a command, a metric, a slice", id="chooser-field")
            field.cursor_blink = False
            yield field
            yield Lines(id="chooser-list")
            yield Lines(id="dialog-keys")

    def on_mount(self) -> None:
        self.query_one("#dialog").styles.height = N_SHOWN + 5
        self.query_one("#dialog").styles.width = min(76, self.app.size.width - 2)
        self.query_one("#chooser-list").styles.height = N_SHOWN
        self.query_one(Input).focus()
        self.show()

    def show(self) -> None:
        """Draw the choices around the chosen one."""
        first = max(0, min(self.position - N_SHOWN // 2, len(self.found) - N_SHOWN))
        shown = self.found[first : first + N_SHOWN]
        lines: list[Line] = [_choice_line(choice, first + n == self.position) for n, choice in enumerate(shown)]
        self.query_one("#chooser-list", Lines).show(lines or [(("nothing is called that", "muted"),)])
        count = f"{len(self.found)} of {len(self.choices)}"
        self.query_one("#dialog-keys", Lines).show([((f"↑ ↓ choose   enter do it   esc close   {count}", "muted"),)])

    @on(Input.Changed)
    def narrow(self, event: Input.Changed) -> None:
        """Keep the choices that contain every word typed."""
        words = event.value.lower().split()
        self.found = [c for c in self.choices if all(word in f"{c.label} {c.hint}".lower() for word in words)]
        self.position = 0
        self.show()

    @on(Input.Submitted)
    def choose(self) -> None:
        """Hand back what the bar is on."""
        self.dismiss(self.found[self.position].value if self.found else None)

    def action_step(self, by: int) -> None:
        self.position = max(0, min(self.position + by, len(self.found) - 1))
        self.show()


def _choice_line(choice: Choice, chosen: bool) -> Line:
    label = (choice.label, "strong" if chosen else "")
    return (("▸ " if chosen else "  ", "accent"), label, (f"  {choice.hint}", "muted"))
