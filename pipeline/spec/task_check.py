"""Whether the tasks of a grid exist, as far as it can be told without reading their items."""

import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from pipeline.spec.benchmarks import languages_of
from pipeline.spec.complaints import GridError
from pipeline.spec.frozen import nearest
from pipeline.spec.tasks import Task, names

DECLARED = re.compile(r"^(?:task|group|tag):[ \t]*[\"']?([\w.-]+)[\"']?[ \t]*$", re.MULTILINE)
SUFFIXES = (".jsonl", ".parquet")


def check_task(task: Task, where: str) -> None:
    """Raise GridError for a task that does not exist, or has no items in a language."""
    if task.file is not None:
        _check_files(task, where)
        return
    known = languages_of(task.name)
    for language in task.languages:
        if known is not None and language not in known:
            raise GridError(f"{where}.languages: {task.name} has no '{language}'; it has {', '.join(known)}")
    if known is None:
        for language in task.languages or ("",):
            _check_name(task.columns(language)[0].source, where)


def folder_of(name: str) -> Path | None:
    """The folder of lm-eval's package that declares a task, group or tag of that name; None where none does.

    Found by file name, which mostly is the task's, else by looking into the files.
    """
    files = _files()
    if (file := files.get(name)) is not None and name in declared(file):
        return file.parent
    family = name.partition("_")[0]
    likely_first = sorted(files.values(), key=lambda file: family not in str(file.relative_to(tasks_folder())))
    return next((file.parent for file in likely_first if name in declared(file)), None)


def declared(file: Path) -> list[str]:
    """The names that a task file of lm-eval gives."""
    try:
        return DECLARED.findall(file.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return []


@cache
def tasks_folder() -> Path:
    """Where lm-eval keeps its tasks; found without importing it."""
    spec = find_spec("lm_eval")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "tasks"


@cache
def _files() -> dict[str, Path]:
    """Task files by name; of equal names the first one, and files without an ending under their whole name."""
    found: dict[str, Path] = {}
    for file in sorted(tasks_folder().rglob("*.yaml")):
        found.setdefault(file.stem if file.stem not in found else str(file), file)
    return found


def _check_name(name: str, where: str) -> None:
    if folder_of(name) is None:
        valid = [*names(), *(key for key in _files() if "/" not in key and not key.startswith("_"))]
        close = nearest(name, valid)
        offer = close if close.startswith("did") else f"valid: {', '.join(names())}, or any task of lm-eval"
        raise GridError(f"{where}.name: no task '{name}'; {offer} (items of your own: add `file`)")


def _check_files(task: Task, where: str) -> None:
    known = languages_of(task.name)
    for language in task.languages or ("",):
        path = task.path(language)
        if known is not None and language not in known:
            raise GridError(f"{where}.languages: {task.name} has no '{language}'; it has {', '.join(known)}")
        if path.suffix not in SUFFIXES:
            raise GridError(f"{where}.file: {path.name} is neither {' nor '.join(SUFFIXES)}")
        if not path.is_file():
            beside = sorted(file.name for file in path.parent.glob("*") if file.suffix in SUFFIXES)
            raise GridError(f"{where}.file: no file {path}; {nearest(path.name, beside) if beside else 'none there'}")
