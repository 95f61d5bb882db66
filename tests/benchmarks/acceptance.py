"""The grids that the project is accepted by, through the product, and what they show: three tables of perplexity.

    python tests/benchmarks/acceptance.py --source DIR    32 x 512 tokens: half an hour on two cores
    python tests/benchmarks/acceptance.py                 the demo corpus: 11 x 512 tokens, all that it has
    python tests/benchmarks/acceptance.py --grids matrix --store r.duckdb

smollm2: every method on SmolLM2-135M, calibrated on German and English. gemma: Wanda and SparseGPT on Gemma 3 270M,
calibrated on German, Swahili and Chinese, without BOS as the references (so its English perplexity is twice what it
could be). matrix: SparseGPT on SmolLM2 in seven languages. DIR holds calib/ and eval/ of LANG.jsonl. Runs that are in
the store already are not done again; without --store it is a temporary one.
"""

import argparse
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import grids

HALF = ['{ name = "wanda", sparsity = 0.5 }', '{ name = "sparsegpt", sparsity = 0.5 }']
EVERY = [
    '{ name = "magnitude", sparsity = 0.5 }', *HALF,
    '{ name = "wanda", pattern = "2:4" }', '{ name = "sparsegpt", pattern = "2:4" }',
    '{ name = "gptq", bits = 4, group_size = 128 }', '{ name = "gptq", bits = 8, group_size = 128 }',
]  # fmt: skip
COLUMNS = "method, pattern, sparsity, calibration, " + ", ".join(
    f"round({name}, 1) AS {name}" for name in ("de", "en", "es", "ru", "zh", "ar", "sw")
)
QUERY = (
    f"SELECT {COLUMNS} FROM by_language WHERE source = 'run' AND quantity = 'perplexity' AND model = '{{model}}' "
    "AND evaluation = '{evaluation}' AND (calibration IS NULL OR calibration IN ({calibrations})) ORDER BY ALL"
)

GRID = """
name = "{name}"
[axes]
model = ["{model}"]
method = [{{ name = "dense" }}, {methods}]
calibration = {calibration}
[calibration]
source = "{source}"
samples = {samples}
length = 512
sampling = "pack"
[[measure]]
name = "perplexity"
languages = {languages}
source = "{heldout}"
samples = 4
length = 512
sampling = "pack"
"""


@dataclass(frozen=True)
class Asked:
    """A grid, and the command that shows what came of it."""

    model: str
    methods: list[str]
    calibration: list[str]
    languages: list[str]
    shown: tuple[str, ...]


LANGUAGES = list(grids.LANGUAGES)
ASKED = {
    "smollm2": Asked("demo", EVERY, ["de", "en"], LANGUAGES, ("sql", QUERY)),
    "gemma": Asked("demo-gemma", HALF, ["de", "sw", "zh"], ["de", "en", "sw", "zh"], ("sql", QUERY)),
    "matrix": Asked(
        "demo", HALF[1:], LANGUAGES, LANGUAGES,
        ("show", "perplexity?model={model}&method=sparsegpt&pattern=unstructured&evaluation={evaluation}"),
    ),
}  # fmt: skip


def main() -> None:
    options = parse()
    with tempfile.TemporaryDirectory(prefix="acceptance-") as made:
        store = options.store or Path(made) / "results.duckdb"
        store.parent.mkdir(parents=True, exist_ok=True)
        for name in options.grids:
            file = store.with_name(f"acceptance-{name}.toml")
            file.write_text(written(name, ASKED[name], options.source), encoding="utf-8")
            grids.run(file, store)
            print(f"\n{name}", flush=True)
            subprocess.run(grids.explorer(*shown(ASKED[name], file), store=store), check=True)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", default=grids.DEMO, help=grids.SOURCE)
    parser.add_argument("--grids", nargs="+", choices=list(ASKED), default=list(ASKED))
    parser.add_argument("--store", type=Path, help="keep the runs here, and those that are there already")
    return parser.parse_args()


def written(name: str, asked: Asked, source: str) -> str:
    """The grid file."""
    calibration, heldout = grids.texts(source)
    return GRID.format(
        name=f"acceptance-{name}",
        model=asked.model,
        methods=", ".join(asked.methods),
        calibration=grids.words(asked.calibration),
        source=calibration,
        samples=grids.MONOLINGUAL if source == grids.DEMO else 32,
        languages=grids.words(asked.languages),
        heldout=heldout,
    )


def shown(asked: Asked, file: Path) -> list[str]:
    """The arguments of `calib-explorer` that show the grid in `file`."""
    from pipeline.spec import Grid

    grid = Grid.load(file)
    place = {
        "model": next(grid.runs()).model_name,
        "evaluation": grid.measure[0].evaluation,
        "calibrations": ", ".join(f"'{language}'" for language in asked.calibration),
    }
    return [word.format(**place) for word in asked.shown]


if __name__ == "__main__":
    main()
