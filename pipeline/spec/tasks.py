"""What a grid may say of a downstream task, in a [[task]] table."""

import hashlib
import re
from collections.abc import Container
from glob import escape
from pathlib import Path
from typing import Any

from pydantic import Field, field_validator, model_validator

from pipeline.spec.benchmarks import BENCHMARKS, LM_EVAL, OURS, SIZES, Column, languages_of
from pipeline.spec.frozen import Frozen, digest

PLACE = "{language}"


class Task(Frozen):
    """A downstream task in some languages.

    name: arc, belebele, mmlu, hellaswag, mkqa, reading (the demo's questions), any task of lm-eval, where
        "{language}" stands for each language ("xcopa_{language}"), or a name of your own for a `file`.
    languages: each is a measurement of its own. Where the name tells them (arc, ...), all of them if not given.
    limit: that many items in a language, chosen by `seed`: the same for every run, and in every language whose
        items have the same ids. All items if not given.
    chat_template: wrap prompts in the tokenizer's chat template; where not given, if it has one.
    file: items of your own, JSON lines or Parquet; "{language}" in its name stands for each language.
    question, choices, answer, id: the names of its columns. `answer` is a choice's index (from 0), its letter or its
        text. Without a column of choices the answers are written freely, scored as MKQA's (F1, and aliases if there
        are several answers); `id` may be missing: then items are numbered.
    prompt: with the columns to fill in, as "{passage}\\n{question}\\nAnswer:".
    data: hash of the file's contents, filled in when the grid is read: another content is another evaluation.
    """

    name: str = Field(min_length=1)
    languages: tuple[str, ...] = Field(default=(), validate_default=False)
    limit: int | None = Field(default=None, ge=1)
    seed: int = 0
    chat_template: bool | None = None
    file: str | None = None
    question: str = "question"
    choices: str = "choices"
    answer: str = "answer"
    id: str = "id"
    prompt: str | None = None
    data: str = ""

    @field_validator("languages")
    @classmethod
    def _distinct(cls, languages: tuple[str, ...]) -> tuple[str, ...]:
        twice = sorted({name for name in languages if languages.count(name) > 1})
        if twice:
            raise ValueError(f"'{twice[0]}' is listed twice")
        return languages

    @model_validator(mode="after")
    def _whole(self) -> "Task":
        of_files = {"question", "choices", "answer", "id", "prompt"} & self.non_defaults()
        if self.file is None and of_files:
            raise ValueError(f"{sorted(of_files)[0]} is for items of your own: it needs a `file`")
        if self.file is not None and (self.name in BENCHMARKS or self.name == "reading"):
            raise ValueError(f"'{self.name}' has its own items; give the task of your `file` another name")
        several = len(self.languages) > 1
        if several and self.file is not None and PLACE not in self.file:
            raise ValueError(f"{self.file} is one file for several languages; write {PLACE} in its name")
        if several and self.file is None and not self.is_known and PLACE not in self.name:
            raise ValueError(f"'{self.name}' is one task; for {len(self.languages)} languages write '{PLACE}' in it")
        if not self.languages and PLACE in self.name + (self.file or ""):
            raise ValueError(f"{PLACE} stands for each of `languages`, and none are given")
        return self

    def non_defaults(self) -> set[str]:
        """The names of the keys whose value is not the default."""
        return {name for name, field in type(self).model_fields.items() if getattr(self, name) != field.default}

    @property
    def is_known(self) -> bool:
        """True for the paper's tasks and our own."""
        return languages_of(self.name) is not None

    @property
    def is_free(self) -> bool:
        """True for a task of lm-eval that is not the paper's."""
        return self.file is None and not self.is_known

    @property
    def evaluation(self) -> str:
        """Id of how it was measured: everything that decides the number but the run and the language."""
        same = self.model_copy(update={"languages": (), "file": None})
        return f"{self.task}-{digest(f'lm-eval {LM_EVAL} {same.canonical()}', 8)}"

    @property
    def task(self) -> str:
        """Its name in the store; ARC's English halves have their own."""
        return re.sub(r"\W+", "_", self.name.replace(f"_{PLACE}", "").replace(PLACE, "")).strip("_") or "task"

    def columns(self, language: str) -> tuple[Column, ...]:
        """What is measured in a language: ARC in English is two sets, everything else is one."""
        if self.name in BENCHMARKS:
            return BENCHMARKS[self.name][language]
        return (Column(self.task, self.name.replace(PLACE, language)),)

    def units(self, language: str) -> tuple[tuple[str, str, str, str], ...]:
        """Evaluation, measure, task and language of the measurements of a language, as in the store."""
        return tuple((self.evaluation, "task", column.task, language) for column in self.columns(language))

    def without(self, there: Container[tuple[str, str, str, str]]) -> "Task | None":
        """The task with the languages that are not measured yet, None where all are."""
        missing = tuple(place for place in self.places if any(unit not in there for unit in self.units(place)))
        if not missing:
            return None
        return self if missing == ("",) else self.model_copy(update={"languages": missing})

    @property
    def samples(self) -> int:
        """Items in a language, nearly."""
        size = SIZES.get(self.name, 1000)
        return size if self.limit is None else min(size, self.limit)

    @property
    def length(self) -> int:
        """Tokens that the model reads for an item, nearly."""
        return 400 if self.name in ("belebele", "reading") else 150

    @property
    def places(self) -> tuple[str, ...]:
        """The languages, or "" alone where the task has none."""
        return self.languages or ("",)

    def path(self, language: str) -> Path:
        """The file of a language. Only for tasks with a file."""
        assert self.file is not None
        return Path(self.file.replace(PLACE, language))


def resolved(table: dict[str, Any], folder: Path) -> dict[str, Any]:
    """A [[task]] table with its file made absolute (relative ones are relative to `folder`) and, where the name
    tells them, its languages filled in."""
    table = {**table}
    if isinstance(file := table.get("file"), str):
        table["file"] = str(folder.resolve() / file)
    if isinstance(name := table.get("name"), str) and "languages" not in table and "file" not in table:
        table["languages"] = languages_of(name) or ()
    return table


def hashed(task: Task) -> Task:
    """The task with the hash of the files that its items come from: all that its `file` may stand for, so that one
    more language leaves the evaluation as it is."""
    if task.file is not None:
        path = Path(task.file)
        files = sorted(path.parent.glob(escape(path.name).replace(PLACE, "*")))
    elif task.name == "reading":
        from pipeline.demo import CORPUS, QUESTIONS

        files = sorted((*QUESTIONS.glob("*.jsonl"), *CORPUS.glob("*.jsonl")))
    else:
        return task
    sums = [hashlib.sha256(file.read_bytes()).hexdigest() for file in files if file.is_file()]
    return task.model_copy(update={"data": digest("".join(sums), 16)})


def names() -> list[str]:
    """The names that need no lm-eval task or file behind them."""
    return [*BENCHMARKS, *OURS]
