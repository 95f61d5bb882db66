"""Slices of the runs: what has been measured and published."""

from dataclasses import dataclass, replace
from typing import Any

import duckdb

from store.sql import select
from store.view import View

QUANTITIES = ("perplexity", "bits_per_byte", "snr", "pruning_error", "acc", "f1", "iou")
"""In the order of screens; further ones follow by name."""

TASKS = ("arc", "belebele", "mmlu", "hellaswag", "mkqa")
"""In the paper's order; further ones follow by name."""


@dataclass(frozen=True)
class Slice:
    """Runs that differ only in calibration language and seed: what one matrix shows."""

    source: str
    model: str
    method: str
    pattern: str | None
    sparsity: float | None
    setting: str
    preview: bool = False

    def of(self, view: View) -> View:
        """The view's quantity over this slice."""
        return replace(
            view,
            source=self.source,
            model=self.model,
            method=self.method,
            pattern=self.pattern,
            sparsity=self.sparsity,
            setting=self.setting or None,
        )

    @property
    def label(self) -> str:
        """ "wanda 50%", "wanda 2:4", "gptq 4bit/g128", "dense"."""
        if self.pattern == "unstructured" and self.sparsity is not None:
            return f"{self.method} {100 * self.sparsity:.5g}%"
        return f"{self.method} {self.pattern}" if self.pattern else self.method


@dataclass(frozen=True)
class Entry:
    """One quantity of one slice on one evaluation. task_group: "arc" for arc_easy and arc_challenge too."""

    slice: Slice
    quantity: str
    task_group: str
    task: str
    evaluation: str
    unit: str
    better: str
    calibrated: bool
    n_runs: int
    newest: int


def catalogue(connection: duckdb.DuckDBPyConnection, source: str, quantity: str | None = None) -> list[Entry]:
    """What there is from one source: of one quantity (a fifth of the time), or everything."""
    return _entries(source, select(connection, "slices", {"source": source, "quantity": quantity}))


def planned(connection: duckdb.DuckDBPyConnection, source: str) -> list[Entry]:
    """Slices with runs, whether or not anything was measured; their quantity is ""."""
    return _entries(source, select(connection, "planned", {"source": source}))


def _entries(source: str, rows: list[tuple[Any, ...]]) -> list[Entry]:
    return [
        Entry(Slice(source, model, method, pattern, sparsity, setting, preview), *rest)
        for model, method, pattern, sparsity, setting, preview, *rest in rows
    ]


def slices(connection: duckdb.DuckDBPyConnection, source: str = "run") -> list[Slice]:
    """Every slice that has numbers, dense ones left out where the model has others; by model, method, pattern."""
    found = list(dict.fromkeys(entry.slice for entry in catalogue(connection, source)))
    pruned = {slice_.model for slice_ in found if slice_.method != "dense"}
    return [slice_ for slice_ in found if slice_.method != "dense" or slice_.model not in pruned]


def pair_order(pair: tuple[str, str]) -> tuple[Any, ...]:
    """Sort key of (quantity, task)."""
    quantity, task = pair
    place = QUANTITIES.index(quantity) if quantity in QUANTITIES else len(QUANTITIES)
    return (place, quantity, task_order(task))


def task_order(task: str) -> tuple[int, str]:
    """Sort key of a task; arc_easy and arc_challenge stand with arc."""
    group = "arc" if task in ("arc_easy", "arc_challenge") else task
    return (TASKS.index(group) if group in TASKS else len(TASKS), task)
