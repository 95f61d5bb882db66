"""Items with choices: from a user's file, and the demo's own questions on its held-out paragraphs."""

from typing import Any

from pipeline.demo import CORPUS, QUESTIONS
from pipeline.spec.tasks import Task
from pipeline.tasks.error import TaskError
from pipeline.tasks.item import Item
from pipeline.tasks.item_file import field, ids, prompt, rows

PROMPT = "Question: {question}\nAnswer:"
"""lm-eval's of ARC."""

LETTERS = "ABCDEFGHIJ"

WORDS = {
    "ar": ("السؤال", "الإجابة"),
    "de": ("Frage", "Antwort"),
    "en": ("Question", "Answer"),
    "es": ("Pregunta", "Respuesta"),
    "ru": ("Вопрос", "Ответ"),
    "sw": ("Swali", "Jibu"),
    "zh": ("问题", "答案"),
}
"""Question and answer, in each language of the demo."""


def from_file(task: Task, language: str) -> list[Item]:
    """The items of a user's file in one language. Raises TaskError."""
    path = task.path(language)
    items = rows(path)
    found = []
    for number, (row, id) in enumerate(zip(items, ids(items, task.id, path), strict=True), start=1):
        where = f"{path}, item {number}"
        choices = field(row, task.choices, where)
        if not isinstance(choices, list) or len(choices) < 2 or not all(isinstance(c, str) and c for c in choices):
            raise TaskError(f"{where}: '{task.choices}' must be a list of at least two texts, found {choices!r:.60}")
        right = _right(field(row, task.answer, where), choices, f"{where}: '{task.answer}'")
        found.append(Item(id, prompt(task, row, where, PROMPT), tuple(choices), right).shuffled(task.seed))
    return found


def reading(task: Task, language: str) -> list[Item]:
    """The demo's questions in one language, with their paragraphs. Choices are scored by their text."""
    paragraphs = {row["id"]: row["text"] for row in rows(CORPUS / f"{language}.jsonl")}
    question, answer = WORDS[language]
    return [
        Item(
            row["id"],
            f"{paragraphs[row['id']]}\n\n{question}: {row['question']}\n{answer}:",
            tuple(row["choices"]),
            row["answer"],
        ).shuffled(task.seed)
        for row in rows(QUESTIONS / f"{language}.jsonl")
    ]


def _right(answer: Any, choices: list[str], where: str) -> int:
    """The index of the right choice: given as such (from 0), as a letter, or as the choice's text."""
    if isinstance(answer, int) and not isinstance(answer, bool) and 0 <= answer < len(choices):
        return answer
    if isinstance(answer, str):
        if choices.count(answer) == 1:
            return choices.index(answer)
        if len(answer) == 1 and answer.upper() in LETTERS[: len(choices)]:
            return LETTERS.index(answer.upper())
        if answer.isdigit() and int(answer) < len(choices):
            return int(answer)
    raise TaskError(
        f"{where}: {answer!r:.60} is none of the {len(choices)} choices: "
        "give its index (from 0), its letter or its text"
    )


def has_choices(task: Task, language: str) -> bool:
    """Whether the items of a user's file are chosen from, not written."""
    return task.choices in rows(task.path(language))[0]
