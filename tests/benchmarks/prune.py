"""How long pruning takes: a plain reference-style loop against ours, exact and fast, side by side on the same tokens.

    python tests/benchmarks/prune.py                  SmolLM2-135M, 32 x 512 tokens: a quarter of an hour on two cores
    python tests/benchmarks/prune.py --quick          four blocks, 8 x 128 tokens
    python tests/benchmarks/prune.py --model llama3   random weights in Llama 3's proportions, four blocks
    python tests/benchmarks/prune.py --llm-compressor also its modifiers, in a virtual environment made for them;
                                                      "--llm-compressor newest" makes that anew

Every measurement is a process of its own; the fastest of --rounds is shown. Masks of `exact` are compared with the
plain loop's bit for bit, those of the others by intersection over union. Close other programs first. Ratios depend on
the processor: torch's own float32 products take half of a Zen 5's width but all of a Zen 4's, where there is less to
gain.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent
METHODS: dict[str, dict[str, Any]] = {
    "sparsegpt": {"name": "sparsegpt"},
    "sparsegpt-2:4": {"name": "sparsegpt", "pattern": "2:4"},
    "gptq": {"name": "gptq"},
    "wanda": {"name": "wanda"},
    "wanda-2:4": {"name": "wanda", "pattern": "2:4"},
}
WAYS = {"plain": "float32", "exact": "float32", "fast": "float32", "plain-bf16": "bfloat16", "fast-bf16": "bfloat16"}
WANTED = {
    ("sparsegpt", "exact"): 1.35, ("sparsegpt", "fast"): 1.9, ("sparsegpt", "fast-bf16"): 3.2,
    ("sparsegpt-2:4", "exact"): 1.35, ("sparsegpt-2:4", "fast"): 1.9, ("sparsegpt-2:4", "fast-bf16"): 3.2,
    ("gptq", "exact"): 1.35, ("gptq", "fast"): 1.9, ("gptq", "fast-bf16"): 3.2,
    ("wanda", "exact"): 1.1, ("wanda", "fast"): 1.6, ("wanda", "fast-bf16"): 2.7,
    ("wanda-2:4", "exact"): 1.1, ("wanda-2:4", "fast"): 1.6, ("wanda-2:4", "fast-bf16"): 2.7,
}  # fmt: skip
"""Times as fast as the plain loop in float32: what the project asks for."""


@dataclass(frozen=True)
class Result:
    """One measurement. seconds by phase; forward is what neither statistics nor update took."""

    wall_s: float
    cpu_s: float
    seconds: dict[str, float]
    peak_mb: int
    masks: dict[str, Any]
    levels: dict[str, Any]


def main() -> None:
    options = parse()
    if options.one:
        print(json.dumps(one(options)))
        return
    import limit
    import torch
    from measured_model import prepare

    if options.threads:
        torch.set_num_threads(options.threads)  # for the limits
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prepare(options, folder)
        print(limit.processor())
        ours: dict[str, dict[str, float]] = {}
        for method in options.methods:
            found = {}
            for _ in range(options.rounds):
                for way, result in measured(options, method, folder):
                    found[way] = min(found.get(way, result), result, key=lambda one: one.wall_s)
            ours[method] = {way: result.wall_s for way, result in found.items()}
            show(method, found)
            show_limit(folder, method, found)
        if options.llm_compressor:
            (folder / "ours.json").write_text(json.dumps(ours))
            command = [sys.executable, str(HERE / "llm_compressor.py"), str(folder), *options.methods]
            command += ["--afresh"] if options.llm_compressor == "newest" else []
            subprocess.run([*command, *threads_of(options)], check=True)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=("demo", "llama3"), default="demo")
    parser.add_argument("--methods", nargs="+", choices=list(METHODS), default=list(METHODS))
    parser.add_argument("--ways", nargs="+", choices=list(WAYS), default=["plain", "exact", "fast", "fast-bf16"])
    parser.add_argument("--samples", type=int, default=32)
    parser.add_argument("--length", type=int, default=512)
    parser.add_argument("--blocks", type=int, help="only the first so many blocks")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--rounds", type=int, default=1, help="measure so often; the fastest counts")
    parser.add_argument("--quick", action="store_true", help="four blocks, 8 x 128 tokens")
    parser.add_argument("--llm-compressor", nargs="?", const="kept", choices=("kept", "newest"),
                        help="also its modifiers; newest: install today's release first")  # fmt: skip
    parser.add_argument("--one", nargs=2, metavar=("WAY", "METHOD"), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.quick:
        options.samples, options.length, options.blocks = 8, 128, 4
    return options


def threads_of(options: argparse.Namespace) -> list[str]:
    """The option for another process."""
    return ["--threads", str(options.threads)] if options.threads else []


def measured(options: argparse.Namespace, method: str, folder: Path) -> Iterator[tuple[str, Result]]:
    """Each way in a process of its own."""
    for way in options.ways:
        command = [sys.executable, __file__, "--one", way, method, "--folder", str(folder), *threads_of(options)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        facts = json.loads(done.stdout.splitlines()[-1])
        with np.load(folder / f"{way}.npz") as arrays:
            masks = {name: arrays[name] for name in arrays.files if not name.startswith("=")}
            levels = {name: arrays[name] for name in arrays.files if name.startswith("=")}
        yield way, Result(**facts, masks=masks, levels=levels)


def one(options: argparse.Namespace) -> dict[str, Any]:
    """One measurement, in this process."""
    sys.path[:0] = [str(HERE), str(HERE.parent / "pipeline")]
    import torch
    from pydantic import TypeAdapter
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging

    from pipeline.spec import MethodSpec

    if options.threads:
        torch.set_num_threads(options.threads)
    logging.disable_progress_bar()
    way, name = options.one
    method: Any = TypeAdapter(MethodSpec).validate_python(METHODS[name])
    dtype = getattr(torch, WAYS[way])
    model = AutoModelForCausalLM.from_pretrained(options.folder / "model", dtype=dtype).eval()
    tokens = torch.from_numpy(np.load(options.folder / "tokens.npy"))
    started, cpu = time.perf_counter(), time.process_time()
    if way.startswith("plain"):
        import plain_loop

        masks, seconds = plain_loop.prune(model, tokens, method)
    else:
        masks, seconds = ours(model, tokens, method, way.partition("-")[0])
    wall, cpu = time.perf_counter() - started, time.process_time() - cpu
    arrays = {path: np.packbits(mask.numpy()) for path, mask in masks.items()}
    some = model.model.layers[-1].mlp.down_proj.weight.detach().float().numpy()
    np.savez(options.folder / f"{way}.npz", **arrays, **{"=weight": some})
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return {"wall_s": wall, "cpu_s": cpu, "seconds": seconds, "peak_mb": peak}


def ours(model: Any, tokens: Any, method: Any, arithmetic: Any) -> tuple[dict[str, Any], dict[str, float]]:
    """Prune in place with the product. Masks by path, and the seconds of each phase."""
    import torch
    from plain_loop import clock

    from pipeline import methods
    from pipeline.allocator import keep_freed_memory
    from pipeline.masks import unpack
    from pipeline.prune import prune

    keep_freed_memory()  # as a worker does
    seconds = dict.fromkeys(("forward", "statistics", "update"), 0.0)
    module: Any = methods.load(method.name)
    kind, solve = module.Statistics, module.prune

    def add(self: Any, inputs: Any) -> None:
        with clock(seconds, "statistics"):
            kind.add(self, inputs)

    def solved(*arguments: Any) -> Any:
        with clock(seconds, "update"):
            return solve(*arguments)

    module.Statistics = type("Clocked", (kind,), {"add": add})
    module.prune = solved
    started = time.perf_counter()
    done = list(prune(model, tokens, method, torch.device("cpu"), arithmetic=arithmetic))
    seconds["forward"] = time.perf_counter() - started - seconds["statistics"] - seconds["update"]
    return {name: unpack(mask) for block in done for name, mask in block.masks.items()}, seconds


def show(method: str, results: dict[str, Result]) -> None:
    plain = results.get("plain")
    print(
        f"\n{method:14s}   wall     cpu  forward  statistics  update   peak  times as fast: wall  cpu (asked)  masks"
    )
    for way, found in results.items():
        s = found.seconds
        ratio = "" if plain is None else f"{plain.wall_s / found.wall_s:5.2f} {plain.cpu_s / found.cpu_s:5.2f}"
        asked = WANTED.get((method, way))
        print(
            f"{way:14s} {found.wall_s:6.1f}s {found.cpu_s:6.1f}s {s['forward']:7.1f}s {s['statistics']:10.1f}s "
            f"{s['update']:6.1f}s {found.peak_mb:5d}M  {ratio:>19s} {f'({asked})' if asked else '':>8s}  "
            f"{'' if plain is None or found is plain else compared(plain, found)}",
            flush=True,
        )


def show_limit(folder: Path, method: str, results: dict[str, Result]) -> None:
    """The distance to what this machine must take at least."""
    import limit
    from transformers import AutoModelForCausalLM

    model, tokens = AutoModelForCausalLM.from_pretrained(folder / "model"), np.load(folder / "tokens.npy")
    taken = {way: result.seconds for way, result in results.items() if not way.startswith("plain")}
    print(*limit.table(model, tokens, taken, second_order=not method.startswith("wanda")), sep="\n", flush=True)


def compared(plain: Result, other: Result) -> str:
    """Masks bit for bit and by intersection over union; for a quantised model the last block's weights."""
    if not other.masks or not any(bits.any() for bits in plain.masks.values()):
        equal = float((plain.levels["=weight"] == other.levels["=weight"]).mean())
        return f"{100 * equal:.2f} % of the last down projection equal"
    pairs = [(plain.masks[name], other.masks[name]) for name in plain.masks]
    different = sum(int(np.bitwise_count(a ^ b).sum()) for a, b in pairs)
    both = sum(int(np.bitwise_count(a & b).sum()) for a, b in pairs)
    either = sum(int(np.bitwise_count(a | b).sum()) for a, b in pairs)
    return f"{different:,} of {sum(8 * len(a) for a, _ in pairs):,} bits differ, IoU {both / either:.4f}"


if __name__ == "__main__":
    main()
