"""Two calibrations of one slice, compared in every quantity and language where both have a number."""

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal

import duckdb

from store.matrix import column_order
from store.resolve import resolve
from store.slices import pair_order
from store.sql import select
from store.view import View

Verdict = Literal["A", "B", "~", "?"]


@dataclass(frozen=True)
class Mean:
    """Mean and sample standard deviation (None for one seed) over n_seeds runs."""

    value: float
    sd: float | None
    n_seeds: int


@dataclass(frozen=True)
class Difference:
    """One quantity in one language (a column, as in the matrix).

    delta: in the quantity's unit, + where A is better; a - b where neither direction is better.
    sd: pooled over the seeds of both, None where either has a single seed.
    verdict: "A" or "B" is better by more than 2 sd; "~" neither; "?" one seed: only the sign of delta is known.
    """

    quantity: str
    task: str
    language: str
    a: float
    b: float
    delta: float
    sd: float | None
    better: str
    verdict: Verdict
    unit: str = ""
    n_seeds: tuple[int, int] = (0, 0)


def compare(connection: duckdb.DuckDBPyConnection, view: View, a: str, b: str) -> list[Difference]:
    """Compare rows `a` and `b` ("de", "de+en", "dense") of the view's slice, each quantity on its newest evaluation
    that both have. Numbers read off a damaged page and infinite ones are left out."""
    resolved = resolve(connection, replace(view, evaluation=None))
    if resolved.slice is None:
        return []
    parameters = {**resolved.parameters(), "rows": [a, b], "place": None}
    found: dict[tuple[str, str, str], tuple[Any, Difference]] = {}
    for newest, difference in _pairs(select(connection, "numbers", parameters), a, b):
        key = difference.quantity, difference.task, difference.language
        if key not in found or newest > found[key][0]:
            found[key] = newest, difference
    return sorted((difference for _, difference in found.values()), key=_order)


def tally(differences: Iterable[Difference]) -> Counter[str]:
    """How often A is better, B is better, neither ("~"), or a single seed leaves it open ("?")."""
    return Counter(difference.verdict for difference in differences)


def _pairs(rows: list[tuple[Any, ...]], a: str, b: str) -> Iterable[tuple[Any, Difference]]:
    """One difference for each place and evaluation where both rows have a number, with its time."""
    sides: dict[tuple[Any, ...], dict[str, tuple[Mean, Any]]] = {}
    for name, quantity, task, place, evaluation, unit, better, mean, sd, n_seeds, note, newest in rows:
        if mean is None or not math.isfinite(mean) or "ocr_suspect" in (note or ""):
            continue
        key = quantity, task, place, evaluation, unit, better
        sides.setdefault(key, {})[name] = Mean(mean, sd, n_seeds), newest
    for (quantity, task, place, _, unit, better), both in sides.items():
        if a in both and b in both:
            (first, first_time), (second, second_time) = both[a], both[b]
            yield max(first_time, second_time), _difference(quantity, task, place, unit, better, first, second)


def _difference(quantity: str, task: str, place: str, unit: str, better: str, a: Mean, b: Mean) -> Difference:
    delta = b.value - a.value if better == "lower" else a.value - b.value
    sd = pooled_sd(a, b)
    verdict: Verdict = "?" if sd is None else "~" if abs(delta) <= 2 * sd else "A" if delta > 0 else "B"
    return Difference(
        quantity, task, place, a.value, b.value, delta, sd, better, verdict, unit, (a.n_seeds, b.n_seeds)
    )


def pooled_sd(a: Mean, b: Mean) -> float | None:
    """Standard deviation of a seed around its mean, from both sides together; None without two seeds each."""
    if a.sd is None or b.sd is None:
        return None
    squares = (a.n_seeds - 1) * a.sd**2 + (b.n_seeds - 1) * b.sd**2
    return math.sqrt(squares / (a.n_seeds + b.n_seeds - 2))


def _order(difference: Difference) -> tuple[Any, ...]:
    return (pair_order((difference.quantity, difference.task)), column_order(difference.language))
