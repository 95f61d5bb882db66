"""Overlap of masks on packed bits (the paper's appendix D.3), with its chance level.

A set is the removed weights of one linear. Within a calibration, IoU = |intersection over seeds| / |union over
seeds|; between two, the IoU of their intersections over seeds. Chance is the IoU expected of independent masks of the
same sizes: 1/3 for two masks of 50 %, 1/7 for three seeds, 1/15 for two intersections of three.
"""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8

Bits = UInt8[np.ndarray, " _"]

CHUNK_BYTES = 2**18
"""Of each mask at a time: a few dozen fit into a processor's cache."""


@dataclass(frozen=True)
class Overlap:
    """Sizes of an intersection and a union, and the IoU expected by chance (None for empty masks)."""

    n_intersection: int
    n_union: int
    chance: float | None

    @property
    def iou(self) -> float:
        """NaN for empty masks."""
        return self.n_intersection / self.n_union if self.n_union else math.nan


def overlaps(
    groups: Mapping[str, Sequence[Bits]], pairs: Sequence[tuple[str, str]], n_weights: int
) -> tuple[dict[str, Overlap], dict[tuple[str, str], Overlap]]:
    """Within each group of masks, and between the intersections of the pairs of groups, in one pass over the bits."""
    sizes = {name: [0] * len(masks) for name, masks in groups.items()}
    shared, any_of, between = dict.fromkeys(groups, 0), dict.fromkeys(groups, 0), dict.fromkeys(pairs, 0)
    n_bytes = (n_weights + 7) // 8
    for start in range(0, n_bytes, CHUNK_BYTES):
        common: dict[str, np.ndarray] = {}
        for name, masks in groups.items():
            parts = [_words(mask[start : start + CHUNK_BYTES]) for mask in masks]
            for place, part in enumerate(parts):
                sizes[name][place] += _count(part)
            common[name] = np.bitwise_and.reduce(parts) if len(parts) > 1 else parts[0]
            shared[name] += _count(common[name])
            any_of[name] += _count(np.bitwise_or.reduce(parts))
        for a, b in pairs:
            between[a, b] += _count(common[a] & common[b])
    within = {name: Overlap(shared[name], any_of[name], _chance_within(sizes[name], n_weights)) for name in groups}
    across = {
        (a, b): Overlap(between[a, b], shared[a] + shared[b] - between[a, b], _chance(sizes[a], sizes[b], n_weights))
        for a, b in pairs
    }
    return within, across


def all_pairs(names: Sequence[str]) -> list[tuple[str, str]]:
    """Every two of them once."""
    return list(itertools.combinations(names, 2))


def _words(part: Bits) -> np.ndarray:
    """The bytes as 64-bit words; the last ones filled up with 0, which removes nothing."""
    part = np.ascontiguousarray(part)
    if rest := -len(part) % 8:
        part = np.concatenate([part, np.zeros(rest, dtype=np.uint8)])
    return part.view(np.uint64)


def _count(words: np.ndarray) -> int:
    return int(np.bitwise_count(words).sum(dtype=np.int64))


def _chance_within(sizes: Sequence[int], n_weights: int) -> float | None:
    shares = [size / n_weights for size in sizes]
    union = 1 - math.prod(1 - share for share in shares)
    return math.prod(shares) / union if union else None


def _chance(a: Sequence[int], b: Sequence[int], n_weights: int) -> float | None:
    first, second = (math.prod(size / n_weights for size in sizes) for sizes in (a, b))
    union = first + second - first * second
    return first * second / union if union else None
