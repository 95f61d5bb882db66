"""How far `fast` is from `exact`, end to end: perplexity in every language and masks, over seeds, on SmolLM2-135M.

    python tests/benchmarks/fast_against_exact.py --source DIR    32 x 512 tokens, seven languages in equal shares
    python tests/benchmarks/fast_against_exact.py                 the demo corpus, which has less held-out text
    python tests/benchmarks/fast_against_exact.py --store r.duckdb --control

Grids through the product, so that with --store a call that was stopped goes on. DIR holds calib/ and eval/ of
LANG.jsonl. Small rounding differences grow from block to block in either direction, so the mean over seeds is what
fast changes, and the standard deviation is what any change of rounding does. --control shows the latter: exact again,
its products by other instructions (MKL_ENABLE_INSTRUCTIONS=AVX2, in a folder "control" beside the store). That acts
only where torch multiplies by MKL on a processor of Intel's with more than AVX2; elsewhere all differences are 0.

Exit code 1 where fast's mean is further than 2 % from exact in a language.
"""

import argparse
import math
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev

import duckdb
import grids

from pipeline.mask_reader import mapped_masks
from pipeline.overlap import overlaps
from pipeline.spec import Grid

WITHIN = 2.0
"""Per cent of perplexity, in every language: what the project asks for."""
IOU = {"wanda": 0.99, "sparsegpt": 0.95}
"""Of fast's masks with exact's: what it asks for."""
CONTROL = {"MKL_ENABLE_INSTRUCTIONS": "AVX2"}

GRID = """
name = "fast-against-exact"
arithmetic = "{arithmetic}"
[axes]
model = ["demo"]
method = [{methods}]
calibration = ["{mix}"]
seed = {seeds}
[calibration]
source = "{calibration}"
samples = {samples}
length = {length}
sampling = "pack"
[[measure]]
name = "perplexity"
languages = {languages}
source = "{heldout}"
samples = {heldout_samples}
length = {length}
sampling = "pack"
"""


@dataclass(frozen=True)
class Found:
    """What came of one run: perplexity by language, and its file of masks."""

    perplexity: dict[str, float]
    masks: Path


Runs = Mapping[tuple[str, int], Found]
"""By method and seed."""


def main() -> None:
    options = parse()
    with tempfile.TemporaryDirectory(prefix="fast-against-exact-") as made:
        store = options.store or Path(made) / "results.duckdb"
        exact = done(options, "exact", store)
        compared = {"fast": done(options, "fast", store)}
        if options.control:
            apart = store.parent / "control" / store.name
            compared["exact, other instructions"] = done(options, "exact", apart, CONTROL)
        print(f"SmolLM2-135M at 50 %, {options.samples} x {options.length} tokens of {'+'.join(options.languages)}; "
              f"perplexity on {options.heldout} x {options.length} tokens a language")  # fmt: skip
        missed = False
        for method in options.methods:
            for name, runs in compared.items():
                print(*table(method, name, exact, runs, options), sep="\n", flush=True)
            missed |= bool(beyond(means(method, exact, compared["fast"], options)))
    sys.exit(missed)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", default=grids.DEMO, help=grids.SOURCE)
    parser.add_argument("--methods", nargs="+", choices=list(IOU), default=list(IOU))
    parser.add_argument("--languages", nargs="+", default=list(grids.LANGUAGES))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--samples", type=int, default=32, help="calibration sequences, all languages together")
    parser.add_argument("--heldout", type=int, help="sequences a language (default: 24; of the demo corpus 7)")
    parser.add_argument("--length", type=int, default=512, help="tokens of a sequence")
    parser.add_argument("--store", type=Path, help="keep the runs here, and those that are there already")
    parser.add_argument("--control", action="store_true")
    options = parser.parse_args()
    options.heldout = options.heldout or (7 if options.source == grids.DEMO else 24)
    return options


