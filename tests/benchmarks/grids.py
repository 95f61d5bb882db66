"""Grids of benchmarks: where their text comes from, and running them through the product's own commands."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

SOURCE = "text: a directory with calib/ and eval/, or calibration/ and heldout/, of LANG.jsonl, .txt or .parquet"
"""Help of an option that `texts` reads."""
LANGUAGES = ("ar", "de", "en", "es", "ru", "sw", "zh")
DEMO, MONOLINGUAL = "demo", 11
"""The demo corpus, and how many sequences of 512 tokens it has to calibrate with in each of its languages."""


def texts(source: str) -> tuple[str, str]:
    """What a grid names as source of its calibration and of its measures: the demo corpus, or a directory's parts."""
    if source == DEMO:
        return DEMO, DEMO
    folder = Path(source).resolve()
    if (folder / "calib").is_dir() and (folder / "eval").is_dir():
        return str(folder / "calib"), str(folder / "eval")
    return str(folder), str(folder)


def words(names: tuple[str, ...] | list[str]) -> str:
    """As a list in TOML."""
    return "[" + ", ".join(f'"{name}"' for name in names) + "]"


def run(grid: Path, store: Path, *options: str, environment: Mapping[str, str] | None = None) -> None:
    """Do what is missing of a grid; progress goes to standard error. Ends the program where a run fails."""
    command = explorer("run", "--headless", str(grid), *options, store=store)
    done = subprocess.run(command, env={**os.environ, **(environment or {})}, stdout=sys.stderr)
    if done.returncode:
        raise SystemExit(done.returncode)


def explorer(*arguments: str, store: Path) -> list[str]:
    """The command `calib-explorer` with these arguments, on a store."""
    return [sys.executable, "-m", "app.cli", *arguments, "--store", str(store)]
