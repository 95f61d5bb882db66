"""Times the journal, the ingester and the reader: `python tests/benchmarks/store_ingest.py [SEGMENTS]`.

Limits (issue 3, 2 cores): 3,000 waiting segments moved in within 2 s; a finished measurement committed within 5 ms,
whoever holds the store; a refresh of the explorer's reader where nothing changed within 15 ms.
"""

import contextlib
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from store.database import create
from store.folders import RunFolder
from store.ingest import ingest
from store.journal import Journal
from store.reader import Reader

LANGUAGES = ("ar", "de", "en", "es", "ru", "sw", "zh")


def main() -> int:
    """Print the table; 1 where a limit is missed."""
    n_segments = int(sys.argv[1]) if len(sys.argv) > 1 else 3000
    with tempfile.TemporaryDirectory() as folder:
        store, runs = Path(folder) / "results.duckdb", Path(folder) / "runs"
        create(store)
        lines = [
            *_journal(store, runs),
            *_ingest(store, runs, n_segments),
            *_reader(store, runs),
        ]
    print(f"{'what':<58}{'median':>10}{'worst':>10}{'limit':>8}   ms")
    missed = 0
    for name, times, limit in lines:
        median = statistics.median(times) * 1e3
        missed += bool(limit) and median > limit
        mark = "  MISSED" if limit and median > limit else ""
        print(f"{name:<58}{median:>10.2f}{max(times) * 1e3:>10.2f}{limit or '':>8}{mark}")
    return 1 if missed else 0


Line = tuple[str, list[float], float | None]


def _journal(store: Path, runs: Path) -> Iterator[Line]:
    journal = Journal(RunFolder.at(runs, "committing").create({}), 1)
    rows = measurement("de", 1.0)
    yield (
        "commit of a measurement, nobody holds the store",
        _times(lambda: journal.write("measurement", rows), 200),
        5,
    )
    for mode in ("read-only", "read-write"):
        with _held(store, mode):
            times = _times(lambda: journal.write("measurement", rows), 200)
        yield f"commit of a measurement, store held {mode}", times, 5
    many = [{**rows[0], "block": block, "linear": f"l{index}"} for block in range(30) for index in range(7)]
    yield "commit of a measurement of 210 rows", _times(lambda: journal.write("measurement", many), 50), 5
    yield "compaction of 650 segments", _times(journal.compact, 1), None
    ingest(store, runs)


def _ingest(store: Path, runs: Path, n_segments: int) -> Iterator[Line]:
    _write_runs(runs, "run", n_segments)
    yield f"ingest of {n_segments:,} waiting segments", _times(lambda: _moved(store, runs, n_segments), 1), 2000
    yield "ingest with nothing to do", _times(lambda: ingest(store, runs), 10), None
    journal = Journal(RunFolder.at(runs, "one"), 1)
    times = []
    for _ in range(10):
        journal.write("measurement", measurement("de", 1.0))
        times += _times(lambda: _moved(store, runs, 1), 1)
    yield "ingest of one segment", times, None


def _reader(store: Path, runs: Path) -> Iterator[Line]:
    reader = Reader(store, runs)
    yield "first refresh of a reader", _times(reader.refresh, 1), None
    yield "second refresh of a reader (makes the rest of the views)", _times(reader.refresh, 1), None
    yield "refresh where nothing changed", _times(reader.refresh, 50), 15
    with _held(store, "read-write"):
        yield "refresh where nothing changed, store held read-write", _times(reader.refresh, 50), 15
        journal = Journal(RunFolder.at(runs, "one"), 1)
        times = []
        for _ in range(10):
            journal.write("measurement", measurement("en", 1.0))
            times += _times(reader.refresh, 1)
        yield "refresh with one new segment, store held read-write", times, None
    times = []
    for _ in range(10):
        journal.write("measurement", measurement("es", 1.0))
        ingest(store, runs)
        times += _times(reader.refresh, 1)
    yield "refresh after an ingest", times, None
    reader.close()


def measurement(language: str, value: float) -> list[dict[str, object]]:
    """The two rows of a perplexity."""
    row = {"evaluation": "perplexity-1", "measure": "perplexity", "language": language, "value": value, "n": 65536}
    quantities = (("perplexity", "ppl"), ("bits_per_byte", "bits/byte"))
    return [{**row, "quantity": quantity, "unit": unit, "better": "lower"} for quantity, unit in quantities]


def _write_runs(runs: Path, prefix: str, n_segments: int) -> None:
    """Runs of ten segments: started, seven languages, how they were measured, done."""
    for index in range(n_segments // 10):
        journal = Journal(RunFolder.at(runs, f"{prefix}{index}").create({}), 1)
        for status in ("running", "done"):
            journal.write(
                "run", [{"status": status, "model": "m", "method": "wanda", "calibration": "de", "seed": 0}]
            )
        journal.write("evaluation", [{"evaluation": "perplexity-1", "measure": "perplexity"}])
        for language in LANGUAGES:
            journal.write("measurement", measurement(language, 1.0))


def _moved(store: Path, runs: Path, n_segments: int) -> None:
    report = ingest(store, runs)
    assert report.n_segments == n_segments, report


def _times(work: Callable[[], object], repetitions: int) -> list[float]:
    times = []
    for _ in range(repetitions):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return times


@contextlib.contextmanager
def _held(store: Path, mode: str) -> Iterator[None]:
    code = "import duckdb, sys; c = duckdb.connect(sys.argv[1], read_only=sys.argv[2] == 'read-only'); "
    code += "print('open', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", code, str(store), mode]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield
        finally:
            process.kill()


if __name__ == "__main__":
    sys.exit(main())
