"""The store's views: one file each in store/views/, the first line its comment, in an order that can be executed."""

import re
from dataclasses import dataclass
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

FOLDER = Path(__file__).parent / "views"


@dataclass(frozen=True)
class ViewFile:
    """One view: its name, what it shows, its CREATE OR REPLACE VIEW statement."""

    name: str
    comment: str
    sql: str


@cache
def view_files() -> tuple[ViewFile, ...]:
    """Every view, after those that it reads. CREATE OR REPLACE VIEW drops a view's comment: set it again."""
    files = {path.stem: _read(path) for path in sorted(FOLDER.glob("*.sql"))}
    reads = {name: sorted(set(re.findall(r"\w+", file.sql)) & files.keys() - {name}) for name, file in files.items()}
    return tuple(files[name] for name in TopologicalSorter(reads).static_order())


def _read(path: Path) -> ViewFile:
    first, _, sql = path.read_text(encoding="utf-8").partition("\n")
    return ViewFile(path.stem, first.removeprefix("-- ").strip(), sql.strip())
