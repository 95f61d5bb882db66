"""From pydantic's errors to one line a mistake: where in the file, what it is, what would be valid."""

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from pipeline.spec.frozen import nearest


class GridError(ValueError):
    """A mistake in a grid file, told in words for its writer."""


def complain(error: ValidationError, data: dict[str, Any], path: Path) -> str:
    """One line for each mistake: file, path in it, what is wrong."""
    lines = []
    details = error.errors(include_url=False)
    for detail in details:
        if detail["type"] == "too_short" and any(_is_inside(other, detail) for other in details):
            continue  # pydantic does not count the items that it complains of
        keys = [key for key in detail["loc"] if not _is_tag(key, detail["loc"], data)]
        lines.append(f"{path}: {_dotted(keys)}: {_say(detail, keys, data)}")
    return "\n".join(lines)


def _is_inside(other: ErrorDetails, detail: ErrorDetails) -> bool:
    """Whether `other` is a mistake in a part of what `detail` is about."""
    n_keys = len(detail["loc"])
    return len(other["loc"]) > n_keys and other["loc"][:n_keys] == detail["loc"]


def _is_tag(key: int | str, location: tuple[int | str, ...], data: Any) -> bool:
    """pydantic puts the tag of a discriminated union into the path; the file has no such key."""
    here: Any = data
    for step in location:
        found = here.get(step, _Nothing) if isinstance(here, dict) else _Nothing
        if isinstance(here, (list, tuple)) and isinstance(step, int) and step < len(here):
            found = here[step]
        if step == key:
            return isinstance(step, str) and found is _Nothing and isinstance(here, dict) and here.get("name") == step
        here = here if found is _Nothing else found
    return False


class _Nothing:
    """No such key."""


def _dotted(keys: list[int | str]) -> str:
    text = ""
    for key in keys:
        text += f"[{key}]" if isinstance(key, int) else f".{key}" if text else key
    return text or "the file"


def _say(detail: ErrorDetails, keys: list[int | str], data: dict[str, Any]) -> str:
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "extra_forbidden":
        return f"no such key; {_home(str(keys[-1])) or nearest(str(keys[-1]), _valid_keys(keys[:-1], data))}"
    if kind == "missing":
        return "missing"
    if kind == "union_tag_invalid":
        return f"no {_noun(keys)} '{context['tag']}'; {nearest(str(context['tag']), _names(context))}"
    if kind == "union_tag_not_found":
        example = "perplexity" if _noun(keys) == "measure" else "wanda"
        return f'a {_noun(keys)} needs a name, as {{ name = "{example}" }}'
    if kind == "value_error":
        return str(context["error"])
    shown = repr(detail["input"])
    return f"{detail['msg'].lower()}, found {shown if len(shown) < 60 else shown[:57] + '...'}"


def _noun(keys: list[int | str]) -> str:
    return "measure" if keys[0] == "measure" else "method"


def _names(context: dict[str, Any]) -> list[str]:
    return [name.strip(" '") for name in str(context["expected_tags"]).split(",")]


def _home(key: str) -> str:
    """Where a key belongs that was written into another table; "" where that is not plain."""
    if key in ("dtype", "arithmetic"):
        return f"'{key}' belongs at the top of the file, before the first [table]"
    return f"'{key}' belongs in [axes]" if key in ("model", "method", "seed") else ""


def _valid_keys(keys: list[int | str], data: dict[str, Any]) -> list[str]:
    """The keys that the table at `keys` may have."""
    from pipeline.spec import changing, grid, measures, methods, tasks

    table: Any = data
    for key in keys:
        table = table[key]
    tables: dict[tuple[int | str, ...], type[BaseModel]] = {
        (): grid.Grid,
        ("axes",): grid.Axes,
        ("calibration",): grid.CalibrationText,
    }
    if len(keys) == 2 and keys[0] == "task":
        return [name for name in tasks.Task.model_fields if name != "data"]
    if len(keys) > 1 and keys[-2] == "override":
        return list(changing.Override.model_fields)
    named: dict[str, type[BaseModel]] = {**methods.METHODS, **measures.MEASURES}
    return list((tables.get(tuple(keys)) or named[table["name"]]).model_fields)
