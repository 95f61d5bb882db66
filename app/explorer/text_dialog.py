"""A page of text over the screen: the help, the SQL behind a view."""

from collections.abc import Iterable

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import ModalScreen

from app.explorer.bindings import Key, textual_bindings
from app.explorer.clipboard import copy
from app.explorer.lines import Line, Lines, folded, line_width

DIALOG_KEYS = (
    Key("down", "j,down", "j ↓", "scroll_by(1)", "down"),
    Key("up", "k,up", "k ↑", "scroll_by(-1)", "up"),
    Key("page_down", "space,pagedown", "space", "scroll_by(15)", "a page down"),
    Key("page_up", "pageup", "PgUp", "scroll_by(-15)", "a page up"),
    Key("top", "g,home", "g", "scroll_by(-9999)", "to the top"),
    Key("bottom", "G,end", "G", "scroll_by(9999)", "to the end"),
    Key("yank", "y", "y", "yank", "copy the text"),
    Key("close", "escape,q,enter,question_mark,s", "esc", "close", "close"),
)


class TextDialog(ModalScreen[None]):
    """Lines that can be scrolled and copied."""

    BINDINGS = textual_bindings(DIALOG_KEYS)

    def __init__(self, title: str, lines: Iterable[Line]) -> None:
        super().__init__()
        self.heading = title
        self.given = tuple(lines)
        self.text = self.given
        self.first = 0

    def compose(self) -> ComposeResult:
        with Vertical(id="dialog"):
            yield Lines(id="dialog-title")
            yield Lines(id="dialog-text")
            yield Lines(id="dialog-keys")

    def on_mount(self) -> None:
        self.fit_room()

    def on_resize(self) -> None:
        self.fit_room()

    def fit_room(self) -> None:
        """As large as the text wants, as the terminal allows."""
        self.text = tuple(part for line in self.given for part in folded(line, self.app.size.width - 8))
        width = max(30, *(line_width(line) for line in self.text), len(self.heading) + 2)
        height = min(len(self.text), self.app.size.height - 6)
        box = self.query_one("#dialog")
        box.styles.width = width + 6
        box.styles.height = height + 6
        self.query_one("#dialog-text").styles.height = height
        self.show()

    def show(self) -> None:
        """Draw the part of the text in view."""
        room = min(len(self.text), self.app.size.height - 6)
        self.first = max(0, min(self.first, len(self.text) - room))
        more = "   j k scroll" if len(self.text) > room else ""
        self.query_one("#dialog-title", Lines).show([((self.heading, "strong"),)])
        self.query_one("#dialog-text", Lines).show(self.text[self.first : self.first + room])
        self.query_one("#dialog-keys", Lines).show([((f"esc close   y copy{more}", "muted"),)])

    def action_scroll_by(self, n_lines: int) -> None:
        self.first += n_lines
        self.show()

    def action_yank(self) -> None:
        copy(self.app, "\n".join("".join(text for text, _ in line) for line in self.given))

    def action_close(self) -> None:
        self.dismiss()


def help_dialog(screen: str, keys: Iterable[Key]) -> TextDialog:
    """Every key of a screen with what it does, by group."""
    groups: dict[str, list[Key]] = {}
    for key in keys:
        groups.setdefault(key.group, []).append(key)
    lines: list[Line] = []
    for group, members in groups.items():
        lines += [((group, "accent"),), *(((f"  {key.shown:<9} ", "key"), (key.help, "")) for key in members), ()]
    return TextDialog(f"keys of {screen}", lines[:-1])


def sql_dialog(text: str) -> TextDialog:
    """SQL to read and to copy."""
    return TextDialog("the SQL behind this screen", [((line, ""),) for line in text.splitlines()])
