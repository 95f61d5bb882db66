"""Names of journal segments: what a file is, told by its name alone.

    runs/<run_id>/journal/<time_ns>-a<attempt>-<table>.parquet

The name's time is the `written_at` of its rows. Of two writings of one unit the later counts, wherever it is read.
"""

import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_NAME = re.compile(r"(?P<time_ns>\d+)-a(?P<attempt>\d+)-(?P<table>\w+)\.parquet")


@dataclass(frozen=True)
class Segment:
    """One Parquet file of rows of one table, written by one run in one go.

    name: how the store remembers it, '<folder>/<file>'.
    """

    path: Path
    name: str
    run_id: str
    time_ns: int
    attempt: int
    table: str


def segments_in(journal: Path) -> Iterator[Segment]:
    """The segments in one journal folder, in the order of their writing. Nothing else there is looked at."""
    try:
        names = sorted(entry.name for entry in os.scandir(journal))
    except (FileNotFoundError, NotADirectoryError):
        return
    run_id = journal.parent.name
    for name in names:
        if match := _NAME.fullmatch(name):
            time_ns, attempt = int(match["time_ns"]), int(match["attempt"])
            yield Segment(journal / name, f"{run_id}/{name}", run_id, time_ns, attempt, match["table"])


def all_segments(runs: Path) -> Iterator[Segment]:
    """The segments of every folder under `runs` that has a journal."""
    try:
        folders = sorted(entry.name for entry in os.scandir(runs))
    except (FileNotFoundError, NotADirectoryError):
        return
    for folder in folders:
        if not folder.startswith("."):
            yield from segments_in(runs / folder / "journal")


class SegmentWatch:
    """Lists all segments again and again, looking only into folders that changed: 2 ms for a thousand runs.

    segments: all of them, as of the last look.
    """

    _SURE_NS = 50_000_000
    """A folder changed less than this before it was listed may change again without its time telling."""

    def __init__(self, runs: Path) -> None:
        self._runs = runs
        self._listed: dict[str, tuple[int, tuple[Segment, ...]]] = {}
        self.segments: tuple[Segment, ...] = ()

    def look(self) -> bool:
        """Whether anything changed since the last look."""
        try:
            with os.scandir(self._runs) as entries:
                folders = sorted(entry.name for entry in entries if not entry.name.startswith("."))
        except (FileNotFoundError, NotADirectoryError):
            folders = []
        before, self._listed = self._listed, {folder: self._folder(folder) for folder in folders}
        same = all(self._listed[folder][1] is before.get(folder, (0, None))[1] for folder in folders)
        if same and len(folders) == len(before):
            return False
        found = tuple(segment for _, segments in self._listed.values() for segment in segments)
        changed, self.segments = found != self.segments, found
        return changed

    def _folder(self, folder: str) -> tuple[int, tuple[Segment, ...]]:
        journal = f"{self._runs}/{folder}/journal"
        try:
            changed = os.stat(journal).st_mtime_ns  # noqa: PTH116 - a Path costs more than the call
        except (FileNotFoundError, NotADirectoryError):
            return 0, ()
        before = self._listed.get(folder)
        if before is not None and before[0] == changed:
            return before
        found = tuple(segments_in(Path(journal)))
        return (changed if time.time_ns() - changed > self._SURE_NS else 0), found
