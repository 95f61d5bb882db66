"""A made store of the size that issue 3 names: 1,000 runs, 200,000 measurements, 40 runs with neuron counts."""

from pathlib import Path

import duckdb

from store.attach import attached
from store.database import create


def make(path: Path) -> None:
    """Create the store at `path` (some ten seconds)."""
    create(path)
    statements = Path(__file__).with_name("big_store.sql").read_text(encoding="utf-8")
    connection = duckdb.connect()
    with attached(connection, path, read_only=False):
        connection.execute("USE results")
        connection.execute(statements)
        connection.execute("USE memory")
    connection.close()
