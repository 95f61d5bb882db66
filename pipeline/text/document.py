"""A document, and what a source of documents is."""

import hashlib
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

Split = Literal["calibration", "heldout"]


class TextError(ValueError):
    """Text that is missing, unreadable or too little, told in words for the writer of a grid."""


@dataclass(frozen=True)
class Text:
    """One document. id: its name in its source, stable from read to read."""

    id: str
    text: str

    @property
    def sha256(self) -> str:
        """Of the UTF-8 text: equal for equal documents, wherever they come from."""
        return hashlib.sha256(self.text.encode()).hexdigest()


@dataclass(frozen=True)
class Document:
    """A document that was used: what a run's record says of it. n_tokens: of all of it; first_token: where in
    them what was used begins (of several windows the first drawn), None in what was cached before it was noted."""

    language: str
    id: str
    n_tokens: int
    sha256: str
    first_token: int | None = None


@runtime_checkable
class Source(Protocol):
    """Where documents come from.

    in_memory: True where all documents are at hand and may be drawn at random with replacement; False where they
        are streamed, in an order that `rng` decides, and each is met once.
    """

    @property
    def in_memory(self) -> bool: ...

    def documents(self, language: str, split: Split, rng: random.Random) -> Iterator[Text]:
        """The documents of one language and split. Raises TextError where there are none to read."""
        ...

    def identity(self, language: str, split: Split) -> dict[str, str]:
        """What decides the documents: names, revisions, hashes of local files. For records and cache keys."""
        ...


def is_held_out(sha256: str) -> bool:
    """One document in five is held out where a source has no held-out part of its own: the fixed choice of its hash,
    the same for every seed and machine."""
    return int(sha256[:8], 16) % 5 == 0
