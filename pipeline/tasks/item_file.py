"""Items from files: JSON lines (also gzipped) and Parquet."""

import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars

from pipeline.spec.frozen import nearest
from pipeline.spec.tasks import Task
from pipeline.tasks.error import TaskError

Row = dict[str, Any]


def rows(path: Path) -> list[Row]:
    """All rows of a file. Raises TaskError, naming the line that is no JSON object."""
    try:
        if path.suffix == ".parquet":
            return polars.read_parquet(path).to_dicts()
        packed = path.read_bytes()
        lines = (gzip.decompress(packed) if path.suffix == ".gz" else packed).decode("utf-8").splitlines()
    except (OSError, UnicodeDecodeError, polars.exceptions.PolarsError) as error:
        raise TaskError(f"{path}: {error}") from None
    found = []
    for number, line in enumerate(lines, start=1):
        if line.strip():
            found.append(_object(line, f"{path}:{number}"))
    if not found:
        raise TaskError(f"{path}: no items in it")
    return found


def ids(items: Sequence[Row], name: str, path: Path) -> list[str]:
    """The items' ids, or their numbers from 0 where they have none. Raises TaskError for one that is there twice."""
    if not any(name in row for row in items):
        return [str(number) for number in range(len(items))]
    found = [str(field(row, name, f"{path}, item {number}")) for number, row in enumerate(items)]
    if len(set(found)) < len(found):
        twice = next(one for one in found if found.count(one) > 1)
        raise TaskError(f"{path}: the id '{twice}' is there twice")
    return found


def field(row: Row, name: str, where: str) -> Any:
    """A column of a row. Raises TaskError with the nearest one there is."""
    if name not in row:
        raise TaskError(f"{where}: no '{name}' in it; {nearest(name, [str(key) for key in row])}")
    return row[name]


def prompt(task: Task, row: Row, where: str, default: str) -> str:
    """The prompt of an item, its columns filled in."""
    question = str(field(row, task.question, where))
    template = task.prompt or default
    try:
        return template.format_map({**row, "question": question})
    except KeyError as error:
        missing = str(error.args[0])
        raise TaskError(f"{where}: the prompt wants '{missing}'; {nearest(missing, [*map(str, row)])}") from None
    except (ValueError, IndexError, AttributeError) as error:
        raise TaskError(f"{where}: the prompt can't be filled in: {error}") from None


def _object(line: str, where: str) -> Row:
    try:
        row = json.loads(line)
    except json.JSONDecodeError as error:
        raise TaskError(f"{where}: no JSON: {error}") from None
    if not isinstance(row, dict):
        raise TaskError(f"{where}: a {type(row).__name__} where an object was expected")
    return row
