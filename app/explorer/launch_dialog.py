"""The form that `r` opens: what will run, two fields to change it, enter to start."""

from collections.abc import Callable
from dataclasses import replace

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Input

from app.explorer.clipboard import copy
from app.explorer.desk import Desk
from app.explorer.launching import Launched, Offer, Offered, Refused, Wish, offer, start, write_down
from app.explorer.lines import Line, Lines, wrapped
from app.explorer.store_thread import Question

WIDTH = 76


class LaunchDialog(ModalScreen[str | None]):
    """Hands back what was started, None if nothing was."""

    BINDINGS = [  # noqa: RUF012  a ClassVar of Screen
        Binding("escape", "dismiss(None)", "cancel"),
        Binding("enter", "start", "start"),
        Binding("ctrl+y", "yank", "copy the command"),
    ]

    def __init__(self, desk: Desk, offered: Offer) -> None:
        super().__init__()
        self.desk = desk
        self.offer = offered
        self.complaint = ""

    @property
    def editable(self) -> bool:
        """Whether calibration and seed can be chosen."""
        return bool(self.offer.wish.like) and not self.offer.wish.dense

    def compose(self) -> ComposeResult:
        wish = self.offer.wish
        with Vertical(id="dialog"):
            yield Lines(id="dialog-title")
            if self.editable:
                yield from _field("calibration", wish.calibration, "de, en+de, de*3+en")
                yield from _field("seed", str(wish.seed or 0), "of the draw of the text")
            yield Lines(id="dialog-text")
            yield Lines(id="dialog-keys")

    def on_mount(self) -> None:
        if self.editable:
            self.query_one("#calibration", Input).focus()
        self.draw()

    def on_resize(self) -> None:
        self.draw()

    def draw(self) -> None:
        """What will run, the same as a command, and what stands in the way."""
        width = min(WIDTH, self.app.size.width - 8)
        title = "Start a run" if self.offer.wish.like else "Nothing measured yet: start the demo?"
        lines: list[Line] = [((f"{name:<13}", "muted"), (text, "")) for name, text in self.offer.facts]
        lines += [(), *wrapped(self.offer.command, width, "muted"), ()]
        lines += wrapped("A process of its own: leaving the explorer does not stop it.", width)
        lines += wrapped(self.complaint, width, "bad") if self.complaint else []
        lines = lines[: max(3, self.app.size.height - 10)]
        box = self.query_one("#dialog")
        box.styles.width = width + 6
        box.styles.height = len(lines) + 6 + 2 * self.editable
        self.query_one("#dialog-text").styles.height = len(lines)
        self.query_one("#dialog-title", Lines).show([((title, "strong"),)])
        self.query_one("#dialog-text", Lines).show(lines)
        tab = "tab next field   " if self.editable else ""
        keys = f"enter start   {tab}ctrl+y copy command   esc cancel"
        self.query_one("#dialog-keys", Lines).show([((keys, "muted"),)])

    def wished(self) -> Wish:
        """What the fields say. Raises ValueError for an empty calibration and a seed that is no number."""
        if not self.editable:
            return self.offer.wish
        calibration = self.query_one("#calibration", Input).value.strip().lower()
        seed = self.query_one("#seed", Input).value.strip()
        if not calibration:
            raise ValueError("calibration is empty; write languages as 'de', 'en+de' or 'de*3+en'")
        if not seed.isdigit():
            raise ValueError(f"seed '{seed}' is no number")
        return replace(self.offer.wish, calibration=calibration, seed=int(seed))

    @on(Input.Submitted)
    def action_start(self) -> None:
        self._ask(lambda wish: start(self.desk.store, self.desk.runs, wish, self.desk.launches))

    @on(Input.Blurred)
    def look_again(self) -> None:
        """Show what the fields now say."""
        self._ask(lambda wish: offer(self.desk.store, self.desk.runs, wish))

    def action_yank(self) -> None:
        copy(self.app, self.offer.command)
        self.desk.thread.ask("write down", write_down(self.desk.runs, self.offer.wish), self.post_message)

    def on_offered(self, event: Offered) -> None:
        """Another run."""
        self.offer, self.complaint = event.offer, ""
        self.draw()

    def on_refused(self, event: Refused) -> None:
        """It cannot be run like this."""
        self.complaint = event.text
        self.draw()

    def on_launched(self, event: Launched) -> None:
        """It runs."""
        self.dismiss(event.what)

    def _ask(self, question: Callable[[Wish], Question]) -> None:
        try:
            wish = self.wished()
        except ValueError as error:
            self.on_refused(Refused(str(error)))
            return
        self.desk.thread.ask("launch", question(wish), self.post_message)


def _field(name: str, value: str, hint: str) -> ComposeResult:
    with Horizontal(classes="field"):
        label = Lines(id=f"{name}-label")
        label.show([((name, "muted"),)])
        yield label
        field = Input(value, id=name, placeholder=hint)
        field.cursor_blink = False
        yield field
