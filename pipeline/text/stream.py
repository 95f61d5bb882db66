"""Rows streamed from a data set on the Hugging Face hub, or from a local copy of one, through `datasets`."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline import hub
from pipeline.text.document import TextError


@dataclass(frozen=True)
class Stream:
    """A part of a data set: what `datasets.load_dataset` is asked for.

    base: hub id or a local directory of the same shape.
    columns: the string columns read; given explicitly, because `datasets` infers time stamps from some files and
        then fails on others. Where `typed` is set the files hold their types (Parquet) and columns are only chosen.
    """

    base: str
    columns: tuple[str, ...]
    split: str = "train"
    config: str | None = None
    file: str | None = None
    revision: str | None = None
    typed: bool = False

    def rows(self, shuffle_seed: int | None = None) -> Iterator[dict[str, Any]]:
        """Every row, in the files' order or in a seeded one. Raises TextError for whatever goes wrong on the way."""
        if not Path(self.base).is_dir() and (why := hub.unreachable()):
            raise TextError(f"cannot read {self.base}: {why}; text on disk: a directory of LANG.jsonl, or 'demo'")
        try:
            yield from self._open(shuffle_seed)
        except Exception as error:  # datasets, pyarrow, fsspec and the hub's client raise what they like
            words = " ".join(str(error).split())[:200]
            raise TextError(f"cannot read {self}: {type(error).__name__}: {words}") from error

    def __str__(self) -> str:
        """ "allenai/c4 multilingual/c4-de....json.gz" """
        return " ".join(word for word in (self.base, self.config, self.file, self.split) if word)

    def _open(self, shuffle_seed: int | None) -> Iterator[dict[str, Any]]:
        import datasets

        dataset = datasets.load_dataset(
            self.base,
            self.config,
            data_files={self.split: [self.file]} if self.file else None,
            split=self.split,
            revision=self.revision,
            streaming=True,
            features=None
            if self.typed
            else datasets.Features({name: datasets.Value("string") for name in self.columns}),
        )
        if self.typed:
            dataset = dataset.select_columns(list(self.columns))
        yield from dataset if shuffle_seed is None else dataset.shuffle(seed=shuffle_seed)
