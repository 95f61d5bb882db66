"""Taking a task of a run's model, language by language; each is kept once it is measured, its items first."""

import json
from collections.abc import Iterator
from typing import Any

import polars

from pipeline.progress import Report
from pipeline.residence import resident
from pipeline.scoring.lm import Scorer
from pipeline.spec.benchmarks import LM_EVAL
from pipeline.spec.tasks import Task
from pipeline.tasks import summary
from pipeline.tasks.answering import Asking, ask
from pipeline.tasks.definition import Definition, define
from pipeline.tasks.error import TaskError
from pipeline.tasks.selection import select
from pipeline.work import Work
from store.segments import segments_in

SHOWN = 4000
"""Characters of the first prompt that are kept for the record."""

DEFINITIONS: dict[tuple[str, str, str], Definition] = {}
"""Of this process, by evaluation, task and language: a worker asks the same items of many runs."""


def take(work: Work, task: Task) -> Iterator[Report]:
    """Measure. A language whose items can't be had is complained of at the end, when the others are measured."""
    scorer = Scorer(work.loaded.model, work.loaded.tokenizer, work.device)
    chat = bool(work.loaded.tokenizer.chat_template) if task.chat_template is None else task.chat_template
    if chat and not work.loaded.tokenizer.chat_template:
        raise TaskError(f"{work.run.model_name} has no chat template; say chat_template = false for task {task.name}")
    languages = task.languages or ("",)
    columns = [(language, column) for language in languages for column in task.columns(language)]
    complaint: TaskError | None = None
    facts = _known_facts(work, task.evaluation)
    with resident(work.loaded.model.modules(), work.device):
        for number, (language, column) in enumerate(columns):
            name = f"{column.task} {language}".strip()
            yield Report(task.name, number / len(columns), f"{name}: items")
            key = (task.evaluation, column.source, language)
            try:
                definition = DEFINITIONS.get(key) or DEFINITIONS.setdefault(key, define(task, column, language))
            except TaskError as error:
                complaint = complaint or error
                continue
            last = Asking(0.0)
            for last in ask(scorer, definition, select(definition.parts, task.limit, task.seed), chat=chat):
                yield Report(task.name, (number + last.fraction) / len(columns), name)
            facts[name] = {**definition.facts, "n": len(last.answered), "first_prompt": last.prompt[:SHOWN]}
            work.record.journal.write("evaluation", [_evaluation(task, facts, chat)])
            work.record.journal.write("item", summary.items(definition, last.answered, task.evaluation))
            rows = summary.measurements(definition, last.answered, task.evaluation)
            work.record.journal.write("measurement", rows)
    if complaint is not None:
        raise complaint


def _evaluation(task: Task, facts: dict[str, Any], chat: bool) -> dict[str, Any]:
    """The row of table `evaluation`. facts: of each measured task and language."""
    settings = {"seed": task.seed, "chat_template": chat, "lm_eval": LM_EVAL, "data": task.data, "tasks": facts}
    return {
        "evaluation": task.evaluation,
        "measure": "task",
        "source": task.file or next((fact["dataset"] for fact in facts.values() if fact["dataset"]), task.name),
        "split": "test",
        "samples": task.limit,
        "settings": settings,
    }


def _known_facts(work: Work, evaluation: str) -> dict[str, Any]:
    """What the run's journal says already of this evaluation's other tasks and languages."""
    facts: dict[str, Any] = {}
    for segment in segments_in(work.folder.journal):
        if segment.table == "evaluation":
            try:
                rows = polars.read_parquet(segment.path).filter(polars.col("evaluation") == evaluation).to_dicts()
            except (OSError, polars.exceptions.PolarsError):
                continue
            for row in rows:
                facts.update((json.loads(row["settings"] or "{}")).get("tasks", {}))
    return facts
