"""The demo's corpus and questions: parallel, complete, in the right scripts, nothing twice."""

import json
import re
import unicodedata
from pathlib import Path
from typing import Any

import pytest

from pipeline.demo import CORPUS, GRID, QUESTIONS
from pipeline.spec import Grid
from pipeline.spec.languages import LANGUAGES

SCRIPTS = {"ar": "ARABIC", "ru": "CYRILLIC", "zh": "CJK"}
SMALL_WORDS = {
    "de": {"der", "die", "das", "und", "den", "dem", "ein", "eine", "ist", "nicht", "mit", "sich", "auf", "zu"},
    "en": {"the", "and", "of", "to", "a", "is", "was", "with", "that", "on", "his", "her", "it", "for"},
    "es": {"el", "la", "los", "las", "de", "que", "y", "un", "una", "con", "del", "se", "por", "en"},
    "sw": {"ya", "wa", "na", "kwa", "la", "ni", "katika", "za", "cha", "kila", "yake", "vya", "lakini", "kama"},
}


def rows(folder: Path, language: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / f"{language}.jsonl").read_text(encoding="utf-8").splitlines()]


def test_every_language_has_the_same_paragraphs_in_the_same_split() -> None:
    shape = [(row["id"], row["split"]) for row in rows(CORPUS, "en")]
    assert len({id for id, _ in shape}) == len(shape) == 64
    assert sum(split == "calibration" for _, split in shape) == 40
    assert sum(split == "heldout" for _, split in shape) == 24
    for language in LANGUAGES:
        assert [(row["id"], row["split"]) for row in rows(CORPUS, language)] == shape


@pytest.mark.parametrize("language", LANGUAGES)
def test_paragraphs_are_of_one_size_script_and_breath(language: str) -> None:
    for row in rows(CORPUS, language):
        text, name = row["text"], (language, row["id"])
        size = len(text) if language == "zh" else len(text.split())
        assert (150 if language == "zh" else 85) <= size <= (300 if language == "zh" else 150), (name, size)
        assert text == unicodedata.normalize("NFC", text.strip()), name
        assert not re.search(r"\s\s|[\n\t\u200b-\u200f\ufeff]", text), name
        assert re.search(r"[.!?؟。！？…][”»“\"’」）)]?$", text), f"{name} does not end in a sentence: {text[-20:]}"
        letters = [letter for letter in text if letter.isalpha()]
        script = SCRIPTS.get(language, "LATIN")
        strangers = [letter for letter in letters if not unicodedata.name(letter, "").startswith(script)]
        assert len(strangers) <= 1, (name, strangers)


@pytest.mark.parametrize("language", SMALL_WORDS)
def test_what_is_written_in_latin_letters_is_in_its_language(language: str) -> None:
    for row in rows(CORPUS, language):
        words = re.findall(r"\w+", row["text"].lower())
        counts = {name: sum(word in small for word in words) for name, small in SMALL_WORDS.items()}
        assert max(counts, key=lambda name: counts[name]) == language, (row["id"], counts)


def test_no_text_occurs_twice() -> None:
    texts = [row["text"] for language in LANGUAGES for row in rows(CORPUS, language)]
    assert len(set(texts)) == len(texts)
    openings = [text[:40] for text in texts]
    assert len(set(openings)) == len(openings)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_held_out_paragraph_has_its_question(language: str) -> None:
    held_out = [row["id"] for row in rows(CORPUS, language) if row["split"] == "heldout"]
    questions = rows(QUESTIONS, language)
    assert [row["id"] for row in questions] == held_out
    for row, english in zip(questions, rows(QUESTIONS, "en"), strict=True):
        assert len(set(row["choices"])) == 4
        assert row["answer"] == english["answer"] in range(4)
        assert row["question"].strip()


def test_the_demo_grid_is_dense_magnitude_and_wanda_in_every_language() -> None:
    grid = Grid.load(GRID)
    runs = list(grid.runs())
    assert [run.method.name for run in runs] == ["dense", "magnitude", *["wanda"] * 7]
    assert [run.calibration.label for run in runs if run.calibration] == list(LANGUAGES)
    assert grid.measure[0].languages == tuple(LANGUAGES)
    assert [task.name for task in grid.task] == ["reading"]