def done(
    options: argparse.Namespace, arithmetic: str, store: Path, environment: Mapping[str, str] | None = None
) -> Runs:
    """The runs of one grid, with what is missing of them done."""
    calibration, heldout = grids.texts(options.source)
    store.parent.mkdir(parents=True, exist_ok=True)
    file = store.with_name(f"fast-against-exact-{arithmetic}.toml")
    file.write_text(
        GRID.format(
            arithmetic=arithmetic,
            methods=", ".join(f'{{ name = "{name}", sparsity = 0.5 }}' for name in options.methods),
            mix="+".join(options.languages),
            seeds=options.seeds,
            calibration=calibration,
            samples=options.samples,
            length=options.length,
            languages=grids.words(options.languages),
            heldout=heldout,
            heldout_samples=options.heldout,
        ),
        encoding="utf-8",
    )
    grids.run(file, store, "--device", "cpu", environment=environment)
    return dict(read(Grid.load(file), store))


def read(grid: Grid, store: Path) -> Iterator[tuple[tuple[str, int], Found]]:
    question = "SELECT language, value FROM metrics WHERE run_id = ? AND evaluation = ? AND quantity = 'perplexity'"
    with duckdb.connect(str(store), read_only=True) as db:
        for run in grid.runs():
            assert run.seed is not None
            rows = db.execute(question, [run.run_id, grid.measure[0].evaluation]).fetchall()
            masks = store.parent / "runs" / run.run_id / "masks.safetensors"
            yield (run.method.name, run.seed), Found(dict(rows), masks)


def table(method: str, name: str, exact: Runs, runs: Runs, options: argparse.Namespace) -> Iterator[str]:
    """Lines: exact's perplexities and what the other runs' differ from them, by seed."""
    seeds = options.seeds
    width = 9 * len(seeds)
    yield f"\n{method}: {name} against exact, by seed ({' '.join(map(str, seeds))})"
    yield f"  language{'exact':>{width}}{'difference in %':>{max(width, 17)}}     mean       sd"
    for language in options.languages:
        own = [exact[method, seed].perplexity[language] for seed in seeds]
        percent = differences(method, language, exact, runs, seeds)
        spread = f"{stdev(percent):8.2f}" if len(percent) > 1 else f"{'–':>8s}"
        shown = "".join(f"{value:+9.2f}" for value in percent)
        numbers = "".join(f"{value:9.2f}" for value in own)
        yield f"  {language:8s}{numbers}{shown:>{max(width, 17)}}{fmean(percent):+9.2f} {spread}"
    found = [iou(exact[method, seed].masks, runs[method, seed].masks) for seed in seeds]
    asked = f" (asked: {IOU[method]:g})" if name == "fast" else ""
    yield f"  IoU of the masks: {' '.join(f'{value:.4f}' for value in found)}{asked}"
    if name == "fast":
        far = beyond(means(method, exact, runs, options))
        verdict = f"no: {', '.join(far)}" if far else "yes"
        yield f"  mean within {WITHIN:g} % in every language: {verdict}"


def differences(method: str, language: str, exact: Runs, runs: Runs, seeds: list[int]) -> list[float]:
    """Per cent of exact's perplexity, by seed."""
    keys = [(method, seed) for seed in seeds]
    return [100 * (runs[key].perplexity[language] / exact[key].perplexity[language] - 1) for key in keys]


def means(method: str, exact: Runs, runs: Runs, options: argparse.Namespace) -> dict[str, float]:
    """Over seeds, by language."""
    return {
        language: fmean(differences(method, language, exact, runs, options.seeds)) for language in options.languages
    }


def beyond(percent: Mapping[str, float]) -> list[str]:
    """Languages whose mean is further away than asked, or no number."""
    return [language for language, value in percent.items() if not abs(value) <= WITHIN]


def iou(a: Path, b: Path) -> float:
    """Of all weights that one or the other removed."""
    ours, theirs = mapped_masks(a), mapped_masks(b)
    both = either = 0
    for name, mask in ours.items():
        n_weights = math.prod(mask.shape)
        _, across = overlaps({"a": [mask.bits], "b": [theirs[name].bits]}, [("a", "b")], n_weights)
        both, either = both + across["a", "b"].n_intersection, either + across["a", "b"].n_union
    return both / either


if __name__ == "__main__":
    main()
