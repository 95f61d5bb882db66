"""The terminal explorer: the matrix of calibration x evaluation language, comparisons, runs."""

import os
from pathlib import Path

from app.explorer.environment import prepare
from app.failures import CommandError
from app.terminal import ColourChoice, colours
from store.view import View


def run(store: Path, runs: Path, color: ColourChoice = "auto", view: str | None = None) -> None:
    """Show `store` (it need not exist) until the user quits; runs that were started go on.

    view: where to begin, as 'perplexity?method=wanda'. Raises CommandError for a view that cannot be read and for
    a store that could not be shown, after the explorer has said so and was quit.
    """
    try:
        asked = None if view is None else View.parse(view)
    except ValueError as error:
        raise CommandError(str(error)) from None
    mode = colours(color)
    prepare(mode, os.environ)
    from app.explorer.explorer import Explorer

    explorer = Explorer(store, runs, mode, asked)
    try:
        problem = explorer.run()
    finally:
        explorer.desk.thread.stop(wait_s=2.0)
    if problem:
        raise CommandError(problem)
