"""mC4, the paper's corpus (Xue et al. 2021, arXiv 2010.11934; ODC-BY), as allenai/c4 keeps it; revision pinned."""

import hashlib
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline.hub import mirrored
from pipeline.spec.languages import LANGUAGES
from pipeline.text.document import Split, Text, TextError
from pipeline.text.stream import Stream

REPO = "allenai/c4"
REVISION = "1ddc917116b730e1859edef32896ec5c16be51d0"

SHARDS = {
    "ar": (1024, 4),
    "de": (2048, 16),
    "en": (11264, 128),
    "es": (2048, 16),
    "ru": (4096, 32),
    "sw": (32, 1),
    "zh": (1024, 2),
}
"""Files of the training and of the validation split. English is mC4's own ("en-multi" on the hub), not English C4,
although its files are named "c4-en.tfrecord" like the others."""


@dataclass(frozen=True)
class Mc4:
    """mC4 by language: calibration text from its training split, held-out text from its validation split.

    base: the hub's repository or a local copy with the same file names. shards: files by language and split.
    """

    base: str = ""
    in_memory: bool = False

    def documents(self, language: str, split: Split, rng: random.Random) -> Iterator[Text]:
        """Documents of all shards, shard by shard in an order drawn with `rng`; ids are "SHARD#LINE"."""
        for shard in shards(language, split, rng):
            for number, row in enumerate(self._stream(shard).rows()):
                yield Text(f"{Path(shard).name.removesuffix('.json.gz')}#{number}", row["text"])

    def identity(self, language: str, split: Split) -> dict[str, str]:
        """Repository and revision; for a local copy also a hash of its files' names, sizes and times."""
        known = {"source": "mc4", "repository": REPO, "revision": REVISION, "split": split}
        base = Path(self.base or mirrored(REPO))
        if not base.is_dir():
            return known
        names = [base / name for name in sorted(shards(language, split, random.Random(0)))]
        files = [f"{file.name} {file.stat().st_size} {file.stat().st_mtime_ns}" for file in names if file.is_file()]
        return {**known, "files": hashlib.sha256("\n".join(files).encode()).hexdigest()}

    def _stream(self, shard: str) -> Stream:
        return Stream(
            base=self.base or mirrored(REPO),
            columns=("text", "timestamp", "url"),
            file=shard,
            revision=REVISION,
        )


def shards(language: str, split: Split, rng: random.Random) -> list[str]:
    """The names of all files of a language and split, in an order drawn with `rng`."""
    if language not in SHARDS:
        raise TextError(f"no text in '{language}' from mc4; there is {', '.join(LANGUAGES)}")
    count = SHARDS[language][split == "heldout"]
    infix = "-validation" if split == "heldout" else ""
    return [
        f"multilingual/c4-{language}{infix}.tfrecord-{index:05d}-of-{count:05d}.json.gz"
        for index in rng.sample(range(count), count)
    ]
