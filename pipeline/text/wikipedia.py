"""Wikipedia, the dump of November 2023 as wikimedia/wikipedia keeps it (CC BY-SA). Its zh mixes both scripts."""

import random
from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.hub import mirrored
from pipeline.spec.languages import LANGUAGES
from pipeline.text.document import Split, Text, TextError, is_held_out
from pipeline.text.stream import Stream

REPO = "wikimedia/wikipedia"
DUMP = "20231101"


@dataclass(frozen=True)
class Wikipedia:
    """Articles by language. There is one split: one article in five is held out by the hash of its text."""

    in_memory: bool = False

    def documents(self, language: str, split: Split, rng: random.Random) -> Iterator[Text]:
        """Articles in the order that a shuffle seeded with `rng` gives them."""
        if language not in LANGUAGES:
            raise TextError(f"no text in '{language}' from wikipedia; there is {', '.join(LANGUAGES)}")
        stream = Stream(mirrored(REPO), ("id", "text"), config=f"{DUMP}.{language}", typed=True)
        for row in stream.rows(shuffle_seed=rng.getrandbits(32)):
            document = Text(str(row["id"]), row["text"])
            if is_held_out(document.sha256) == (split == "heldout"):
                yield document

    def identity(self, language: str, split: Split) -> dict[str, str]:
        """Repository, dump and split."""
        return {"source": "wikipedia", "repository": mirrored(REPO), "config": f"{DUMP}.{language}", "split": split}
