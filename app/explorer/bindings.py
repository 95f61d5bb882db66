"""Every key of the explorer, told once: the footer, the help and the palette read this table."""

from dataclasses import dataclass

from textual.binding import Binding


@dataclass(frozen=True)
class Key:
    """One binding.

    keys: as Textual names them, separated by commas; shown: as people write them.
    label: a word or two for the footer, empty for keys that only the help lists.
    """

    id: str
    keys: str
    shown: str
    action: str
    label: str
    help: str
    group: str


MOVE, SHOW, WORK, OTHER = "Move", "What is shown", "Compare and run", "Everything else"

MATRIX_KEYS = (
    Key("left", "h,left", "h ←", "step(0, -1)", "", "one cell left", MOVE),
    Key("down", "j,down", "j ↓", "step(1, 0)", "", "one cell down", MOVE),
    Key("up", "k,up", "k ↑", "step(-1, 0)", "", "one cell up", MOVE),
    Key("right", "l,right", "l →", "step(0, 1)", "", "one cell right", MOVE),
    Key("top", "g,home", "gg Home", "top", "", "first row", MOVE),
    Key("bottom", "G,end", "G End", "leap(1, 0)", "", "last row", MOVE),
    Key("first", "0", "0", "leap(0, -1)", "", "first column", MOVE),
    Key("last", "dollar_sign", "$", "leap(0, 1)", "", "last column", MOVE),
    Key("metric_before", "comma", ",", "metric(-1)", "", "previous metric", SHOW),
    Key("metric_after", "full_stop", ".", "metric(1)", ", . metric", "next metric", SHOW),
    Key("slice_before", "less_than_sign", "<", "slice(-1)", "", "previous slice: model, method, sparsity", SHOW),
    Key("slice_after", "greater_than_sign", ">", "slice(1)", "< > slice", "next slice: model, method, sparsity", SHOW),
    Key("source", "m", "m", "source", "m paper", "measured numbers or the paper's published ones", SHOW),
    Key("normalise", "n", "n", "normalise", "", "scale of the colours: each column, each row, the whole, none", SHOW),
    Key("baseline", "b", "b", "baseline", "b baseline", "difference to: nothing, dense, same language, paper", SHOW),
    Key("transpose", "t", "t", "transpose", "", "swap rows and columns", SHOW),
    Key("palette", "c", "c", "palette", "", "colours: viridis, cividis, magma", SHOW),
    Key("mark", "space", "space", "mark", "space mark", "mark a calibration: first A, then B", WORK),
    Key("compare", "equals_sign,2", "= 2", "compare", "= compare", "compare A and B over all metrics", WORK),
    Key("run", "r", "r", "run_cell", "r run", "start the run that this cell is missing", WORK),
    Key("runs", "4", "4", "runs", "4 runs", "the runs: state, progress, log", WORK),
    Key("reload", "R", "R", "reload", "", "read the store again", OTHER),
    Key("sql", "s", "s", "sql", "s sql", "the SQL behind this view", OTHER),
    Key("yank", "y", "y", "yank", "", "copy the number under the cursor", OTHER),
    Key("export", "e", "e", "export", "e export", "write this view to ./out as text and CSV", OTHER),
    Key("commands", "colon,ctrl+p", ": ctrl+p", "commands", "", "find a command, slice or metric by name", OTHER),
    Key("help", "question_mark", "?", "help", "? help", "this list", OTHER),
    Key("quit", "q", "q", "quit", "q quit", "leave; runs go on", OTHER),
)

COMPARE_KEYS = (
    Key("left", "h,left", "h ←", "step(0, -1)", "", "one cell left", MOVE),
    Key("down", "j,down", "j ↓", "step(1, 0)", "", "one cell down", MOVE),
    Key("up", "k,up", "k ↑", "step(-1, 0)", "", "one cell up", MOVE),
    Key("right", "l,right", "l →", "step(0, 1)", "", "one cell right", MOVE),
    Key("swap", "x", "x", "swap", "x swap A and B", "swap A and B", WORK),
    Key("significant", "d", "d", "significant", "d only clear differences", "hide what lies within 2 sd", SHOW),
    Key("other_a", "o", "o", "other(0)", "o O other A, B", "another calibration as A", WORK),
    Key("other_b", "O", "O", "other(1)", "", "another calibration as B", WORK),
    Key("sql", "s", "s", "sql", "s sql", "the SQL behind this screen", OTHER),
    Key("export", "e", "e", "export", "e export", "write this comparison to ./out as text and CSV", OTHER),
    Key("back", "escape,1", "esc 1", "back", "esc back", "back to the matrix", OTHER),
    Key("help", "question_mark", "?", "help", "? help", "this list", OTHER),
    Key("quit", "q", "q", "quit", "q quit", "leave; runs go on", OTHER),
)

RUNS_KEYS = (
    Key("down", "j,down", "j ↓", "step(1)", "j k choose", "next run", MOVE),
    Key("up", "k,up", "k ↑", "step(-1)", "", "previous run", MOVE),
    Key("top", "g,home", "g Home", "step(-9999)", "", "first run", MOVE),
    Key("bottom", "G,end", "G End", "step(9999)", "", "last run", MOVE),
    Key("yank", "y", "y", "yank", "y copy path", "copy the path of the run's folder", OTHER),
    Key("back", "escape,1", "esc 1", "back", "esc back", "back to the matrix", OTHER),
    Key("help", "question_mark", "?", "help", "? help", "this list", OTHER),
    Key("quit", "q", "q", "quit", "q quit", "leave; runs go on", OTHER),
)


def textual_bindings(keys: tuple[Key, ...]) -> list[Binding]:
    """The table as Textual wants it."""
    return [Binding(key.keys, key.action, key.help, id=key.id, show=bool(key.label)) for key in keys]
