"""Where text may come from, as far as it can be told without reading any."""

from pathlib import Path

from pipeline.openings import FOLDER
from pipeline.spec.complaints import GridError
from pipeline.spec.frozen import nearest
from pipeline.spec.languages import LANGUAGES

CORPORA = ("demo", "mc4", "fineweb-2", "wikipedia")
SUFFIXES = (".jsonl", ".txt", ".parquet")
PARTS = ("calibration", "heldout")


def check_source(source: str, split: str, where: str) -> None:
    """Raise GridError unless `source` is a known corpus, a directory, an existing "tokens:FILE.npy" or, for
    calibration, "self" or "self:DIR"."""
    if source in CORPORA:
        return
    if is_self(source):
        if split != "calibration":
            raise GridError(f"{where}: '{source}' is text that the model writes itself, to calibrate with only")
        folder = source.removeprefix("self:")
        if source != "self" and not Path(folder).is_dir():
            raise GridError(f"{where}: '{source}': no directory {folder}; it should hold openings, LANG.txt")
        return
    if is_tokens(source):
        file = source.removeprefix("tokens:")
        if "{language}" not in file and "{seed}" not in file and not Path(file).is_file():
            raise GridError(f"{where}: no file {file}")
        return
    if not plain_directory(source)[0].is_dir():
        raise GridError(
            f"{where}: '{source}' is neither a corpus nor a directory nor 'tokens:FILE.npy'; "
            f"{nearest(source, [*CORPORA, 'self'])}"
        )


def check_languages(languages: list[str], source: str, split: str, where: str) -> None:
    """Raise GridError for a language that `source` has no text in. A directory may hold its text as LANG.jsonl,
    LANG.txt or LANG.parquet, or in folders "calibration" and "heldout" of such files."""
    if is_tokens(source):
        return
    if is_self(source):
        _check_openings(languages, source, where)
        return
    available = list(LANGUAGES) if source in CORPORA else sorted(text_files(plain_directory(source)[0], split))
    for language in languages:
        if language not in available:
            has = nearest(language, available) if available else f"no {' or '.join(SUFFIXES)} files there"
            raise GridError(f"{where}: no text in '{language}' from {source}; {has}")


def _check_openings(languages: list[str], source: str, where: str) -> None:
    available = openings(source)
    for language in languages:
        if language not in available:
            raise GridError(
                f"{where}: no openings in '{language}'; there are {', '.join(available)}. Write {language}.txt, one "
                'opening of a text a line, and say source = "self:DIRECTORY" of that file'
            )


def is_self(source: str) -> bool:
    """True for text that the model writes itself: "self", or "self:DIR" with openings of one's own."""
    return source == "self" or source.startswith("self:")


def is_tokens(source: str) -> bool:
    """True for text that is tokens already: "tokens:FILE.npy"."""
    return source.startswith("tokens:")


def is_one_file(source: str) -> bool:
    """True for tokens of which no language has a file of its own: "{language}" is not in their path."""
    return is_tokens(source) and "{language}" not in source


def openings(source: str) -> dict[str, Path]:
    """The file of openings of each language, LANG.txt: those of "self:DIR" before ours."""
    folders = [FOLDER, *([Path(source.removeprefix("self:"))] if source != "self" else [])]
    files = {file.stem: file for folder in folders for file in folder.glob("*.txt")}
    return dict(sorted(files.items()))


def text_files(directory: Path, split: str) -> dict[str, Path]:
    """The text file of each language in a directory: those of the folder `split` in it where there is one."""
    folder = directory / split if (directory / split).is_dir() else directory
    return {file.stem: file for file in sorted(folder.iterdir()) if file.suffix in SUFFIXES}


def plain_directory(source: str) -> tuple[Path, str | None]:
    """The directory that `source` names and, where it ends in "#calibration" or "#heldout", that part: the documents
    whose hash puts them there (pipeline/text/document.py)."""
    path, mark, part = source.rpartition("#")
    return (Path(path), part) if mark and part in PARTS and not Path(source).is_dir() else (Path(source), None)


def is_undivided(source: str) -> bool:
    """True for a directory that has no folders for the two splits and names none of its parts."""
    directory, part = plain_directory(source)
    if source in CORPORA or is_self(source) or part is not None or not directory.is_dir():
        return False
    return not any((directory / split).is_dir() for split in PARTS)


def absolute(source: str, folder: Path) -> str:
    """`source` with the directory or file it names made absolute; relative ones are relative to `folder`."""
    if is_tokens(source):
        return f"tokens:{(folder / source.removeprefix('tokens:')).resolve()}"
    if source.startswith("self:"):
        return f"self:{(folder / source.removeprefix('self:')).resolve()}"
    if source in CORPORA or is_self(source):
        return source
    directory, part = plain_directory(str(folder / source))
    if not directory.is_dir():
        return source
    return str(directory.resolve()) if part is None else f"{directory.resolve()}#{part}"
