"""Text from a directory of LANG.jsonl, LANG.txt or LANG.parquet.

Folders "calibration" and "heldout" in it, where they exist, hold the two splits. A directory without them is read
whole, for either purpose, unless its name ends in "#calibration" or "#heldout": then each document belongs to one of
the two by its hash (`is_held_out`). A grid that names one plain directory for both purposes is given these endings
when it is read. A document that also stands in the held-out folder is never calibration text.
"""

import hashlib
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline.spec.sources import plain_directory, text_files
from pipeline.text.document import Split, Text, TextError, is_held_out


@dataclass(frozen=True)
class Folder:
    """A directory of text; `source` is its path, with "#calibration" or "#heldout" where it is divided by hash."""

    source: str
    in_memory: bool = True

    def documents(self, language: str, split: Split, rng: random.Random) -> Iterator[Text]:  # noqa: ARG002
        """Documents in the order of the file. Raises TextError for a missing file and for a line it cannot read."""
        directory, part = plain_directory(self.source)
        held_out = self._held_out(directory, language, split)
        for document in read(self._file(language, split)):
            if part is not None and is_held_out(document.sha256) != (part == "heldout"):
                continue
            if document.sha256 not in held_out:
                yield document

    def identity(self, language: str, split: Split) -> dict[str, str]:
        """Name and content hash of the file, and of the held-out file whose documents are left out."""
        directory, part = plain_directory(self.source)
        file = self._file(language, split)
        known = {"source": "directory", "file": file.name, "sha256": _sha256(file), "part": part or ""}
        other = _held_out_file(directory, language, split)
        return known if other is None else {**known, "without": _sha256(other)}

    def _file(self, language: str, split: Split) -> Path:
        directory, _ = plain_directory(self.source)
        try:
            files = text_files(directory, split)
        except OSError as error:
            raise TextError(f"cannot read directory {directory}: {error.strerror}") from None
        if language not in files:
            raise TextError(
                f"no text in '{language}' in {directory} ({split}); there is {', '.join(files) or 'none'}"
            )
        return files[language]

    def _held_out(self, directory: Path, language: str, split: Split) -> set[str]:
        file = _held_out_file(directory, language, split)
        return set() if file is None else {document.sha256 for document in read(file)}


def _held_out_file(directory: Path, language: str, split: Split) -> Path | None:
    """The held-out file beside a calibration file."""
    if split != "calibration" or not (directory / "heldout").is_dir():
        return None
    return text_files(directory, "heldout").get(language)


def read(file: Path) -> Iterator[Text]:
    """The documents of one file that hold more than white space. Raises TextError with file and line."""
    readers = {".jsonl": _jsonl, ".txt": _txt, ".parquet": _parquet}
    try:
        yield from (document for document in readers[file.suffix](file) if document.text.strip())
    except UnicodeDecodeError as error:
        raise TextError(f"{file}: not UTF-8: {error.reason} at byte {error.start}") from None
    except OSError as error:
        raise TextError(f"cannot read {file}: {error.strerror or error}") from None


def _jsonl(file: Path) -> Iterator[Text]:
    with file.open(encoding="utf-8-sig") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except json.JSONDecodeError as error:
                raise TextError(f"{file}: line {number}: not JSON: {error.msg}") from None
            if not isinstance(row, dict) or not isinstance(row.get("text"), str):
                raise TextError(f'{file}: line {number}: an object with a "text" is wanted, as {{"text": "..."}}')
            if not _is_whole(row["text"]):
                raise TextError(f"{file}: line {number}: the text holds half a character (a lone surrogate)")
            yield Text(str(row.get("id", number)), row["text"])


def _is_whole(text: str) -> bool:
    r"""False where JSON's "\ud800" left half of a pair, which no tokenizer takes."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _txt(file: Path) -> Iterator[Text]:
    """Documents are separated by blank lines."""
    lines: list[str] = []
    start = 1
    with file.open(encoding="utf-8-sig") as handle:
        for number, line in enumerate(handle, start=1):
            if line.strip():
                start = start if lines else number
                lines.append(line)
            elif lines:
                yield Text(f"line {start}", "".join(lines).strip())
                lines = []
    if lines:
        yield Text(f"line {start}", "".join(lines).strip())


def _parquet(file: Path) -> Iterator[Text]:
    import pyarrow
    import pyarrow.parquet

    try:
        table = pyarrow.parquet.ParquetFile(file)
    except pyarrow.ArrowInvalid as error:
        raise TextError(f"{file}: not Parquet: {error}") from None
    names = table.schema_arrow.names
    if "text" not in names:
        raise TextError(f'{file}: no column "text"; there is {", ".join(names)}')
    number = 0
    for batch in table.iter_batches(columns=[name for name in ("id", "text") if name in names]):
        for row in batch.to_pylist():
            number += 1
            if not isinstance(row["text"], str):
                raise TextError(f"{file}: row {number}: the text is {row['text']!r}, no string")
            yield Text(str(row.get("id", number)), row["text"])


def _sha256(file: Path) -> str:
    with file.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
