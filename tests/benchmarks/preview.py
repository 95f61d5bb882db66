"""Wanda's preview beside the sequential result on the demo model: IoU of the masks, and what each costs.

    .venv/bin/python tests/benchmarks/preview.py [--quick] [--source DIR]

A table of mixes x patterns, calibrated on 32 x 512 tokens; on 11 x 512 of the demo corpus, which has no more. The
passes over the languages are the preview's whole cost but for choosing the masks.
"""

import argparse
import time
from collections.abc import Mapping
from typing import Any

import grids
import numpy as np
import torch

from pipeline import models, preview, text
from pipeline.bench import Bench
from pipeline.masks import PackedMask
from pipeline.progress import outcome
from pipeline.prune import prune
from pipeline.spec import CalibrationSpec, Wanda
from pipeline.spec.calibration import default_sampling
from pipeline.spec.methods import WandaPreview

CPU = torch.device("cpu")
MIXES = ("en", "de", "sw", "en+de", "de*3+en")
PATTERNS: tuple[dict[str, Any], ...] = ({"sparsity": 0.5}, {"pattern": "2:4"})

Masks = Mapping[str, PackedMask]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="8 x 128 tokens; en and en+de alone")
    parser.add_argument("--source", default="demo", help="calibration text (default: demo)")
    given = parser.parse_args()
    samples, length = (8, 128) if given.quick else (grids.MONOLINGUAL if given.source == grids.DEMO else 32, 512)
    bench, sampling = Bench(), default_sampling(given.source)
    tokenizer = bench.take("demo", "auto").tokenizer
    languages: dict[str, preview.Norms] = {}
    print(
        f"{'calibration':12}{'pattern':>8}{'IoU':>8}{'chance':>8}{'sequential s':>14}{'pass s':>8}{'preview s':>11}"
    )
    for mix in ("en", "en+de") if given.quick else MIXES:
        asked = CalibrationSpec(languages=mix, source=given.source, samples=samples, length=length, sampling=sampling)
        tokens = text.calibration_tokens(asked, 0, tokenizer).ids
        for pattern in PATTERNS:
            began = time.process_time()
            sequential = pruned(bench, Wanda.model_validate({"name": "wanda", **pattern}), tokens)
            seconds = time.process_time() - began
            began = time.process_time()
            for language in asked.shares():
                if language not in languages:
                    whole = text.calibration_tokens(asked.model_copy(update={"languages": language}), 0, tokenizer)
                    loaded = bench.take("demo", "auto")
                    languages[language] = outcome(preview.dense_norms(loaded.model, whole.ids, CPU))
            passes = time.process_time() - began
            began = time.process_time()
            norms = preview.mixed({language: languages[language] for language in asked.shares()}, asked.shares())
            spec = WandaPreview.model_validate({"name": "wanda_preview", **pattern})
            estimated = pruned(bench, spec, tokens, preview.statistics(norms, CPU))
            told = pattern.get("pattern") or f"{100 * pattern['sparsity']:.0f} %"
            print(
                f"{mix:12}{told:>8}{iou(sequential, estimated):8.3f}{1 / 3:8.3f}{seconds:14.1f}{passes:8.1f}"
                f"{time.process_time() - began:11.1f}",
                flush=True,
            )


def pruned(
    bench: Bench, spec: Wanda | WandaPreview, tokens: torch.Tensor, statistics: Mapping[str, Any] | None = None
) -> Masks:
    """The masks; the model is dense again at the next call."""
    loaded: models.Loaded = bench.take("demo", "auto")
    bench.change()
    with torch.inference_mode():
        done = list(prune(loaded.model, tokens, spec, CPU, statistics=statistics))
    return {name: mask for block in done for name, mask in block.masks.items()}


def iou(a: Masks, b: Masks) -> float:
    """Of the removed weights of the whole model."""
    common = sum(int(np.bitwise_count(a[name].bits & b[name].bits).sum()) for name in a)
    return common / sum(int(np.bitwise_count(a[name].bits | b[name].bits).sum()) for name in a)


if __name__ == "__main__":
    main()
