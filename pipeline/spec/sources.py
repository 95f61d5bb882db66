"""Where text may come from, as far as it can be told without reading any."""

from pathlib import Path

from pipeline.spec.complaints import GridError
from pipeline.spec.frozen import nearest
from pipeline.spec.languages import LANGUAGES

CORPORA = ("demo", "mc4", "fineweb-2", "wikipedia")
SUFFIXES = (".jsonl", ".txt", ".parquet")


def check_source(source: str, where: str) -> None:
    """Raise GridError unless `source` is a known corpus, a directory, or an existing "tokens:FILE.npy"."""
    if source in CORPORA:
        return
    if source.startswith("tokens:"):
        file = Path(source.removeprefix("tokens:"))
        if "{language}" not in file.name and not file.is_file():
            raise GridError(f"{where}: no file {file}")
        return
    if not Path(source).is_dir():
        raise GridError(
            f"{where}: '{source}' is neither a corpus nor a directory nor 'tokens:FILE.npy'; "
            f"{nearest(source, list(CORPORA))}"
        )


def check_languages(languages: list[str], source: str, split: str, where: str) -> None:
    """Raise GridError for a language that `source` has no text in. A directory may hold its text as LANG.jsonl,
    LANG.txt or LANG.parquet, or in folders "calibration" and "heldout" of such files."""
    if source.startswith("tokens:"):
        return
    available = list(LANGUAGES) if source in CORPORA else sorted(text_files(Path(source), split))
    for language in languages:
        if language not in available:
            has = nearest(language, available) if available else f"no {' or '.join(SUFFIXES)} files there"
            raise GridError(f"{where}: no text in '{language}' from {source}; {has}")


def text_files(directory: Path, split: str) -> dict[str, Path]:
    """The text file of each language in a directory: those of the folder `split` in it where there is one."""
    folder = directory / split if (directory / split).is_dir() else directory
    return {file.stem: file for file in sorted(folder.iterdir()) if file.suffix in SUFFIXES}
