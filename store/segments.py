"""Names of journal segments: what a file is, told by its name alone.

    runs/<run_id>/journal/<time_ns>-a<attempt>-<table>.parquet

The name's time is the `written_at` of its rows. Of two writings of one unit the later counts, wherever it is read.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_NAME = re.compile(r"(?P<time_ns>\d+)-a(?P<attempt>\d+)-(?P<table>\w+)\.parquet")


@dataclass(frozen=True)
class Segment:
    """One Parquet file of rows of one table, written by one run in one go."""

    path: Path
    run_id: str
    time_ns: int
    attempt: int
    table: str

    @property
    def name(self) -> str:
        """How the store remembers it: '<folder>/<file>'."""
        return f"{self.run_id}/{self.path.name}"


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
            yield Segment(journal / name, run_id, time_ns, attempt, match["table"])


def all_segments(runs: Path) -> Iterator[Segment]:
    """The segments of every folder under `runs` that has a journal."""
    try:
        folders = sorted(entry.name for entry in os.scandir(runs))
    except (FileNotFoundError, NotADirectoryError):
        return
    for folder in folders:
        if not folder.startswith("."):
            yield from segments_in(runs / folder / "journal")
