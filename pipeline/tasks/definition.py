"""A task in one language as lm-eval's objects: its own definitions, or ours given to it as a configuration."""

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import datasets
from lm_eval.api.task import ConfigurableTask
from lm_eval.tasks import TaskManager

from pipeline.spec.benchmarks import BENCHMARKS, Column
from pipeline.spec.task_check import folder_of
from pipeline.spec.tasks import Task
from pipeline.tasks import choices, free_answers, mkqa
from pipeline.tasks.error import TaskError
from pipeline.tasks.item import Item

VERSION = "1"
"""Of our own tasks: raise it with a change of prompt or score."""

COMMIT = re.compile(r"@([0-9a-f]{40})")
ID_FIELDS = ("id", "question_id", "ind", "idx", "key")
NAMED = ("link", "question_number")  # Belebele: a passage's address and the question's number


@dataclass(frozen=True, eq=False)
class Definition:
    """parts: lm-eval's tasks (MMLU has 57), by subject; "" where there is one. facts: for the record."""

    column: Column
    language: str
    parts: dict[str, ConfigurableTask]
    facts: dict[str, Any] = field(default_factory=dict)


def define(task: Task, column: Column, language: str) -> Definition:
    """The items and rules of one column. Raises TaskError where its items can't be had."""
    logging.getLogger("lm_eval").setLevel(logging.ERROR)
    if task.file is None and task.name not in ("mkqa", "reading"):
        parts = _of_lm_eval(column.source, zero_shot=task.name in BENCHMARKS)
    else:
        parts = {"": _ours(task, column, language)}
    return Definition(column, language, parts, _facts(parts))


def manager_of(name: str) -> TaskManager:
    """lm-eval's index of the one folder that has the task: 14,000 others are not read. Raises TaskError."""
    folder = folder_of(name)
    if folder is None:
        raise TaskError(f"lm-eval has no task '{name}'")
    return TaskManager(include_defaults=False, include_path=str(folder))


def _of_lm_eval(name: str, *, zero_shot: bool) -> dict[str, ConfigurableTask]:
    try:
        loaded = manager_of(name).load([name])["tasks"]
    except TaskError:
        raise
    except Exception as error:  # datasets, hub and YAML raise all there is
        raise TaskError(f"lm-eval's task '{name}' can't be loaded: {_first_line(error)}") from error
    for part in loaded.values():
        if zero_shot or part.config.num_fewshot is None:
            part.set_config(key="num_fewshot", value=0)
        part.set_fewshot_seed(seed=0)
    if len(loaded) == 1:
        return {"": next(iter(loaded.values()))}
    return {part_name.removeprefix(f"{name}_"): part for part_name, part in loaded.items()}


def _ours(task: Task, column: Column, language: str) -> ConfigurableTask:
    if task.name == "mkqa":
        return _written(column.task, free_answers.of_mkqa(task, language), language)
    if task.name == "reading":
        return _chosen(column.task, choices.reading(task, language))
    items = choices.from_file(task, language) if choices.has_choices(task, language) else None
    if items is not None:
        return _chosen(column.task, items)
    return _written(column.task, free_answers.from_file(task, language), language)


def _chosen(name: str, items: list[Item]) -> ConfigurableTask:
    rows = [
        {"id": item.id, "prompt": item.prompt, "choices": list(item.choices), "right": item.right} for item in items
    ]
    metrics = [{"metric": name, "aggregation": "mean", "higher_is_better": True} for name in ("acc", "acc_norm")]
    return _configured(
        name, rows, output_type="multiple_choice", doc_to_choice=_get("choices"), doc_to_target=_get("right"),
        metric_list=metrics,
    )  # fmt: skip


def _written(name: str, items: list[Item], language: str) -> ConfigurableTask:
    """Scores of several answers are ours: lm-eval would make 0 or 1 of an F1 over aliases."""
    rows = [{"id": item.id, "prompt": item.prompt, "answers": list(item.answers)} for item in items]

    def results(doc: dict[str, Any], texts: list[str]) -> dict[str, float]:
        text = texts[0].strip()
        return {
            "f1": mkqa.f1(text, doc["answers"], language),
            "exact_match": float(mkqa.exact(text, doc["answers"], language)),
        }

    metrics = [{"metric": name, "aggregation": "mean", "higher_is_better": True} for name in ("f1", "exact_match")]
    return _configured(
        name, rows, output_type="generate_until", doc_to_target=_first_answer, process_results=results,
        metric_list=metrics, generation_kwargs={"until": list(mkqa.UNTIL), "max_gen_toks": mkqa.MOST_TOKENS},
    )  # fmt: skip


def _configured(name: str, rows: list[dict[str, Any]], **settings: Any) -> ConfigurableTask:
    """lm-eval's task on rows in memory: no file of its own, hence no path and no cache to go stale."""
    found = datasets.Dataset.from_list(rows)
    config = {
        "task": name,
        "custom_dataset": lambda **_: {"test": found},
        "test_split": "test",
        "doc_to_text": _get("prompt"),
        "num_fewshot": 0,
        "metadata": {"version": VERSION},
        **settings,
    }
    return ConfigurableTask(config=config)


def _get(name: str) -> Callable[[dict[str, Any]], Any]:
    """A function: lm-eval would read a text as a template or a column's name."""
    return lambda doc: doc[name]


def _first_answer(doc: dict[str, Any]) -> str:
    return str(doc["answers"][0])


def _facts(parts: dict[str, ConfigurableTask]) -> dict[str, Any]:
    """What the record says of where the items are from."""
    first = next(iter(parts.values()))
    return {
        "version": first.VERSION,
        "dataset": first.DATASET_PATH or "",
        "config": first.DATASET_NAME or "",
        "revision": _revision(first),
        "metrics": list(first.aggregation()),
        "num_fewshot": first.config.num_fewshot or 0,
    }


def _revision(task: ConfigurableTask) -> str:
    """The commit of the hub repository that the data came from, as `datasets` noted it; "" for local data."""
    for split in task.dataset.values():
        checksums = getattr(getattr(split, "info", None), "download_checksums", None) or {}
        if found := next((match[1] for url in checksums if (match := COMMIT.search(str(url)))), None):
            return found
    return ""


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
