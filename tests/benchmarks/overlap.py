"""How long the overlap of masks takes for an 8B model: three seeds of seven languages, within and between languages.

    python tests/benchmarks/overlap.py             a block of Llama-3-8B's shapes, 21 masks in files: a few seconds
    python tests/benchmarks/overlap.py --pairs     and every two runs, as for methods: 210 pairs instead of 21

Masks of one block's linears in their real sizes are written to a file a run and read as `calib-explorer analyse`
reads them, from the page cache; the model has 32 such blocks, so its time is 32 times as long. Beside it a plain way:
each comparison on its own, on bits unpacked to booleans, for one linear. Reading the files from disk comes on top:
the size of all is told.
"""

import argparse
import itertools
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from pipeline.mask_file import MaskFile
from pipeline.mask_reader import MappedMask, mapped_masks
from pipeline.masks import PackedMask
from pipeline.overlap import all_pairs, overlaps

BLOCKS, WANTED = 32, 60.0
LINEARS = {
    "self_attn.q_proj": (4096, 4096), "self_attn.k_proj": (1024, 4096), "self_attn.v_proj": (1024, 4096),
    "self_attn.o_proj": (4096, 4096), "mlp.gate_proj": (14336, 4096), "mlp.up_proj": (14336, 4096),
    "mlp.down_proj": (4096, 14336),
}  # fmt: skip
LANGUAGES, SEEDS = ("ar", "de", "en", "es", "ru", "sw", "zh"), 3

Masks = dict[str, MappedMask]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        files = [write(Path(name) / f"{run}.safetensors", run) for run in range(len(LANGUAGES) * SEEDS)]
        size = sum(file.stat().st_size for file in files)
        masks = [mapped_masks(file) for file in files]
        for own in masks:  # into the page cache
            for mask in own.values():
                int(mask.bits.sum(dtype=np.int64))
        seconds = {linear: timed(partial(compare, masks, linear, options.pairs)) for linear in LINEARS}
        plain = timed(partial(plainly, masks, "self_attn.k_proj"))
    block = sum(seconds.values())
    print(f"{len(files)} masks of a block of Llama-3-8B's shapes, 50 % removed, {size / 1e6:,.0f} MB; one thread")
    for linear, taken in seconds.items():
        print(f"  {linear:18s} {LINEARS[linear][0]:6d} x {LINEARS[linear][1]:<6d} {taken:6.3f} s")
    whole = BLOCKS * block
    print(
        f"a block {block:.2f} s; 32 blocks {whole:.1f} s (asked: under {WANTED:.0f} s), {BLOCKS * size / 1e9:.1f} GB"
    )
    ratio = plain / seconds["self_attn.k_proj"]
    print(f"plainly, each comparison on its own on booleans: {ratio:.0f} times as long (k_proj, {plain:.2f} s)")


def write(file: Path, run: int) -> Path:
    """Random masks of one block."""
    draw = np.random.default_rng(run)
    with MaskFile(file) as written:
        for name, shape in LINEARS.items():
            bits = draw.integers(0, 256, shape[0] * shape[1] // 8, dtype=np.uint8)
            written.add(name, PackedMask(shape, bits))
    return file


def compare(masks: list[Masks], linear: str, every: bool) -> None:
    bits = [own[linear].bits for own in masks]
    groups = {language: bits[SEEDS * at : SEEDS * (at + 1)] for at, language in enumerate(LANGUAGES)}
    pairs = all_pairs(list(groups))
    rows, columns = LINEARS[linear]
    if every:
        singles = {f"run {at}": [own] for at, own in enumerate(bits)}
        groups, pairs = {**groups, **singles}, pairs + all_pairs(list(singles))
    overlaps(groups, pairs, rows * columns)


def plainly(masks: list[Masks], linear: str) -> None:
    """Within each language and between every two, the masks unpacked each time."""

    def unpacked(language: int) -> list[np.ndarray]:
        own = masks[SEEDS * language : SEEDS * (language + 1)]
        return [np.unpackbits(mask[linear].bits).astype(bool) for mask in own]

    for language in range(len(LANGUAGES)):
        own = unpacked(language)
        np.logical_and.reduce(own).sum() / np.logical_or.reduce(own).sum()
    for a, b in itertools.combinations(range(len(LANGUAGES)), 2):
        first, second = np.logical_and.reduce(unpacked(a)), np.logical_and.reduce(unpacked(b))
        (first & second).sum() / (first | second).sum()


def timed(work: Callable[[], None]) -> float:
    """Seconds, the least of three."""
    found = []
    for _ in range(3):
        started = time.perf_counter()
        work()
        found.append(time.perf_counter() - started)
    return min(found)


if __name__ == "__main__":
    main()
