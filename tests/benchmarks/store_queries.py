"""Times every named query on a store of 1,000 runs: `python tests/benchmarks/store_queries.py [FOLDER]`.

Two ways, both with a long-lived in-memory DuckDB: "file" attaches the store read-only, asks, and detaches it, as any
client may; "reader" refreshes the explorer's Reader and asks that, the large tables with the store attached.
Limits (issue 3, 2 cores): 50 ms for the queries of the screens, 150 ms for the LAPE box plot, 400 MB.
The store is made in FOLDER (a temporary one by default) where it is missing.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import duckdb
from big_store import make

from store import layers, queries
from store.attach import attached
from store.reader import Reader
from store.slices import Slice
from store.view import View

MODEL = "SmolLM2-135M-Instruct"
SLICE = Slice("run", MODEL, "wanda", "unstructured", 0.5, "mc4 128x8192 float32")
WANDA = View("perplexity", model=MODEL, method="wanda", pattern="unstructured", setting=SLICE.setting)
DENSE, PRUNED = "smollm2-135m-instruct-dense", "smollm2-135m-instruct-sparsegpt-2of4-ar-s0-128"


def _overlaps(db: duckdb.DuckDBPyConnection) -> object:
    return layers.overlaps(db, MODEL, "wanda", "de", "en")


def _neurons(db: duckdb.DuckDBPyConnection) -> object:
    return layers.neurons(db, DENSE, "lape-1", "sw")


def _lape_boxes(db: duckdb.DuckDBPyConnection) -> object:
    return layers.lape_boxes(db, DENSE, PRUNED, "lape-1")


LARGE = (_overlaps, _neurons, _lape_boxes)
"""Questions about tables that a reader leaves in the store."""

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
    "overlaps": (50, _overlaps),
    "neurons": (50, _neurons),
    "lape boxes": (150, _lape_boxes),
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
    print(f"{'median ms, wall (CPU)':28}{'file':>16}{'reader':>16}")
    missed = megabytes > 400
    connection, reader = duckdb.connect(), Reader(store, store.parent / "runs")
    for name, (limit, question) in QUESTIONS.items():
        ways = _times(partial(_file, connection, store, question)), _times(partial(_reader, reader, question))
        missed |= any(limit and wall > limit for wall, _ in ways)
        shown = "".join(f"{wall:8.1f} ({cpu:5.1f})" for wall, cpu in ways)
        print(f"{name:28}{shown}  {f'limit {limit}' if limit else ''}")
    reader.close()
    return int(missed)


Question = Callable[[duckdb.DuckDBPyConnection], object]


def _times(ask: Callable[[], object]) -> tuple[float, float]:
    """Median milliseconds of twenty answers, after one to warm up: by the clock, and of CPU on all threads, which
    tells more on a busy machine."""
    clock, cpu = [], []
    for _ in range(21):
        began, used = time.perf_counter(), time.process_time()
        ask()
        clock.append(1000 * (time.perf_counter() - began))
        cpu.append(1000 * (time.process_time() - used))
    return statistics.median(clock[1:]), statistics.median(cpu[1:])


def _file(connection: duckdb.DuckDBPyConnection, store: Path, question: Question) -> object:
    with attached(connection, store, read_only=True):
        connection.execute("USE results")
        answer = question(connection)
        connection.execute("USE memory")
    return answer


def _reader(reader: Reader, question: Question) -> object:
    if question in LARGE:
        with reader:
            return question(reader.connection)
    reader.refresh()
    return question(reader.connection)


if __name__ == "__main__":
    raise SystemExit(main())
