"""Every key of the explorer, told once: the footer, the help and the palette read this table."""

from collections.abc import Mapping
from dataclasses import dataclass

from textual.binding import Binding, BindingType

from app.explorer.lines import Line


@dataclass(frozen=True)
class Key:
    """One binding.

    keys: as Textual names them, separated by commas; shown: as people write them.
    label: a word for the footer, behind `footer` or the first of `shown`; rank: its turn when room is short,
        1 first, 0 for keys that only the help lists.
    """

    id: str
    keys: str
    shown: str
    action: str
    help: str
    group: str = ""
    label: str = ""
    rank: int = 0
    footer: str = ""


FAR = 9999
"""Steps to the end of anything."""

MOVE, SHOW, WORK, OTHER = "Move", "What is shown", "Compare and run", "Everything else"

_STEPS = (
    Key("left", "h,left", "h ←", "step(0, -1)", "one cell left", MOVE, "move", 4, "hjkl"),
    Key("down", "j,down", "j ↓", "step(1, 0)", "one cell down", MOVE),
    Key("up", "k,up", "k ↑", "step(-1, 0)", "one cell up", MOVE),
    Key("right", "l,right", "l →", "step(0, 1)", "one cell right", MOVE),
    Key("top", "g", "gg", "first_g", "first row", MOVE),
    Key("home", "home", "Home", f"step({-FAR}, 0)", "first row", MOVE),
    Key("bottom", "G,end", "G End", f"step({FAR}, 0)", "last row", MOVE),
    Key("first", "0", "0", f"step(0, {-FAR})", "first column", MOVE),
    Key("last", "dollar_sign", "$", f"step(0, {FAR})", "last column", MOVE),
)
_ALWAYS = (
    Key("help", "question_mark", "?", "help", "this list", OTHER, "help", 1),
    Key("suspend", "ctrl+z", "ctrl+z", "app.suspend_process", "to the shell; fg comes back", OTHER),
    Key("quit", "q", "q", "app.quit", "leave; runs go on", OTHER, "quit", 1),
)
_BACK = Key("back", "escape,1", "esc 1", "back", "back to the matrix", OTHER, "back", 1)

MATRIX_KEYS = (
    *_STEPS,
    Key("source", "m,p", "m p", "source", "measured numbers or the paper's published ones", SHOW, "paper", 1),
    Key("metric_before", "comma", ",", "metric(-1)", "previous metric", SHOW),
    Key("metric_after", "full_stop", ".", "metric(1)", "next metric", SHOW, "metric", 1, ", ."),
    Key("slice_before", "less_than_sign", "<", "slice(-1)", "previous slice: model, method, sparsity", SHOW),
    Key("slice_after", "greater_than_sign", ">", "slice(1)", "next slice", SHOW, "slice", 1, "< >"),
    Key(
        "normalise",
        "n",
        "n",
        "normalise",
        "colours by column, row, whole map, or none",
        SHOW,
        "scale",
        6,
    ),
    Key("baseline", "b", "b", "baseline", "difference to: dense, same language, the paper", SHOW, "baseline", 4),
    Key("transpose", "t", "t", "transpose", "swap rows and columns", SHOW),
    Key("palette", "c", "c", "palette", "colours: viridis, cividis, magma", SHOW),
    Key("mark", "space", "space", "mark", "mark a calibration: first A, then B", WORK, "mark", 3),
    Key("compare", "equals_sign,2", "= 2", "compare", "compare A and B over all metrics", WORK, "compare", 2),
    Key("run", "r", "r", "run_cell", "start the run that this cell is missing", WORK, "run", 2),
    Key("runs", "4", "4", "runs", "the runs: state, progress, log", WORK, "runs", 4),
    Key("reload", "R", "R", "reload", "read the store again", OTHER),
    Key("sql", "s", "s", "sql", "the SQL behind this view", OTHER, "sql", 5),
    Key("yank", "y", "y", "yank", "copy the number under the cursor", OTHER, "copy", 6),
    Key("export", "e", "e", "export", "write this view to ./out as text and CSV", OTHER, "export", 5),
    Key(
        "commands",
        "colon,ctrl+p,slash",
        ": /",
        "commands",
        "find a command, slice or metric",
        OTHER,
        "find",
        5,
    ),
    *_ALWAYS,
)

COMPARE_KEYS = (
    *_STEPS,
    Key("swap", "x", "x", "swap", "swap A and B", WORK, "swap", 2),
    Key("significant", "d", "d", "significant", "hide what lies within 2 sd", SHOW, "only clear", 2),
    Key("other_a", "o", "o", "other(0)", "another calibration as A", WORK, "other A, B", 3, "o O"),
    Key("other_b", "O", "O", "other(1)", "another calibration as B", WORK),
    Key("reload", "R", "R", "reload", "read the store again", OTHER),
    Key("sql", "s", "s", "sql", "the SQL behind this screen", OTHER, "sql", 4),
    Key("export", "e", "e", "export", "write this comparison to ./out as text and CSV", OTHER, "export", 4),
    _BACK,
    *_ALWAYS,
)

RUNS_KEYS = (
    Key("down", "j,down", "j ↓", "step(1)", "next run", MOVE, "choose", 2, "j k"),
    Key("up", "k,up", "k ↑", "step(-1)", "previous run", MOVE),
    Key("top", "g,home", "g Home", f"step({-FAR})", "first run", MOVE),
    Key("bottom", "G,end", "G End", f"step({FAR})", "last run", MOVE),
    Key("yank", "y", "y", "yank", "copy the path of the run's folder", OTHER, "copy path", 2),
    _BACK,
    *_ALWAYS,
)


def textual_bindings(keys: tuple[Key, ...]) -> list[BindingType]:
    """The table as Textual wants it."""
    return [Binding(key.keys, key.action, key.help, id=key.id) for key in keys]


def footer(keys: tuple[Key, ...], width: int, renamed: Mapping[str, str] | None = None) -> Line:
    """The keys that fit into `width`, those of the lowest rank first, in the order of the table."""
    labels = {key.id: (renamed or {}).get(key.id, key.label) for key in keys}
    room = width - 1
    chosen: set[str] = set()
    for key in sorted((key for key in keys if key.rank and labels[key.id]), key=lambda key: key.rank):
        needed = len(_footer_key(key)) + len(labels[key.id]) + 1 + 2 * bool(chosen)
        if needed <= room:
            chosen.add(key.id)
            room -= needed
    line: Line = ()
    for key in (key for key in keys if key.id in chosen):
        line += (("  " if line else " ", ""), (_footer_key(key), "key"), (f" {labels[key.id]}", ""))
    return line


def _footer_key(key: Key) -> str:
    return key.footer or key.shown.split()[0]
