"""Asking a model the items of a task, and scoring its answers by the task's rules."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from lm_eval.api.instance import Instance
from lm_eval.api.task import ConfigurableTask

from pipeline.scoring.generation import BrokenLogits
from pipeline.scoring.lm import Scorer, Unanswerable
from pipeline.scoring.request import Scored, Written
from pipeline.tasks.definition import Definition
from pipeline.tasks.selection import Place


@dataclass
class Answered:
    """One item with the model's answer. metrics: as the task counts them; None where logits were no numbers.

    fault: why the item has no answer (it counts as wrong). tie: two choices share the best score.
    """

    place: Place
    metrics: dict[str, Any] | None
    scores: list[float] | None
    right: str
    prediction: str
    fault: str = ""
    tie: bool = False


@dataclass
class Asked:
    """An item's requests and what came back."""

    place: Place
    doc: dict[str, Any]
    instances: list[Instance]
    results: list[Scored | Written] = field(default_factory=list)


@dataclass(frozen=True)
class Asking:
    """How far it is, 0 to 1; `answered` at the end."""

    fraction: float
    answered: tuple[Answered, ...] = ()
    prompt: str = ""


def ask(scorer: Scorer, definition: Definition, places: list[Place], *, chat: bool) -> Iterator[Asking]:
    """Ask the items. The last Asking has the answers, and the first item's prompt for the record.

    Raises Unanswerable for kinds of task that are none of choosing or writing.
    """
    asked = [_asked(scorer, definition.parts[place.part], place, chat) for place in places]
    total = max(1, sum(len(item.instances) for item in asked))
    done = 0
    yield Asking(0.0)
    for n_new in _respond(scorer, asked):
        done += n_new
        yield Asking(done / total)
    answered = tuple(_answered(definition.parts[item.place.part], item) for item in asked)
    yield Asking(1.0, answered, _prompt(asked))


def _asked(scorer: Scorer, task: ConfigurableTask, place: Place, chat: bool) -> Asked:
    doc = task.task_docs[place.index]
    template = {"apply_chat_template": chat, "chat_template": scorer.chat if chat else None}
    context = task.fewshot_context(
        doc,
        num_fewshot=task.config.num_fewshot or 0,
        fewshot_as_multiturn=chat,
        gen_prefix=task.doc_to_prefix(doc),
        **template,
    )
    made = task.construct_requests(doc=doc, ctx=context, metadata=(task.config.task, place.index, 1), **template)
    return Asked(place, doc, made if isinstance(made, list) else [made])


def _respond(scorer: Scorer, asked: list[Asked]) -> Iterator[int]:
    """Fill in the results; yields how many requests were answered."""
    requests = [instance for item in asked for instance in item.instances]
    kinds = {instance.request_type for instance in requests}
    if kinds == {"loglikelihood"}:
        batches: Iterator[dict[int, Any]] = scorer.likelihoods([instance.args[:2] for instance in requests])
    elif kinds == {"generate_until"}:
        batches = scorer.generations([instance.args[:2] for instance in requests])
    else:
        told = " and ".join(sorted(kinds))
        raise Unanswerable(f"tasks of kind {told} are not supported: only choosing and writing")
    found: dict[int, Any] = {}
    try:
        for batch in batches:
            found.update(batch)
            yield len(batch)
    except BrokenLogits:
        found = dict.fromkeys(range(len(requests)), Scored(math.nan, False))
    results = iter(found[index] for index in range(len(requests)))
    for item in asked:
        item.results = [next(results) for _ in item.instances]


def _answered(task: ConfigurableTask, item: Asked) -> Answered:
    choices = task.doc_to_choice(item.doc) if task.config.doc_to_choice else []
    right = _right(task, item.doc, choices)
    fault = next((result.fault for result in item.results if result.fault), "")
    scored = [result for result in item.results if isinstance(result, Scored)]
    broken = any(not math.isfinite(result.nats) for result in scored if not result.fault)
    scores = [result.nats for result in scored] or None
    prediction, tie = _best(scores, choices) if scores else (item.results[0].text, False)  # type: ignore[union-attr]
    if broken:
        return Answered(item.place, None, scores, right, "", fault)
    if fault:
        return Answered(item.place, dict.fromkeys(task.aggregation(), 0.0), scores, right, "", fault)
    return Answered(item.place, _metrics(task, item), scores, right, prediction, tie=tie)


def _metrics(task: ConfigurableTask, item: Asked) -> dict[str, Any]:
    """The item's metrics, those of a task's second filter under their own name."""
    for instance, result in zip(item.instances, item.results, strict=True):
        instance.resps = [(result.nats, result.greedy) if isinstance(result, Scored) else result.text]
    task._instances = item.instances
    task.apply_filters()
    metrics: dict[str, Any] = {}
    for number, key in enumerate(item.instances[0].filtered_resps):
        values = task.process_results(item.doc, [instance.filtered_resps[key] for instance in item.instances])
        metrics.update({name if number == 0 else f"{name}_{key}": value for name, value in values.items()})
    return metrics


def _best(scores: list[float], choices: list[str]) -> tuple[str, bool]:
    """The likeliest choice, the first of equal ones as in lm-eval, and whether there are equal ones."""
    own = scores[: len(choices)] or scores
    best = max(own)
    index = own.index(best)
    return (choices[index] if index < len(choices) else ""), own.count(best) > 1


def _right(task: ConfigurableTask, doc: dict[str, Any], choices: list[str]) -> str:
    target = task.doc_to_text(doc) if task.multiple_input else task.doc_to_target(doc)
    if isinstance(target, int) and 0 <= target < len(choices):
        return choices[target]
    return str(target)


def _prompt(asked: list[Asked]) -> str:
    return str(asked[0].instances[0].args[0]) if asked else ""
