"""Where the keys lead: from one view to the next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from store.matrix import Place, target
from store.view import BASELINES, NORMALISATIONS, View

if TYPE_CHECKING:
    from store.slices import Slice

Pair = tuple[str, str]
"""(quantity, task)."""


def other_metric(view: View, pairs: Sequence[Pair], by: int) -> View:
    """The view of the next quantity of the same slice."""
    if not pairs:
        return view
    here = (view.quantity, view.task)
    quantity, task = pairs[(pairs.index(here) + by) % len(pairs)] if here in pairs else pairs[0]
    return with_metric(view, quantity, task)


def with_metric(view: View, quantity: str, task: str) -> View:
    """The same slice, another quantity, on its newest evaluation."""
    return replace(view, quantity=quantity, task=task, evaluation=None)


def other_slice(view: View, slices: Sequence[Slice], by: int) -> View:
    """The view of the same quantity in the next slice."""
    if not slices:
        return view
    place = next((n for n, slice_ in enumerate(slices) if shows(view, slice_)), -1)
    return with_slice(view, slices[(place + by) % len(slices)] if place >= 0 else slices[0])


def with_slice(view: View, slice_: Slice) -> View:
    """The same quantity in another slice, on its newest evaluation."""
    return replace(slice_.of(view), evaluation=None)


def shows(view: View, slice_: Slice) -> bool:
    """Whether `view` is of this slice."""
    wanted = (view.model, view.method, view.pattern, view.sparsity)
    same = wanted == (slice_.model, slice_.method, slice_.pattern, slice_.sparsity)
    return same and (view.setting is None or view.setting == slice_.setting)


def other_source(view: View) -> View:
    """Measured instead of published, or the reverse; quantity and slice stay."""
    source = "paper" if view.source == "run" else "run"
    baseline = "none" if view.baseline == "paper" else view.baseline
    return replace(view, source=source, baseline=baseline, evaluation=None, setting=None)


def next_baseline(view: View) -> View:
    """None, dense, diagonal, paper in turn; "paper" only for measured numbers."""
    choices = [name for name in BASELINES if not (name == "paper" and view.source == "paper")]
    place = choices.index(view.baseline) if view.baseline in choices else -1
    return replace(view, baseline=choices[(place + 1) % len(choices)])


def next_normalisation(view: View) -> View:
    """Column, row, whole, none in turn."""
    place = NORMALISATIONS.index(view.normalise)
    return replace(view, normalise=NORMALISATIONS[(place + 1) % len(NORMALISATIONS)])


def with_mark(marks: tuple[str, ...], row: str) -> tuple[str, ...]:
    """Mark `row`, or take its mark away; of three marks the oldest goes."""
    return tuple(mark for mark in marks if mark != row) if row in marks else (*marks[-1:], row)


def pair_to_compare(marks: tuple[str, ...], place: Place | None, rows: tuple[str, ...]) -> tuple[str, str] | None:
    """The two marked rows; else the marked one, or the one under the cursor, and the row of the column's language."""
    if len(marks) == 2:
        return marks[0], marks[1]
    if place is None:
        return None
    other = place[0] if marks and place[0] != marks[0] else target(place[1])
    first = marks[0] if marks else place[0]
    return (first, other) if first != other and other in rows else None
