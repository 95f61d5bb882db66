"""Which numbers a view means: short names completed, open ones chosen, the newest evaluation taken."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import duckdb

from store.slices import QUANTITIES, Entry, Slice, catalogue, pair_order, planned, task_order
from store.view import SOURCES, View, find, match


@dataclass(frozen=True)
class Resolved:
    """A view with every name in full, and the numbers that it means; `slice` is None where there are none yet."""

    view: View
    slice: Slice | None = None
    entries: tuple[Entry, ...] = ()
    dense_setting: str = ""

    def parameters(self) -> dict[str, Any]:
        """Parameters of the queries matrix and numbers."""
        assert self.slice is not None
        return {
            "source": self.slice.source,
            "model": self.slice.model,
            "method": self.slice.method,
            "pattern": self.slice.pattern,
            "sparsity": self.slice.sparsity,
            "setting": self.slice.setting,
            "dense_setting": self.dense_setting,
            "quantity": self.view.quantity,
            "tasks": [entry.task for entry in self.entries],
            "evaluations": [entry.evaluation for entry in self.entries],
        }


def quantities(connection: duckdb.DuckDBPyConnection, view: View) -> list[tuple[str, str]]:
    """(quantity, task) pairs with numbers in the view's slice, in the order of screens."""
    entries = catalogue(connection, view.source)
    chosen = _resolve(connection, entries, replace(view, evaluation=None)).slice
    pairs = {(entry.quantity, entry.task_group) for entry in entries if entry.slice == chosen}
    return sorted(pairs, key=pair_order)


def resolve(connection: duckdb.DuckDBPyConnection, view: View) -> Resolved:
    """Fill in what the view leaves open and complete what it shortens.

    Open ones become: for measured numbers the newest slice, previews last; for the paper's the first half-sparse
    one. Raises ValueError with the nearest valid names for a name that neither source knows; a name that only the
    other source knows, or a run without numbers yet, gives a Resolved without entries.
    """
    entries = catalogue(connection, view.source, view.quantity) or catalogue(connection, view.source)
    return _resolve(connection, entries, view)


def _resolve(connection: duckdb.DuckDBPyConnection, entries: list[Entry], view: View) -> Resolved:
    @cache
    def plans() -> list[Entry]:
        return planned(connection, view.source)

    @cache
    def elsewhere() -> list[Entry]:
        both = (entry for source in SOURCES for entry in catalogue(connection, source))
        return [*plans(), *both]

    view, here = _narrow(entries, view, elsewhere)
    return _choose(entries, here, view) if here else _planned(plans(), view)


def _choose(entries: list[Entry], here: list[Entry], view: View) -> Resolved:
    """The best slice of those in `here`, and in it the newest evaluation of each task that the view shows."""
    chosen = max(here, key=_preference).slice
    here = [entry for entry in here if entry.slice == chosen]
    group = view.task or min((entry.task_group for entry in here), key=task_order)
    newest: dict[str, Entry] = {}
    for entry in sorted(here, key=lambda entry: entry.newest):
        if entry.task_group == group:
            newest[entry.task] = entry
    settings = {entry.slice.setting for entry in entries if replace(entry.slice, setting=chosen.setting) == chosen}
    setting = chosen.setting if view.setting or len(settings) > 1 else None
    full = replace(chosen.of(view), task=group, setting=setting)
    return Resolved(full, chosen, tuple(newest.values()), _dense_setting(entries, chosen))


def _planned(plans: list[Entry], view: View) -> Resolved:
    """The newest slice that has runs though no such numbers, of those that the view's names allow."""
    for field, read, _ in _NAMES[2:5]:
        if name := getattr(view, field):
            plans = [entry for entry in plans if read(entry) == name]
    plans = [entry for entry in plans if view.sparsity in (None, entry.slice.sparsity)]
    if not plans:
        return Resolved(view)
    chosen = max(plans, key=_preference).slice
    return Resolved(replace(chosen.of(view), setting=view.setting), chosen)


def _narrow(entries: list[Entry], view: View, elsewhere: Callable[[], list[Entry]]) -> tuple[View, list[Entry]]:
    """Complete the view's names one after the other and keep the entries that they mean."""
    here = entries
    for field, read, what in _NAMES:
        name = getattr(view, field)
        if not name:
            continue
        if fits := find(name, _distinct(map(read, here))):
            full = match(name, fits, what)
        else:
            known = _distinct(map(read, [*entries, *elsewhere()]))
            full = match(name, _distinct([*known, *QUANTITIES]) if field == "quantity" else known, what)
        named: dict[str, Any] = {field: full}
        view = replace(view, **named)
        here = [entry for entry in here if full == read(entry)]
    if view.sparsity is None:
        return view, here
    sparsity = _closest(view.sparsity, here)
    if sparsity is None:
        sparsity = _closest(view.sparsity, there := [*here, *entries, *elsewhere()])
    if sparsity is None:
        valid = sorted({f"{entry.slice.sparsity:g}" for entry in there if entry.slice.sparsity is not None})
        raise ValueError(f"no numbers at sparsity {view.sparsity:g}; valid: {', '.join(valid) or 'none'}")
    return replace(view, sparsity=sparsity), [entry for entry in here if entry.slice.sparsity == sparsity]


def _closest(wanted: float, entries: list[Entry]) -> float | None:
    """The sparsity among `entries` that a person means by `wanted`: 0.46875 by 0.47."""
    there = {entry.slice.sparsity for entry in entries if entry.slice.sparsity is not None}
    return min((s for s in there if abs(s - wanted) < 0.005), key=lambda s: abs(s - wanted), default=None)


_NAMES: tuple[tuple[str, Callable[[Entry], str], str], ...] = (
    ("quantity", lambda entry: entry.quantity, "quantity"),
    ("task", lambda entry: entry.task_group, "task"),
    ("model", lambda entry: entry.slice.model, "model"),
    ("method", lambda entry: entry.slice.method, "method"),
    ("pattern", lambda entry: entry.slice.pattern or "", "pattern"),
    ("setting", lambda entry: entry.slice.setting, "setting"),
    ("evaluation", lambda entry: entry.evaluation, "evaluation"),
)


def _distinct(names: Iterable[str]) -> list[str]:
    return [name for name in dict.fromkeys(names) if name]


def _preference(entry: Entry) -> tuple[Any, ...]:
    """Measured: calibrated before not, results before previews, the newest. Published: half-sparse, Llama, Wanda."""
    chosen = entry.slice
    if chosen.source == "run":
        return (entry.calibrated, not chosen.preview, entry.newest)
    half = chosen.pattern == "unstructured" and chosen.sparsity == 0.5
    return (half, entry.calibrated, chosen.model.startswith("Llama-3-8B"), chosen.method == "wanda", entry.n_runs)


def _dense_setting(entries: list[Entry], chosen: Slice) -> str:
    """Of a model's dense runs, those most like the slice (same dtype, same revision), the newest of them."""
    words = set(chosen.setting.split())
    dense = [e for e in entries if e.slice.model == chosen.model and e.slice.method == "dense"]
    best = max(dense, key=lambda e: (set(e.slice.setting.split()) <= words, e.newest), default=None)
    return best.slice.setting if best else ""
