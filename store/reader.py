"""Reading results: one in-memory DuckDB that shows the store's tables and views together with everything finished
since, however long somebody holds the store.

Names resolve in memory: the tables run, evaluation and measurement are copies there, kept up to date by what changed
(store/mirror.py); the large tables are views over the attached store and over segments (store/large.py); the views of
store/views are made on top. So the queries of most screens touch neither file nor lock.

    reader = Reader(store, runs)
    reader.refresh()          # milliseconds; the store is not held afterwards
    reader.connection         # run, evaluation, measurement and every view on them, at any time

    with reader:              # the store is attached, read-only, for as long as this lasts, and the large tables
        reader.connection     # (items, masks, neurons, arrays) can be asked for. Outside they raise an error

The first refresh() makes only the views that the named queries read, the second one or `with` the others that are
wanted (all take 0.2 to 0.5 s).
Neither polars nor pyarrow is imported here. One thread uses one Reader.
"""

import contextlib
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import duckdb

from store.attach import Held, attached, explain, in_memory
from store.holder import Holder, lasting_holder
from store.large import LargeTables
from store.mirror import Mirror
from store.schema import ROOM, journalled
from store.segments import Segment, SegmentWatch
from store.view_files import view_files

_WAIT_S = 0.3
"""How long a refresh waits for whoever has the store open, once for each."""


@dataclass(frozen=True)
class Freshness:
    """How new what a reader shows is.

    held_by: who has the store open read-write, so that it cannot be read now. stale: whether the store may for that
    reason hold rows that are not shown. overlay_segments: segments shown that the store does not have yet.
    revision: another number whenever something else is shown.
    """

    held_by: Holder | None
    overlay_segments: int
    stale: bool
    revision: int = 0


class Reader:
    """Shows a store and its run folders, or the paper's numbers where there are neither. See the module."""

    def __init__(self, store: Path, runs: Path, *, views: Collection[str] | None = None) -> None:
        """views: which views are wanted beside those that named queries read, with what they read; None: all."""
        self._connection = in_memory()
        self._store = store
        self._watch = SegmentWatch(runs)
        self._mirror = Mirror(self._connection)
        self._read_at: object = None
        self._holder: Holder | None = None
        self._large = LargeTables(self._connection)
        self._pending: list[Segment] = []
        self._views: set[str] = set()
        self._wanted = {view.name for view in view_files()} if views is None else _read_by(views)
        self._all_views = False
        self._settled = False
        self._attachment = contextlib.ExitStack()
        self._inside = self._attached = False
        self._revision = 0

    @property
    def connection(self) -> duckdb.DuckDBPyConnection:
        """Where the tables and views are, as of the last refresh, of which there is one at least."""
        if not self._views:
            self.refresh()
        return self._connection

    def refresh(self) -> Freshness:
        """Show what is there now. Cheap where nothing changed.

        Waits at most 0.3 s for whoever has the store open. Raises StoreError for a store that cannot be used.
        """
        read_now = not self._attached and self._read_store()
        looked = self._watch.look()
        if looked or read_now or not self._settled:
            self._revision += looked
            self._show()
        stale = self._holder is not None and self._read_at != _stamp(self._store)
        return Freshness(self._holder, len(self._pending), stale, self._mirror.changes + self._revision)

    def close(self) -> None:
        """Give everything back."""
        self._attachment.close()
        self._connection.close()

    def __enter__(self) -> Self:
        try:
            self._attach()
            self._all_views, self._settled = True, False
            self.refresh()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._attachment.close()
        self._inside = self._attached = self._settled = False
        self._large.hide()

    def _attach(self) -> None:
        try:
            if self._store.exists():
                self._attachment.enter_context(
                    attached(self._connection, self._store, read_only=True, wait_s=_WAIT_S)
                )
                self._attached, self._holder = True, None
                self._watch.look()
                self._mirror.read(self._store, self._watch.segments)
                self._read_at = _stamp(self._store)
        except Held as held:
            self._holder = held.by
        except duckdb.Error as error:
            raise explain(error, self._store) from error
        self._large.open(self._attached)
        self._inside = True

    def _read_store(self) -> bool:
        """Bring the small tables up to the store where it changed. Whether that was done."""
        self._holder = lasting_holder(self._store, self._holder, _WAIT_S)
        stamp = _stamp(self._store)
        if stamp == self._read_at or stamp is None or self._holder is not None:
            return False
        try:
            with attached(self._connection, self._store, read_only=True, wait_s=_WAIT_S):
                self._watch.look()
                self._settled = False
                self._mirror.read(self._store, self._watch.segments)
                self._read_at = stamp
                return True
        except Held as held:
            self._holder = held.by
            return False
        except duckdb.Error as error:
            raise explain(error, self._store) from error

    def _show(self) -> None:
        self._mirror.without_store()
        segments, stored = self._watch.segments, self._mirror.stored
        self._pending = [s for s in segments if s.name not in stored and s.table in journalled()]
        self._mirror.take(self._pending)
        if self._inside:
            self._large.show(self._pending if self._attached else segments)
        self._make_views()

    def _make_views(self) -> None:
        """Those that the named queries read at first, the others that are wanted the next time."""
        wanted = _queried() | (self._wanted if self._all_views else set())
        for view in view_files():
            if view.name in wanted - self._views:
                self._connection.execute(view.sql)
        self._views |= wanted
        self._settled = self._wanted <= self._views
        self._all_views = True


@contextlib.contextmanager
def open_reader(store: Path, runs: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection that shows everything, for one question. Raises StoreError for a store that cannot be used."""
    reader = Reader(store, runs)
    try:
        with reader:
            yield reader.connection
    finally:
        reader.close()


def _queried() -> set[str]:
    """The views that the named queries read, and those that these read."""
    text = "\n".join(path.read_text(encoding="utf-8") for path in (ROOM / "queries").glob("*.sql"))
    return _read_by(re.findall(r"\w+", text))


def _read_by(words: Collection[str]) -> set[str]:
    """The views named among `words`, and those that these read."""
    named = set(words)
    wanted: set[str] = set()
    for view in reversed(view_files()):
        if view.name in named:
            wanted.add(view.name)
            named |= set(re.findall(r"\w+", view.sql))
    return wanted


def _stamp(store: Path) -> object:
    """Changes when the store or its write-ahead log does; None without a store."""
    stamps = []
    for path in (store, Path(f"{store}.wal")):
        try:
            found = path.stat()
        except OSError:
            continue
        stamps.append((path.name, found.st_ino, found.st_size, found.st_mtime_ns))
    return tuple(stamps) or None
