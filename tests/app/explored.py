"""A store to explore: the demo model pruned in three slices, with runs whose folders could be run again."""

import tomllib
from pathlib import Path

from pipeline.record import settings
from pipeline.spec import Grid, RunSpec
from store.folders import GridFolder, RunFolder, State
from store.ingest import ingest
from store.journal import Journal

LANGUAGES = ("ar", "de", "en", "es", "ru", "sw", "zh")
LEVEL = {"ar": 24.0, "de": 13.0, "en": 12.0, "es": 14.0, "ru": 10.0, "sw": 177.0, "zh": 19.0}
GRID = """
name = "explored"
[axes]
model = ["demo"]
method = [{ name = "dense" }, { name = "wanda", sparsity = 0.5 }, { name = "wanda", pattern = "2:4" }]
calibration = ["ar", "de", "en", "es", "ru", "sw", "zh"]
seed = [0, 1, 2]
[calibration]
source = "demo"
samples = 16
length = 256
[[measure]]
name = "perplexity"
languages = ["ar", "de", "en", "es", "ru", "sw", "zh"]
source = "demo"
samples = 16
length = 256
"""


def grid() -> Grid:
    return Grid.parse(tomllib.loads(GRID), Path("explored.toml"))


def make(folder: Path) -> Path:
    """Write the store; calibration zh of wanda 50 % has not been run, nor sw on sw. The store's path."""
    runs = folder / "runs"
    made = grid()
    GridFolder.at(runs, made.grid_id).create(made.model_dump(mode="json"))
    for run in made.runs():
        if run.method_label == "wanda-2of4" and run.seed != 0:
            continue
        if run.calibration is not None and run.calibration.label == "zh" and run.method_label == "wanda-0.5":
            continue
        write(runs, run)
    ingest(folder / "results.duckdb", runs)
    return folder / "results.duckdb"


def write(runs: Path, run: RunSpec, languages: tuple[str, ...] = LANGUAGES) -> RunFolder:
    """The folder of a finished run."""
    measure = grid().measure[0]
    folder = RunFolder.at(runs, run.run_id).create({**run.model_dump(mode="json"), "run_id": run.run_id})
    journal = Journal(folder, 1)
    row = {**settings(run), "status": "done", "wall_s": 41.0, "host": "laptop", "git_commit": "a1c9f2e0"}
    journal.write("run", [row])
    journal.write("evaluation", [{"evaluation": measure.evaluation, "measure": "perplexity", "source": "demo"}])
    label = run.calibration.label if run.calibration else ""
    rows = []
    for language in languages:
        if not (label == language == "sw"):
            value = perplexity(run, label, language)
            rows += [_number(measure.evaluation, language, "perplexity", "ppl", value)]
            rows += [_number(measure.evaluation, language, "bits_per_byte", "bits/byte", value / 20)]
    journal.write("measurement", rows)
    folder.log.write_text(f"pruned {run.run_id}\nmeasured\n")
    folder.write_state(State(status="done", fraction=1.0, grid=grid().grid_id))
    return folder


def perplexity(run: RunSpec, label: str, language: str) -> float:
    """Lower for the own language, higher for 2:4, a little different for every seed."""
    if not label:
        return LEVEL[language]
    distance = abs(LANGUAGES.index(label) - LANGUAGES.index(language))
    factor = 1.2 + 0.05 * distance + (0.3 if run.method_label == "wanda-2of4" else 0.0)
    return LEVEL[language] * (factor + 0.01 * ((run.seed or 0) + distance % 2))


def _number(evaluation: str, language: str, quantity: str, unit: str, value: float) -> dict[str, object]:
    row = {"evaluation": evaluation, "measure": "perplexity", "language": language, "quantity": quantity}
    return {**row, "unit": unit, "better": "lower", "value": value}
