"""Intervals of a calibration's score, and paired tests of two on the same items, with scipy.

Items are what chance chose; seeds are other draws of the calibration text for the same items. An item's score of a
calibration is therefore its mean over seeds, and items are what is resampled: seeds taken for more items would count
each item several times and give intervals that are too narrow.

legend: items; a and b are the two calibrations
"""

import math
import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Scores = NDArray[np.float64]

RESAMPLES = 9999
LEVEL = 0.95


@dataclass(frozen=True)
class Estimate:
    """A mean of scores with its standard error and 95 % interval, all as shares (0 to 1)."""

    mean: float
    stderr: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class Paired:
    """b less a over the items that both have.

    p_permutation: of the mean difference, by flipping the signs of items' differences, two-sided.
    only_a, only_b, p_mcnemar: items that only one of them got right, and the exact two-sided test of those; None
        unless every score is 0 or 1 (several seeds, F1).
    """

    a: Estimate
    b: Estimate
    difference: Estimate
    p_permutation: float
    only_a: int | None
    only_b: int | None
    p_mcnemar: float | None


def compare(a: Scores, b: Scores, seed: int = 0) -> Paired:
    """Compare scores of the same items in the same order. Raises ValueError for fewer than two items."""
    if len(a) != len(b) or len(a) < 2:
        raise ValueError(f"a paired test needs two or more items that both have, found {min(len(a), len(b))}")
    right_a, right_b = int(((a == 1) & (b == 0)).sum()), int(((a == 0) & (b == 1)).sum())
    binary = _all_or_nothing(a) and _all_or_nothing(b)
    return Paired(
        estimate(a, seed),
        estimate(b, seed),
        estimate(b - a, seed),
        permutation(b - a, seed),
        right_a if binary else None,
        right_b if binary else None,
        mcnemar(right_a, right_b) if binary else None,
    )


def alone(scores: Scores, seed: int = 0) -> Estimate:
    """Of one calibration: where each score is 0 or 1 Wilson's interval (1927), which has a width for 0 of n as well;
    else that of `estimate`."""
    if not _all_or_nothing(scores):
        return estimate(scores, seed)
    right, n = int(scores.sum()), len(scores)
    found = stats.binomtest(right, n).proportion_ci(LEVEL, method="wilson")
    share = right / n
    return Estimate(share, math.sqrt(share * (1 - share) / max(1, n - 1)), float(found.low), float(found.high), n)


def estimate(scores: Scores, seed: int = 0) -> Estimate:
    """Mean, standard error, and the BCa bootstrap interval of the mean; equal scores have an interval of no width."""
    mean, stderr = float(scores.mean()), float(scores.std(ddof=1) / math.sqrt(len(scores)))
    if stderr == 0.0:
        return Estimate(mean, 0.0, mean, mean, len(scores))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", stats.DegenerateDataWarning)
        found = _bootstrap(scores, "BCa", seed)
        if not math.isfinite(found[0] + found[1]):  # a single item that differs
            found = _bootstrap(scores, "percentile", seed)
    return Estimate(mean, stderr, *found, len(scores))


def permutation(differences: Scores, seed: int = 0) -> float:
    """Two-sided p of a mean difference of zero; exact where there are few items that differ."""
    differing = differences[differences != 0]
    if len(differing) < 2:  # both signs of one item are as far from zero
        return 1.0
    found = stats.permutation_test(
        (differing,),
        lambda values, axis: values.sum(axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=RESAMPLES,
        batch=1000,
        rng=np.random.default_rng(seed),
    )
    return float(found.pvalue)


def mcnemar(only_a: int, only_b: int) -> float:
    """Exact two-sided McNemar: are the items that only one of them got right a fair coin's?"""
    total = only_a + only_b
    return 1.0 if total == 0 else float(stats.binomtest(only_a, total, 0.5).pvalue)


def _all_or_nothing(scores: Scores) -> bool:
    return bool(np.isin(scores, (0.0, 1.0)).all())


def _bootstrap(scores: Scores, method: str, seed: int) -> tuple[float, float]:
    found = stats.bootstrap(
        (scores,),
        np.mean,
        n_resamples=RESAMPLES,
        batch=200,
        confidence_level=LEVEL,
        method=method,
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return float(found.low), float(found.high)
