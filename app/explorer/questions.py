"""What the screens ask the store. Questions are answered in its thread, by the messages of answers.py."""

from dataclasses import replace
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from textual.message import Message

from app.explorer import navigation
from app.explorer.answers import CellRead, Compared, Looked, MatrixRead, SqlRead, ViewRefused, Winners, WinnersRead
from app.explorer.live import Folders, Seen
from app.explorer.session import Session, remember
from app.explorer.store_thread import Question
from store.view import View

if TYPE_CHECKING:
    from store.holder import Holder
    from store.reader import Reader


def matrix(view: View, fall_back: bool = False) -> Question:
    """The matrix of `view`. fall_back: where there is nothing measured, the paper's; where `view` names something
    that is not there (any more), what there is."""

    def question(reader: "Reader") -> Message:
        try:
            return _filled(reader, view)
        except ValueError as error:
            return _matrix(reader, View(source=view.source), str(error)) if fall_back else ViewRefused(str(error))

    def opening(reader: "Reader") -> Message:
        found = question(reader)
        if isinstance(found, MatrixRead) and not found.matrix.cells and view.source == "run":
            return _matrix(reader, View(source="paper"), found.note)
        return found

    return opening if fall_back else question


def winners(view: View, pairs: tuple[tuple[str, str], ...]) -> Question:
    """The best calibrations of every quantity of the slice."""

    def question(reader: "Reader") -> Message:
        from store import queries

        found = []
        for quantity, task in pairs:
            other = navigation.with_metric(replace(view, baseline="none"), quantity, task)
            read = queries.matrix(reader.connection, other)
            best = {column: read.best(column) for column in read.columns}
            found.append(Winners(quantity, task, best, read.target_best()))
        return WinnersRead(view, tuple(found))

    return question


def other_source(view: View) -> Question:
    """The matrix of `view`, whose source was just switched; where it has nothing, what the source has."""

    def question(reader: "Reader") -> Message:
        anywhere = replace(view, model=None, method=None, pattern=None, sparsity=None)
        for attempt in (view, anywhere, View(source=view.source)):
            try:
                found = _matrix(reader, attempt)
            except ValueError:
                continue
            if found.matrix.cells:
                return found
        return _matrix(reader, View(source=view.source))

    return question


def baseline(view: View) -> Question:
    """The matrix of `view` with the next baseline that there is anything of."""

    def question(reader: "Reader") -> Message:
        attempt = navigation.next_baseline(view)
        while True:
            found = _matrix(reader, attempt)
            if found.matrix.base or attempt.baseline == "none":
                return found
            attempt = navigation.next_baseline(attempt)

    return question


def cell(view: View, row: str, column: str) -> Question:
    """One cell."""

    def question(reader: "Reader") -> Message:
        from store import queries

        return CellRead(view, queries.cell(reader.connection, view, row, column))

    return question


def compare(view: View, a: str, b: str) -> Question:
    """Two calibrations of the view's slice."""

    def question(reader: "Reader") -> Message:
        from store import queries

        differences = queries.compare(reader.connection, view, a, b)
        return Compared(a, b, differences, dict(queries.tally(differences)))

    return question


def compare_sql() -> Question:
    """The SQL of a comparison; its parameters are named $so."""

    def question(_: "Reader") -> Message:
        from store import queries

        return SqlRead(queries.sql("numbers"))

    return question


def sql(view: View) -> Question:
    """The SQL of a matrix, its values filled in."""

    def question(reader: "Reader") -> Message:
        from store import queries

        return SqlRead(queries.matrix_sql(reader.connection, view))

    return question


def look(folders: Folders) -> Question:
    """What changed since the last look; None where nothing did."""

    def question(reader: "Reader") -> Message | None:
        freshness = reader.refresh()
        seen = Seen(folders.look(), _name(freshness.held_by), freshness.revision)
        before, folders.seen = folders.seen, seen
        if seen == before:
            return None
        return Looked(seen.runs, seen.held_by, before is None or before.revision != seen.revision)

    return question


def keep(store: Path, session: Session) -> Question:
    """Nothing of the store: remember `session`, off the screen's thread."""

    def question(_: "Reader") -> Message | None:
        remember(store, session)
        return None

    return question


def _name(holder: "Holder | None") -> str:
    """Who has the store, in few words: "python 4711"."""
    if holder is None:
        return ""
    program = PurePath((holder.command or "another program").split(" ")[0]).name
    return f"{program} {holder.pid}" if holder.pid else program


def _filled(reader: "Reader", view: View) -> MatrixRead:
    """The matrix of `view`, or of a quantity that its slice does have."""
    found = _matrix(reader, view)
    if found.matrix.cells or not found.pairs:
        return found
    task = next((pair for pair in found.pairs if pair[1] == view.task), found.pairs[0])
    return _matrix(reader, navigation.with_metric(view, *task))


def _matrix(reader: "Reader", view: View, note: str = "") -> MatrixRead:
    from store import queries

    found = queries.matrix(reader.connection, view)
    slices = tuple(queries.slices(reader.connection, view.source))
    pairs = tuple(queries.quantities(reader.connection, found.view))
    measured = bool(slices) if view.source == "run" else bool(queries.slices(reader.connection, "run"))
    return MatrixRead(view, found, slices, pairs, measured, note)
