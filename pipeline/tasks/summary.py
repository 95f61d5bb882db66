"""From answers to the rows of the store."""

import math
import statistics
from collections.abc import Sequence
from typing import Any

from lm_eval.api.metrics import mean

from pipeline.tasks.answering import Answered
from pipeline.tasks.definition import Definition

MAIN = ("acc", "f1", "exact_match", "acc_norm")
"""What `score` and `correct` of an item are: the first of these that the task has."""

HUNDREDS = frozenset({"acc", "acc_norm", "acc_bytes", "acc_mutual_info", "f1", "exact_match"})
"""Shares of items, given in percent as the paper does."""


def measurements(definition: Definition, answered: Sequence[Answered], evaluation: str) -> list[dict[str, Any]]:
    """Rows of table measurement: one for each metric. Without a value where a model's logits are no numbers."""
    part = next(iter(definition.parts.values()))
    broken = sum(item.metrics is None for item in answered)
    names = list(dict.fromkeys(name for item in answered for name in item.metrics or ())) or list(part.aggregation())
    rows = []
    for name in names:
        values = [item.metrics[name] for item in answered if item.metrics is not None and name in item.metrics]
        value, error = (None, None) if broken else _aggregate(definition, name, values)
        percent = _is_share(name)
        rows.append(
            {
                "evaluation": evaluation,
                "measure": "task",
                "quantity": name,
                "unit": "%" if percent else "1",
                "better": "higher" if part.higher_is_better().get(name, True) else "lower",
                "task": definition.column.task,
                "language": definition.language,
                "value": value * 100 if value is not None and percent else value,
                "stderr": error * 100 if error is not None and percent else error,
                "n": len(answered),
                "note": note(answered),
            }
        )
    return rows


def items(definition: Definition, answered: Sequence[Answered], evaluation: str) -> list[dict[str, Any]]:
    """Rows of table item."""
    return [
        {
            "evaluation": evaluation,
            "task": definition.column.task,
            "language": definition.language,
            "item": item.place.id,
            "subject": item.place.part or None,
            "correct": None if (score := _main(item)) is None else score == 1.0,
            "score": score,
            "scores": item.scores,
            "answer": item.right,
            "prediction": item.prediction,
        }
        for item in answered
    ]


def note(answered: Sequence[Answered]) -> str | None:
    """What has to be said of the items; None where nothing."""
    n = len(answered)
    told = []
    if broken := sum(item.metrics is None for item in answered):
        told.append(f"failed: in {broken} of {n} items the model's logits are not numbers")
    faults = [item.fault for item in answered if item.fault]
    if faults:
        told.append(f"{len(faults)} of {n} items can't be scored and count as wrong: {faults[0]}")
    if ties := sum(item.tie for item in answered):
        told.append(f"in {ties} of {n} items the best choices tie; the first counts")
    return "; ".join(told) or None


def _aggregate(definition: Definition, name: str, values: list[Any]) -> tuple[float | None, float | None]:
    """The metric and its standard error, over the items of all parts: MMLU's subjects weigh by their size."""
    rule = next(iter(definition.parts.values())).aggregation().get(name, mean)
    if rule is mean and all(isinstance(value, (int, float)) for value in values):
        numbers = [float(value) for value in values]
        error = statistics.stdev(numbers) / math.sqrt(len(numbers)) if len(numbers) > 1 else None
        return (statistics.fmean(numbers) if numbers else None), error
    return float(rule(values)), None


def _is_share(name: str) -> bool:
    return any(name == share or name.startswith(f"{share}_") for share in HUNDREDS)


def _main(item: Answered) -> float | None:
    if item.metrics is None:
        return None
    found = next((item.metrics[name] for name in MAIN if name in item.metrics), None)
    return float(found) if isinstance(found, (int, float)) else None
