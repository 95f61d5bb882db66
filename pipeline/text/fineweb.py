"""FineWeb-2 (Penedo et al. 2025, arXiv 2506.20920; ODC-BY), and for English, which it leaves out, FineWeb."""

import random
from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.hub import mirrored
from pipeline.spec.languages import LANGUAGES
from pipeline.text.document import Split, Text, TextError, is_held_out
from pipeline.text.stream import Stream


@dataclass(frozen=True)
class FineWeb:
    """fineweb-2 by language: calibration from "train", held-out text from "test". English: FineWeb's sample-10BT,
    one document in five held out by its hash, because it has no test split."""

    in_memory: bool = False

    def documents(self, language: str, split: Split, rng: random.Random) -> Iterator[Text]:
        """Documents in the order that a shuffle seeded with `rng` gives them."""
        stream, divide = _stream(language, split)
        for row in stream.rows(shuffle_seed=rng.getrandbits(32)):
            document = Text(row["id"], row["text"])
            if not divide or is_held_out(document.sha256) == (split == "heldout"):
                yield document

    def identity(self, language: str, split: Split) -> dict[str, str]:
        """Repository, configuration and split."""
        stream, _ = _stream(language, split)
        return {"source": "fineweb-2", "repository": stream.base, "config": stream.config or "", "split": split}


def _stream(language: str, split: Split) -> tuple[Stream, bool]:
    """The stream, and whether its documents must be divided by hash."""
    if language not in LANGUAGES:
        raise TextError(f"no text in '{language}' from fineweb-2; there is {', '.join(LANGUAGES)}")
    config = LANGUAGES[language].fineweb2
    columns = ("id", "text")
    if config is None:
        return Stream(mirrored("HuggingFaceFW/fineweb"), columns, config="sample-10BT", typed=True), True
    name = "test" if split == "heldout" else "train"
    return Stream(mirrored("HuggingFaceFW/fineweb-2"), columns, config=config, split=name, typed=True), False
