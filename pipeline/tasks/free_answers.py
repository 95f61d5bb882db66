"""Items that are answered freely: MKQA, from the hub or a file, and a user's file without choices."""

import os
import shutil
import urllib.request
from pathlib import Path
from typing import Any

from platformdirs import user_cache_path

from pipeline.hub import mirrored, unreachable
from pipeline.spec.tasks import Task
from pipeline.tasks import mkqa
from pipeline.tasks.error import TaskError
from pipeline.tasks.item import Item
from pipeline.tasks.item_file import Row, field, ids, prompt, rows

REPO, FILE = "apple/mkqa", "mkqa.jsonl.gz"
URL = "https://github.com/apple/ml-mkqa/raw/main/dataset/mkqa.jsonl.gz"
OFFICIAL = {"zh": "zh_cn"}
"""MKQA's names of languages where they differ."""

PLAIN = "Answer with only the answer.\nQuestion: {question}\nAnswer:"


def of_mkqa(task: Task, language: str) -> list[Item]:
    """MKQA in one language: a file of the official form, or one a language with {"question", "answers"}."""
    path = _path(task, language)
    items = rows(path)
    if "queries" in items[0]:
        items = list(_official(items, OFFICIAL.get(language, language), path))
    return _items(task, items, language, path)


def from_file(task: Task, language: str) -> list[Item]:
    """A user's questions and their answers."""
    path = task.path(language)
    return _items(task, rows(path), language, path)


def _items(task: Task, items: list[Row], language: str, path: Path) -> list[Item]:
    found = []
    for number, (row, id) in enumerate(zip(items, ids(items, task.id, path), strict=True), start=1):
        here = f"{path}, item {number}"
        name = "answers" if task.answer not in row and "answers" in row else task.answer
        answers = _texts(field(row, name, here), f"{here}: '{name}'")
        asked = prompt(task, row, here, mkqa.PROMPTS.get(language, PLAIN))
        found.append(Item(id, asked, answers=answers))
    return found


def _path(task: Task, language: str) -> Path:
    """The task's own file, or MKQA's: a copy under CALIB_MIRROR, else fetched into the cache once."""
    if task.file is not None:
        return task.path(language)
    mirror = Path(mirrored(REPO)) / FILE
    kept = mirror if mirror.is_file() else user_cache_path("calib-explorer") / "mkqa" / FILE
    if not kept.is_file():
        if (reason := unreachable()) is not None:
            raise TaskError(f"mkqa is at {URL}, and {reason}; put {FILE} into {kept.parent}, or give `file`")
        _fetch(kept)
    return kept


def _fetch(target: Path) -> None:
    """The official file, whole or not at all."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_suffix(f".{os.getpid()}.part")
    try:
        with urllib.request.urlopen(URL, timeout=60) as answer, part.open("wb") as file:
            shutil.copyfileobj(answer, file)
        part.replace(target)
    except OSError as error:
        raise TaskError(f"mkqa can't be fetched from {URL}: {getattr(error, 'reason', error)}") from None
    finally:
        part.unlink(missing_ok=True)


def _official(items: list[Row], name: str, path: Path) -> list[Row]:
    if name not in items[0]["queries"]:
        raise TaskError(f"{path}: no questions in '{name}'")
    return [
        {"id": str(row["example_id"]), "question": row["queries"][name], "answers": mkqa.gold(row["answers"][name])}
        for row in items
        if mkqa.is_asked(row["answers"])
    ]


def _texts(answers: Any, where: str) -> tuple[str, ...]:
    several = [answers] if isinstance(answers, (str, int, float)) else answers
    if not isinstance(several, list) or not several:
        raise TaskError(f"{where}: a text or a list of texts was expected, found {answers!r:.60}")
    return tuple(str(answer) for answer in several)
