"""The demo corpus: 64 paragraphs of our own in seven languages, 40 to calibrate with, 24 held out (CC0)."""

import hashlib
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.demo import CORPUS
from pipeline.text.document import Split, Text, TextError


@dataclass(frozen=True)
class Demo:
    """The corpus in pipeline/demo/corpus, one LANG.jsonl a language; each paragraph names its split."""

    in_memory: bool = True

    def documents(self, language: str, split: Split, rng: random.Random) -> Iterator[Text]:  # noqa: ARG002
        """The paragraphs of one split in their fixed order, the same in every language."""
        for line in self._read(language).decode().splitlines():
            row = json.loads(line)
            if row["split"] == split:
                yield Text(row["id"], row["text"])

    def identity(self, language: str, split: Split) -> dict[str, str]:
        """The corpus file's hash and the split taken of it."""
        return {"source": "demo", "split": split, "sha256": hashlib.sha256(self._read(language)).hexdigest()}

    def _read(self, language: str) -> bytes:
        file = CORPUS / f"{language}.jsonl"
        if not file.is_file():
            languages = ", ".join(sorted(path.stem for path in CORPUS.glob("*.jsonl")))
            raise TextError(f"no text in '{language}' in the demo corpus; there is {languages}")
        return file.read_bytes()
