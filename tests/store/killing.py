"""Writers and ingesters that are killed at random moments, and what must be true of what is left.

    python tests/store/killing.py [TRIALS]

A trial: two writers (one run each, several attempts, compacting now and then) and two ingesters run for a random
while and are killed with SIGKILL. A writer says on its standard output what was acknowledged. After all trials, every
acknowledged unit is in the store once and whole, with the value of its last acknowledged writing or a later one.
This process only forks: it uses neither polars nor DuckDB itself, so that a fork has no threads to lose.
"""

import os
import random
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from json import dumps, loads
from pathlib import Path
from typing import IO, Any

import duckdb

from store.folders import RunFolder
from store.ingest import ingest
from store.journal import Journal, next_attempt, units

QUANTITIES = 7
"""Rows of a unit; all have the same value, so that half a unit or a mixture shows."""

Acknowledged = dict[str, float]
"""'run language' -> value."""


@dataclass
class Outcome:
    """What happened in all trials."""

    trials: int = 0
    acknowledged: int = 0
    lost: list[str] = field(default_factory=list)
    torn: list[str] = field(default_factory=list)
    orphans: list[str] = field(default_factory=list)
    repaired: int = 0


def write(runs: Path, run_id: str, seed: int) -> None:
    """Write units until killed; say each when it is acknowledged."""
    chance = random.Random(seed)
    folder = RunFolder.at(runs, run_id).create({"run_id": run_id})
    with folder.lock():
        journal = Journal(folder, next_attempt(folder))
        while True:
            language, value = f"l{chance.randrange(20)}", time.monotonic_ns()
            row = {"evaluation": "e", "measure": "m", "unit": "1", "language": language, "value": float(value)}
            journal.write("measurement", [{**row, "quantity": f"q{index}"} for index in range(QUANTITIES)])
            print(run_id, language, value, flush=True)
            if chance.random() < 0.1:
                journal.compact()


def ingest_on(store: Path, runs: Path) -> None:
    """Ingest until killed."""
    while True:
        report = ingest(store, runs)
        if report.quarantined:
            print("quarantined", report.quarantined, flush=True)


def forked(work: Callable[..., None], *arguments: Any) -> tuple[int, IO[str]]:
    """Run `work` in a child; its standard output is the pipe."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.dup2(writing, 1)
        os.close(reading)
        sys.stdout = os.fdopen(1, "w")
        status = 1
        try:
            work(*arguments)
            sys.stdout.flush()
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    os.close(writing)
    return pid, os.fdopen(reading)


def trial(place: Path, seed: int, acknowledged: Acknowledged) -> int:
    """One trial; adds to `acknowledged` the last value of each unit. Gives the number of acknowledgements."""
    chance = random.Random(seed)
    store, runs = place / "results.duckdb", place / "runs"
    children = [forked(write, runs, f"run{index}", seed + index) for index in range(2)]
    children += [forked(ingest_on, store, runs) for _ in range(2)]
    time.sleep(0.1 + chance.random() * 0.6)
    for pid, _ in chance.sample(children, len(children)):
        time.sleep(chance.random() * 0.03)
        os.kill(pid, signal.SIGKILL)
    count = 0
    for pid, output in children:
        for line in output.read().splitlines():
            assert not line.startswith("quarantined"), line
            unit, _, value = line.rpartition(" ")
            acknowledged[unit] = float(value)
            count += 1
        output.close()
        os.waitpid(pid, 0)
    return count


def check(place: Path, acknowledged: Acknowledged) -> None:
    """Compare the store with what was acknowledged; says what is wrong as JSON."""
    store, runs = place / "results.duckdb", place / "runs"
    report = ingest(store, runs, wait_s=10.0)
    assert report.elected
    assert report.held_by is None
    connection = duckdb.connect(str(store), read_only=True)
    query = """SELECT run_id || ' ' || language, max(value), count(*), count(DISTINCT quantity), count(DISTINCT value)
        FROM (SELECT DISTINCT run_id FROM segment) JOIN measurement ON ('0x' || md5(run_id)[1:13])::BIGINT = run_key
        GROUP BY ALL"""
    rows = connection.execute(query).fetchall()
    connection.close()
    found = {row[0]: row[1] for row in rows}
    torn = [f"{row[0]}: {row[2]} rows, {row[4]} values" for row in rows if row[2:] != (QUANTITIES, QUANTITIES, 1)]
    lost = [f"{unit}: {value}" for unit, value in acknowledged.items() if found.get(unit, 0.0) < value]
    written = {f"{run} {unit[3]}" for run in ("run0", "run1") for unit in units(RunFolder.at(runs, run))}
    print(dumps({"torn": torn, "lost": lost, "orphans": sorted(written ^ found.keys())}))


def trials(place: Path, number: int) -> Outcome:
    """Run `number` trials in `place`, checking the store after each tenth."""
    outcome = Outcome()
    acknowledged: Acknowledged = {}
    for index in range(number):
        outcome.acknowledged += trial(place, index * 10, acknowledged)
        outcome.trials += 1
        if index % 10 == 9 or index == number - 1:
            pid, output = forked(check, place, acknowledged)
            found = loads(output.read())
            os.waitpid(pid, 0)
            outcome.lost += found["lost"]
            outcome.torn += found["torn"]
            outcome.orphans += found["orphans"]
    outcome.repaired = len(list(place.glob("*.old")))
    return outcome


def main() -> int:
    """Trials in a temporary folder; the outcome as a sentence and as JSON."""
    with tempfile.TemporaryDirectory() as folder:
        outcome = trials(Path(folder), int(sys.argv[1]) if len(sys.argv) > 1 else 20)
    print(
        f"{outcome.trials} trials, 4 processes killed in each: {outcome.acknowledged:,} writings acknowledged; "
        f"{len(outcome.lost)} lost, {len(outcome.torn)} doubled or half there, {len(outcome.orphans)} out of place; "
        f"the store was torn and made afresh {outcome.repaired} times"
    )
    print(dumps(asdict(outcome)))
    return 1 if outcome.lost or outcome.torn or outcome.orphans else 0


if __name__ == "__main__":
    sys.exit(main())
