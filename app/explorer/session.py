"""What the explorer remembers between two openings of a store: the last view, the cursor, and its numbers."""

import hashlib
import json
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from platformdirs import user_state_path

from store.files import write_atomically
from store.matrix import Cell, Matrix
from store.view import View

_VERSION = 1


@dataclass(frozen=True)
class Session:
    """One store's last view. `saved_at` is in seconds since 1970; `matrix` the numbers as they were then."""

    view: View = field(default_factory=View)
    cursor: tuple[int, int] = (0, 0)
    transposed: bool = False
    palette: str = "viridis"
    saved_at: float = 0.0
    matrix: Matrix | None = None


def recall(store: Path) -> Session | None:
    """The last session on this store, None where there is none that can be read."""
    try:
        data = json.loads(_file(store).read_text(encoding="utf-8"))
        if data["version"] != _VERSION:
            return None
        return Session(
            view=View.parse(data["view"]),
            cursor=tuple(data["cursor"]),
            transposed=data["transposed"],
            palette=data["palette"],
            saved_at=data["saved_at"],
            matrix=_matrix(data["matrix"]),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def remember(store: Path, session: Session) -> None:
    """Keep `session`. What cannot be written is not kept: a read-only home is no reason to stop."""
    matrix = session.matrix
    data = {
        "version": _VERSION,
        "view": str(session.view),
        "cursor": session.cursor,
        "transposed": session.transposed,
        "palette": session.palette,
        "saved_at": time.time(),
        "matrix": None if matrix is None else _plain(matrix),
    }
    try:
        file = _file(store)
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(file, json.dumps(data).encode())
    except OSError:
        return


def _file(store: Path) -> Path:
    digest = hashlib.sha256(str(store.resolve()).encode()).hexdigest()[:12]
    return user_state_path("calib-explorer", appauthor=False) / f"explorer-{digest}.json"


def _plain(matrix: Matrix) -> dict[str, Any]:
    cells = [[row, column, asdict(cell)] for (row, column), cell in matrix.cells.items()]
    base = [[row, column, value] for (row, column), value in matrix.base.items()]
    return {**asdict(matrix), "view": str(matrix.view), "cells": cells, "base": base}


def _matrix(data: dict[str, Any] | None) -> Matrix | None:
    """Read a matrix back. Raises what a damaged file makes it raise."""
    if data is None:
        return None
    cells = {(row, column): _cell(cell) for row, column, cell in data["cells"]}
    base = {(row, column): value for row, column, value in data["base"]}
    return Matrix(
        view=View.parse(data["view"]),
        rows=tuple(data["rows"]),
        columns=tuple(data["columns"]),
        references=tuple(data["references"]),
        cells=cells,
        unit=data["unit"],
        better=data["better"],
        title=data["title"],
        evaluations=tuple(data["evaluations"]),
        base=base,
    )


def _cell(data: dict[str, Any]) -> Cell:
    return Cell(**{**data, "run_ids": tuple(data["run_ids"])})
