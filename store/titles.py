"""What a matrix shows, in one line."""

from typing import Any

import duckdb

from store.resolve import Resolved
from store.sql import select


def title(connection: duckdb.DuckDBPyConnection, resolved: Resolved, paper_tables: set[int | None]) -> str:
    """Quantity, model, slice, and what it was measured on:

    "perplexity (ppl, lower is better) · SmolLM2-135M-Instruct · wanda 50% · on demo heldout 16x512"
    """
    view, entries = resolved.view, resolved.entries
    what = f"{view.quantity} {view.task}".strip()
    if entries and entries[0].better:
        what += f" ({entries[0].unit}, {entries[0].better} is better)"
    label = resolved.slice.label if resolved.slice else view.method
    return " · ".join(
        filter(None, (what, view.model, label, view.setting, _where(connection, resolved, paper_tables)))
    )


def _where(connection: duckdb.DuckDBPyConnection, resolved: Resolved, paper_tables: set[int | None]) -> str:
    if not resolved.entries:
        return "nothing published" if resolved.view.source == "paper" else "nothing measured yet"
    if resolved.view.source == "paper":
        tables = sorted(table for table in paper_tables if table is not None)
        return f"published, table {' and '.join(map(str, tables))}" if tables else "published"
    ids = [entry.evaluation for entry in resolved.entries]
    rows = select(connection, "evaluations", {"evaluations": ids})
    return "on " + " and ".join(dict.fromkeys(_text(row) for row in rows) or ids)


def _text(row: tuple[Any, ...]) -> str:
    """ "demo heldout 16x512"; the id itself where nothing else is known."""
    evaluation, _, source, split, samples, length, *_ = row
    size = f"{samples}x{length}" if samples and length else samples
    return " ".join(str(part) for part in (source, split, size) if part) or evaluation
