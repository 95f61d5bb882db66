"""What it saves to measure several pruned models beside one pass of the dense one: perplexity, fidelity, lsar, lape
and activations of three pruned models, one at a time (the dense model walks three times) and together (once). The
same tokens and batches, one way after the other in every round; their numbers must be equal bit for bit.

    python tests/benchmarks/together.py            SmolLM2-135M, 8 x 512 tokens, two languages, 3 rounds
    python tests/benchmarks/together.py --quick    2 x 512 tokens, 2 rounds

The least of the rounds counts. CPU seconds are told beside wall seconds: other programs disturb them less.
"""

import argparse
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from pipeline import measures, models
from pipeline.anatomy import find_blocks, linears
from pipeline.lockstep import LockStep
from pipeline.measures import DENSE, OWN, Measured
from pipeline.seat import Seat
from pipeline.spec.measures import MEASURES
from pipeline.walk import walk
from pipeline.windows import Windows

CPU = torch.device("cpu")
NAMES = ("perplexity", "fidelity", "lsar", "lape", "activations")
SPARSITIES = (0.4, 0.5, 0.6)

Numbers = list[list[Measured]]


def main() -> None:
    options = parse()
    torch.set_num_threads(options.threads)
    loaded = models.load("demo")
    variants = pruned(loaded.model)
    samples = 1 if options.quick else 4
    generator = torch.Generator().manual_seed(0)
    draw = [torch.randint(10, 40000, (samples, 512), generator=generator) for _ in range(2)]
    windows = Windows(dict(zip(("de", "en"), draw, strict=True)), loaded.tokenizer.all_special_ids)
    measure = partial(measured, loaded, windows)
    ways: dict[str, Callable[[], Numbers]] = {
        "K = 1": lambda: [numbers for name in list(variants)[1:] for numbers in measure(variants, [name])],
        "K = 3": lambda: measure(variants, list(variants)[1:]),
    }
    wall: dict[str, list[float]] = {name: [] for name in ways}
    cpu: dict[str, list[float]] = {name: [] for name in ways}
    found: dict[str, Numbers] = {}
    for _ in range(2 if options.quick else 3):
        for name, way in ways.items():
            began, began_cpu = time.perf_counter(), time.process_time()
            found[name] = way()
            wall[name].append(time.perf_counter() - began)
            cpu[name].append(time.process_time() - began_cpu)
    print(f"3 pruned models, {len(NAMES)} measures, {windows.tokens.numel()} tokens, SmolLM2-135M, float32,", end=" ")
    print(f"{options.threads} threads; least of rounds")
    for name in ways:
        a, b = min(wall[name]), min(cpu[name])
        shares = a / min(wall["K = 1"]), b / min(cpu["K = 1"])
        print(f"{name}   wall {a:7.2f} s  x {shares[0]:.3f}   cpu {b:7.2f} s  x {shares[1]:.3f}")
    print("numbers equal bit for bit:", found["K = 1"] == found["K = 3"])


def parse() -> Any:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args()


def pruned(model: Any) -> dict[str, dict[str, Tensor]]:
    """The dense weights, and those pruned by magnitude within each linear."""
    found: dict[str, dict[str, Tensor]] = {name: {} for name in (DENSE, *map(str, SPARSITIES))}
    for path, block in find_blocks(model).items():
        for name, linear in linears(block).items():
            weight = linear.weight.detach()
            found[DENSE][f"{path}.{name}"] = weight.clone()
            for sparsity in SPARSITIES:
                bar = weight.abs().flatten().kthvalue(int(weight.numel() * sparsity)).values
                found[str(sparsity)][f"{path}.{name}"] = weight.where(weight.abs() > bar, 0.0)
    return found


def measured(loaded: Any, windows: Windows, variants: dict[str, dict[str, Tensor]], chosen: list[str]) -> Numbers:
    """All measures of the chosen pruned models beside the dense one, in one walk."""
    text: dict[str, Any] = {
        "languages": windows.languages, "source": "x", "samples": 1, "length": windows.length, "sampling": "pack"
    }  # fmt: skip
    specs = [MEASURES[name](name=name, **text) for name in NAMES]
    seats = {
        name: [
            Seat(
                partial(measures.load(spec.name).observe, spec, windows, loaded.tokenizer), {DENSE: DENSE, OWN: name}
            )
            for spec in specs
        ]
        for name in chosen
    }
    walking = {name: variants[name] for name in (DENSE, *chosen)}
    lockstep = LockStep(loaded.model, walking, windows.tokens, CPU)
    for _ in walk(lockstep, [seat for own in seats.values() for seat in own]):
        pass
    return [[number for seat in own for number in seat.measured()] for own in seats.values()]


if __name__ == "__main__":
    main()
