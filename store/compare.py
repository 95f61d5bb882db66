"""Two calibrations of one slice, compared in every quantity and language where both have a number."""

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal

import duckdb

from store.matrix import column_order
from store.numbers import Number, of_slice
from store.resolve import resolve
from store.slices import pair_order
from store.view import View

Verdict = Literal["A", "B", "~", "?"]


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
    found: dict[tuple[str, str, str], Difference] = {}
    for difference in _differences(of_slice(connection, resolved, [a, b], None), a, b):
        found[difference.quantity, difference.task, difference.language] = difference
    return sorted(found.values(), key=_order)


def tally(differences: Iterable[Difference]) -> Counter[str]:
    """How often A is better, B is better, neither ("~"), or a single seed leaves it open ("?")."""
    return Counter(difference.verdict for difference in differences)


def _differences(numbers: list[Number], a: str, b: str) -> list[Difference]:
    """One for each place and evaluation where both rows have a number, the newest last."""
    sides: dict[tuple[str, ...], dict[str, Number]] = {}
    for n in numbers:
        if n.mean is not None and math.isfinite(n.mean) and "ocr_suspect" not in n.note:
            sides.setdefault((n.quantity, n.task, n.place, n.evaluation), {})[n.row] = n
    pairs = [(both[a], both[b]) for both in sides.values() if a in both and b in both]
    return [_difference(*pair) for pair in sorted(pairs, key=lambda pair: max(n.newest for n in pair))]


def _difference(a: Number, b: Number) -> Difference:
    assert a.mean is not None
    assert b.mean is not None
    delta = b.mean - a.mean if a.better == "lower" else a.mean - b.mean
    sd = pooled_sd(a, b)
    verdict: Verdict = "?" if sd is None else "~" if abs(delta) <= 2 * sd else "A" if delta > 0 else "B"
    return Difference(
        quantity=a.quantity,
        task=a.task_group,
        language=a.place,
        a=a.mean,
        b=b.mean,
        delta=delta,
        sd=sd,
        better=a.better,
        verdict=verdict,
        unit=a.unit,
        n_seeds=(len(a.run_ids), len(b.run_ids)),
    )


def pooled_sd(a: Number, b: Number) -> float | None:
    """Standard deviation of a seed around its mean, from both sides together; None without two seeds each."""
    if a.sd is None or b.sd is None:
        return None
    n_a, n_b = len(a.run_ids), len(b.run_ids)
    return math.sqrt(((n_a - 1) * a.sd**2 + (n_b - 1) * b.sd**2) / (n_a + n_b - 2))


def _order(difference: Difference) -> tuple[Any, ...]:
    return (pair_order((difference.quantity, difference.task)), column_order(difference.language))
