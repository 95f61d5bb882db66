"""MKQA: the official rules, and which questions are asked."""

import hashlib
import json
from pathlib import Path

import pytest

from pipeline.spec.benchmarks import MKQA_LANGUAGES
from pipeline.spec.tasks import Task
from pipeline.tasks import free_answers, mkqa

SHARED = Path(__file__).parents[3] / "shared" / "data" / "text" / "qa"


@pytest.mark.parametrize(
    ("prediction", "answers", "language", "f1", "exact"),
    [  # the published tests' cases
        ("first dummy answer", ["first dummy answer", "second dummy answer"], "en", 1.0, True),
        ("alternative answer", ["dummy answer one", "alternative answer two"], "en", 0.8, False),
        ("an answer ?? without stopwords", ["answer -- without, stopwords!!"], "en", 1.0, True),
        ("", [""], "en", 1.0, True),
        ("", ["first dummy answer"], "en", 0.0, False),
        ("esto es manzana", ["esto es una manzana", "esta es otra manzana"], "es", 1.0, True),
        ("تفاحة", ["التفاحة", "هذه تفاحة"], "ar", 1.0, True),
        ("这个一个苹果", ["这是还是苹果", "这是另一个苹果"], "zh", 0.7692307692307692, False),
        # quirks kept, and languages left as they are
        ("USA", ["ASU"], "zh", 1.0, False),
        ("eines Tages", ["Tages"], "de", 1.0, True),
        ("uno", ["un uno"], "es", 1.0, True),
        ("«Да»", ["Да"], "ru", 0.0, False),
        ("Ja.", ["yes"], "de", 1.0, True),
        ("是的。", ["yes"], "zh", 1.0, True),
        ("Нет", ["yes"], "ru", 0.0, False),
    ],
)
def test_scores_are_the_official_ones(
    prediction: str, answers: list[str], language: str, f1: float, exact: bool
) -> None:
    assert mkqa.f1(prediction, answers, language) == f1
    assert mkqa.exact(prediction, answers, language) == exact


def test_every_language_has_a_prompt_and_a_yes() -> None:
    assert set(mkqa.PROMPTS) == set(mkqa.YES_NO) == set(MKQA_LANGUAGES)
    assert all(prompt.count("{question}") == 1 for prompt in mkqa.PROMPTS.values())


def test_an_official_file_is_filtered_and_its_aliases_count(tmp_path: Path) -> None:
    kinds = ["entity", "long_answer", "unanswerable", "binary", "date"]
    lines = [
        {
            "example_id": number,
            "query": f"q{number}",
            "queries": {"en": f"q{number}", "zh_cn": f"问{number}"},
            "answers": {
                "en": [{"type": kind, "text": "a", "aliases": ["b"]}],
                "zh_cn": [{"type": kind, "text": "甲", "aliases": ["乙"]}],
            },
        }
        for number, kind in enumerate(kinds)
    ]
    file = tmp_path / "mkqa.jsonl"
    file.write_text("\n".join(json.dumps(line) for line in lines))
    items = free_answers.of_mkqa(Task(name="mkqa", languages=("zh",), file=str(file)), "zh")
    assert [item.id for item in items] == ["0", "3", "4"]
    assert items[0].answers == ("甲", "乙")
    assert items[0].prompt == mkqa.PROMPTS["zh"].format(question="问0")


@pytest.mark.skipif(not SHARED.is_dir(), reason="no ../shared")
def test_the_development_questions_are_among_the_6758() -> None:
    listed = (SHARED / "mkqa_6758_example_ids.txt").read_text().split()
    assert len(set(listed)) == 6758
    assert hashlib.sha256("\n".join(listed).encode()).hexdigest().startswith("138c383a")
    task = Task(name="mkqa", languages=("en", "zh"), file=str(SHARED / "mkqa_dev" / "{language}.jsonl"))
    for language in task.languages:
        items = free_answers.of_mkqa(task, language)
        assert len(items) == 1758
        assert {item.id for item in items} <= set(listed)
