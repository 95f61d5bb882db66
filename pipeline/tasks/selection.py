"""Which items of a task are asked: all, or a subset that the seed and the items' ids decide."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lm_eval.api.task import ConfigurableTask

ID_FIELDS = ("id", "question_id", "ind", "idx", "key")
PLACED = ("link", "question_number")
"""Belebele: a passage's address and the question's number on it."""


@dataclass(frozen=True)
class Place:
    """One item. id: the same in every run, unique in its task and language. part: the task's (MMLU's subject)."""

    id: str
    part: str
    index: int


def select(parts: dict[str, ConfigurableTask], limit: int | None, seed: int) -> list[Place]:
    """The items to ask, in the data set's order. Of `limit` those whose hash with the seed is lowest: the same for
    every model and, where ids are shared, in every language."""
    places = [
        Place(f"{part}/{id}" if part else id, part, index)
        for part, task in parts.items()
        for index, id in enumerate(_ids(task.task_docs))
    ]
    if limit is None or limit >= len(places):
        return places
    chosen = set(sorted(places, key=lambda place: _draw(place.id, seed))[:limit])
    return [place for place in places if place in chosen]


def _ids(docs: Any) -> list[str]:
    """The data set's own ids where it has them and they are distinct, else the items' numbers from 0."""
    names = list(docs.features)
    for columns in (*((name,) for name in ID_FIELDS), PLACED):
        if set(columns) <= set(names):
            found = _joined(docs, columns)
            if len(set(found)) == len(found):
                return found
    return [str(number) for number in range(len(docs))]


def _joined(docs: Any, columns: Sequence[str]) -> list[str]:
    return ["#".join(map(str, values)) for values in zip(*(docs[column] for column in columns), strict=True)]


def _draw(id: str, seed: int) -> str:
    return hashlib.sha256(f"{seed}/{id}".encode()).hexdigest()
