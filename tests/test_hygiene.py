"""What each process may load: asked of the process itself, because a deferred import hides from import-linter."""

import subprocess
import sys

import pytest

HEAVY = ("torch", "transformers", "datasets", "lm_eval", "polars", "pyarrow", "pandas")

ROOMS = {
    "opening the explorer": (
        "import app.cli; from app.start import Opening; assert Opening.read(['--store', 'x'])",
        (*HEAVY, "textual", "rich", "duckdb", "numpy", "pydantic", "typer"),
    ),
    "the command line": ("import app.cli, app.commands", (*HEAVY, "textual", "rich", "duckdb", "numpy", "pydantic")),
    "show and sql": ("import app.show, app.sql", (*HEAVY, "textual")),
    "doctor": ("import app.doctor.report", (*HEAVY, "textual")),
    "the explorer": ("import app.explorer.explorer", HEAVY),
    "grid files": ("import pipeline.spec", (*HEAVY, "textual", "duckdb", "numpy")),
    "the driver": (
        "import pipeline.driver, pipeline.__main__",
        ("torch", "transformers", "datasets", "lm_eval", "textual"),
    ),
    "the reader of the store": ("import store.reader, store.queries, store.view", (*HEAVY, "textual")),
}


@pytest.mark.parametrize("room", ROOMS)
def test_a_process_loads_no_more_than_it_needs(room: str) -> None:
    statement, forbidden = ROOMS[room]
    loaded = _loaded_after(statement)
    assert not loaded.intersection(forbidden), f"{room}: '{statement}' loads {loaded.intersection(forbidden)}"


def _loaded_after(statement: str) -> set[str]:
    code = f"import sys; before = set(sys.modules); {statement}; print(*(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in done.stdout.split()}
