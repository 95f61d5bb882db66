"""Times every named query on a store of 1,000 runs: `python tests/benchmarks/store_queries.py [FOLDER]`.

Each repetition attaches the file read-only to a long-lived in-memory DuckDB, asks, and detaches, as the explorer's
reader does. Limits (issue 3, 2 cores): 50 ms for the queries of the screens, 150 ms for the LAPE box plot, 400 MB.
The store is made in FOLDER (a temporary one by default) where it is missing.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
from big_store import make

from store import layers, queries
from store.attach import attached
from store.slices import Slice
from store.view import View

MODEL = "SmolLM2-135M-Instruct"
SLICE = Slice("run", MODEL, "wanda", "unstructured", 0.5, "mc4 128x8192 float32")
WANDA = View("perplexity", model=MODEL, method="wanda", pattern="unstructured", setting=SLICE.setting)
DENSE, PRUNED = "smollm2-135m-instruct-dense", "smollm2-135m-instruct-sparsegpt-2of4-ar-s0-128"

QUESTIONS: dict[str, tuple[int, Callable[[duckdb.DuckDBPyConnection], object]]] = {
    "opening and closing alone": (0, lambda _: None),
    "matrix": (50, lambda db: queries.matrix(db, WANDA)),
    "matrix, newest of all": (50, lambda db: queries.matrix(db, View())),
    "matrix of a task": (50, lambda db: queries.matrix(db, View.parse("arc?model=smollm2&method=sparsegpt"))),
    "matrix, published": (50, lambda db: queries.matrix(db, View.parse("perplexity?source=paper"))),
    "matrix less the paper": (50, lambda db: queries.matrix(db, View.parse("snr?model=aya&method=wanda&base=paper"))),
    "cell": (50, lambda db: queries.cell(db, WANDA, "de", "en")),
    "slices": (50, lambda db: queries.slices(db)),
    "quantities": (50, lambda db: queries.quantities(db, WANDA)),
    "runs": (50, lambda db: queries.runs(db)),
    "compare": (50, lambda db: queries.compare(db, WANDA, "de", "en")),
    "curves": (50, lambda db: layers.curves(db, SLICE, "pruning_error", ["de", "en"], "en")),
    "overlaps": (50, lambda db: layers.overlaps(db, MODEL, "wanda", "de", "en")),
    "neurons": (50, lambda db: layers.neurons(db, DENSE, "lape-1", "sw")),
    "lape boxes": (150, lambda db: layers.lape_boxes(db, DENSE, PRUNED, "lape-1")),
    "SELECT * FROM table1": (0, lambda db: db.execute("FROM table1").fetchall()),
    "SELECT * FROM table2": (0, lambda db: db.execute("FROM table2").fetchall()),
    "SELECT * FROM comparison": (0, lambda db: db.execute("FROM comparison").fetchall()),
}


def main() -> int:
    """Print the table; 1 where a limit is missed."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(temporary)
        store = folder / "results.duckdb"
        if not store.exists():
            began = time.perf_counter()
            make(store)
            print(f"made in {time.perf_counter() - began:.0f} s")
        return _measure(store)


def _measure(store: Path) -> int:
    megabytes = store.stat().st_size / 1e6
    print(f"{store.name}: {megabytes:.0f} MB (limit 400)")
    missed = megabytes > 400
    connection = duckdb.connect()
    for name, (limit, question) in QUESTIONS.items():
        times, rows = _times(connection, store, question)
        median = 1000 * statistics.median(times)
        missed |= bool(limit) and median > limit
        allowed = f"limit {limit}" if limit else ""
        print(f"{name:28}{median:7.1f} ms  (best {1000 * min(times):6.1f})  {allowed:10} {rows}")
    return int(missed)


def _times(
    connection: duckdb.DuckDBPyConnection, store: Path, question: Callable[[duckdb.DuckDBPyConnection], object]
) -> tuple[list[float], str]:
    times = []
    for _ in range(21):
        began = time.perf_counter()
        with attached(connection, store, read_only=True):
            connection.execute("USE results")
            answer = question(connection)
            connection.execute("USE memory")
        times.append(time.perf_counter() - began)
    size = len(answer) if isinstance(answer, list) else len(getattr(answer, "cells", ""))
    return times[1:], f"{size} rows" if size else ""


if __name__ == "__main__":
    raise SystemExit(main())
