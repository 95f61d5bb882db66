"""Named queries: the files of store/queries/, with their parameters by name."""

import re
from functools import cache
from pathlib import Path
from typing import Any

import duckdb

FOLDER = Path(__file__).parent / "queries"
_PARAMETER = re.compile(r"\$(\w+)")


def sql(name: str, parameters: dict[str, Any] | None = None) -> str:
    """The text of a named query; with `parameters`, its values in their place, ready to paste into any SQL shell.

    Raises ValueError for an unknown name.
    """
    text = _read(name)
    if parameters is None:
        return text
    return _PARAMETER.sub(lambda found: _literal(parameters[found[1]]), text)


def select(connection: duckdb.DuckDBPyConnection, name: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
    """The rows of a named query. `parameters` may hold more than the query names."""
    text = _read(name)
    wanted = {key: parameters[key] for key in _PARAMETER.findall(text)}
    return connection.execute(text, wanted).fetchall()


def names() -> list[str]:
    """The named queries."""
    return sorted(path.stem for path in FOLDER.glob("*.sql"))


@cache
def _read(name: str) -> str:
    try:
        return (FOLDER / f"{name}.sql").read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ValueError(f"no query '{name}'; there are {', '.join(names())}") from None


def _literal(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, (bool, int, float)):
        return str(value)
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(_literal(item) for item in value)}]"
    return "'" + str(value).replace("'", "''") + "'"
