"""What a grid shares: seven languages x two methods in one go against the same runs one by one.

    python tests/benchmarks/shared_grid.py            SmolLM2-135M, 8 x 256 tokens, perplexity and fidelity
    python tests/benchmarks/shared_grid.py --quick    two languages

Together: one worker, one loaded model, the tokenised text once, a pass of the dense model for up to four pruned ones.
One by one: each run is a grid of its own with a store of its own, as a script for one run would be called. Both find
text and model in the user's cache. Numbers must be the same.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb

METHODS, LANGUAGES = ("wanda", "sparsegpt"), ("ar", "de", "en", "es", "ru", "sw", "zh")
GRID = """
name = "shared"
[axes]
model = ["demo"]
method = [{methods}]
calibration = [{languages}]
[calibration]
source = "demo"
samples = 8
length = 256
"""
MEASURE = """
[[measure]]
name = "{name}"
languages = ["de", "en", "zh"]
source = "demo"
samples = 4
length = 256
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    languages = LANGUAGES[:2] if parser.parse_args().quick else LANGUAGES
    with tempfile.TemporaryDirectory(prefix="shared-") as made:
        place = Path(made)
        run(place / "first", METHODS[:1], languages[:1])  # text and model into the cache
        apart, numbers = 0.0, {}
        for method in METHODS:
            for language in languages:
                folder = place / f"{method}-{language}"
                apart += run(folder, (method,), (language,))
                numbers |= measured(folder)
                print(f"  {method} {language}: {apart:.0f} s so far", flush=True)
        together = run(place / "all", METHODS, languages)
        same = measured(place / "all") == numbers
    n = len(METHODS) * len(languages)
    print(f"{n} runs on SmolLM2-135M, float32, {os.cpu_count()} processors")
    print(f"one by one {apart:6.1f} s; in one grid {together:6.1f} s: {apart / together:.2f} times as fast")
    print(f"{len(numbers)} numbers equal bit for bit: {same}")


def run(folder: Path, methods: tuple[str, ...], languages: tuple[str, ...]) -> float:
    """Seconds that a grid takes from its start to its end."""
    folder.mkdir()
    grid = GRID.format(
        methods=", ".join(f'{{ name = "{method}" }}' for method in methods),
        languages=", ".join(f'"{language}"' for language in languages),
    )
    (folder / "grid.toml").write_text(
        grid + "".join(MEASURE.format(name=name) for name in ("perplexity", "fidelity"))
    )
    command = [sys.executable, "-m", "pipeline", "grid.toml", "--store", "results.duckdb", "--device", "cpu"]
    started = time.perf_counter()
    subprocess.run(command, cwd=folder, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - started


def measured(folder: Path) -> dict[tuple[object, ...], float]:
    """Every number, by what it is of."""
    with duckdb.connect(str(folder / "results.duckdb"), read_only=True) as store:
        rows = store.execute(
            "SELECT method, calibration, quantity, language, block, value FROM metrics WHERE source = 'run'"
        ).fetchall()
    return {tuple(row[:-1]): row[-1] for row in rows}


if __name__ == "__main__":
    main()
