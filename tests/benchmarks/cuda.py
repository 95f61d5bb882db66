"""How long a GPU takes to prune blocks of Llama-3-8B's shape (random weights, bfloat16): ours beside a plain loop.

    python tests/benchmarks/cuda.py                            three blocks, 128 x 2048 tokens; below six minutes
    python tests/benchmarks/cuda.py --lengths 2048 8192        also 128 x 8192, where the estimate to beat is 72 s
    python tests/benchmarks/cuda.py --device cpu --shape small no GPU: whether the benchmark itself works

Seconds are the GPU's own, between events, by phase: what a phase takes while it is computed, not when the host asks
for it. `copies` is what the stream waits for weights, there and back; `rest` is what the host does between blocks.
`waits` counts the host's, as torch reports them. Of the plain loop (plain_loop.py: one sequence at a time, a float32
Hessian for every linear, a Python loop over columns) a block is measured. A model of 32 blocks is estimated from a
block's mean; what a worker does beside (masks and changed weights into files, the model from its) is left out.
"""

import argparse
import resource
import sys
import tempfile
import time
from contextlib import nullcontext
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "pipeline")]

METHODS: dict[str, dict[str, Any]] = {
    "sparsegpt": {"name": "sparsegpt"},
    "sparsegpt-2:4": {"name": "sparsegpt", "pattern": "2:4"},
    "wanda": {"name": "wanda"},
    "wanda-2:4": {"name": "wanda", "pattern": "2:4"},
    "gptq": {"name": "gptq", "bits": 4, "group_size": 128},
}
SHAPES = {"llama3": (4096, 14336, 32, 8), "small": (128, 448, 8, 2)}
"""Features, those between, attention heads, heads of keys and values."""

N_BLOCKS = 32
ESTIMATES = {("sparsegpt", 8192): 72, ("sparsegpt", 2048): 19, ("wanda", 8192): 52}
"""Seconds of the whole model on one H100 (design/methods.md, S5)."""


def main() -> None:
    options = parse()
    import torch
    from transformers.utils import logging

    logging.disable_progress_bar()
    device = torch.device("cuda", 0) if options.device == "cuda" else torch.device("cpu")
    if device.type == "cuda" and not torch.cuda.is_available():
        print(f"no CUDA device here (torch {torch.__version__}); --device cpu --shape small shows that this runs")
        raise SystemExit(2)
    started = time.perf_counter()
    with nullcontext(options.folder) if options.folder else tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make(options, folder)
        print(f"{card(device)}; {options.blocks} blocks of {options.shape}, bfloat16, {options.samples} sequences")
        warm_up(options, folder, device)
        for length in options.lengths:
            for method in options.methods:
                if time.perf_counter() - started > 60 * options.minutes:
                    print(
                        f"{options.minutes:g} minutes are over: from {method} at {length} tokens on all is left out"
                    )
                    return
                measure(options, folder, device, method, length)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--shape", choices=list(SHAPES), default="llama3")
    parser.add_argument("--blocks", type=int, default=3)
    parser.add_argument("--plain-blocks", type=int, default=1, help="0: without the plain loop")
    parser.add_argument("--samples", type=int, help="sequences (128; of the small shape 8)")
    parser.add_argument("--lengths", type=int, nargs="+", help="tokens of each (2048; of the small shape 128)")
    parser.add_argument("--methods", nargs="+", choices=list(METHODS), default=["sparsegpt", "wanda", "gptq"])
    parser.add_argument("--minutes", type=float, default=5, help="nothing is begun after so many")
    parser.add_argument("--folder", type=Path, help="where the model is kept for another time")
    options = parser.parse_args()
    options.samples = options.samples or (128 if options.shape == "llama3" else 8)
    options.lengths = options.lengths or ([2048] if options.shape == "llama3" else [128])
    return options


def make(options: argparse.Namespace, folder: Path) -> None:
    """The model as a file, unless it is there."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    features, between, heads, key_heads = SHAPES[options.shape]
    config = LlamaConfig(
        vocab_size=2048, hidden_size=features, intermediate_size=between, num_hidden_layers=options.blocks,
        num_attention_heads=heads, num_key_value_heads=key_heads, max_position_embeddings=8192, rope_theta=500000.0,
    )  # fmt: skip
    if (folder / "config.json").exists():
        found = LlamaConfig.from_pretrained(folder)
        if (found.hidden_size, found.num_hidden_layers) != (features, options.blocks):
            raise SystemExit(f"{folder} holds {found.num_hidden_layers} blocks of {found.hidden_size} features")
        return
    torch.manual_seed(0)
    with torch.device(options.device):
        LlamaForCausalLM(config).bfloat16().save_pretrained(folder)


def load(folder: Path, n_blocks: int | None = None) -> Any:
    import torch
    from transformers import AutoModelForCausalLM

    model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16).eval()
    if n_blocks is not None:
        model.model.layers = model.model.layers[:n_blocks]
        model.config.num_hidden_layers = n_blocks
    return model


def card(device: Any) -> str:
    import torch

    try:
        triton = version("triton")
    except PackageNotFoundError:
        triton = "none"
    name = "a CPU"
    if device.type == "cuda":
        name = f"{torch.cuda.get_device_name(device)}, {torch.cuda.mem_get_info(device)[1] / 2**30:.0f} GiB"
    return f"{name}; torch {torch.__version__}, triton {triton}"


def texts(samples: int, length: int) -> Any:
    import torch

    return torch.randint(0, 2048, (samples, length), generator=torch.Generator().manual_seed(1))


def warm_up(options: argparse.Namespace, folder: Path, device: Any) -> None:
    """Kernels are compiled, libraries wake up."""
    started = time.perf_counter()
    for method in options.methods:
        ours(load(folder), texts(2, 128), spec_of(method), device)
    print(f"warm-up, with Triton's compiling: {time.perf_counter() - started:.1f} s", flush=True)


def spec_of(method: str) -> Any:
    from pydantic import TypeAdapter

    from pipeline.spec import MethodSpec

    return TypeAdapter(MethodSpec).validate_python(METHODS[method])


def measure(options: argparse.Namespace, folder: Path, device: Any, method: str, length: int) -> None:
    """Ours, the plain loop, and how far their first blocks agree."""
    tokens, spec = texts(options.samples, length), spec_of(method)
    model = load(folder)
    masks, seconds, waited, peak = ours(model, tokens, spec, device)
    n_blocks = options.blocks
    whole = sum(seconds.values()) - seconds["setup"]
    per_block = (whole - seconds["second pass"]) / n_blocks + seconds["second pass"] / max(1, n_blocks - 1)
    print(f"\n{method}, {options.samples} x {length} tokens: {per_block:.3f} s a block, peak {peak / 2**30:.2f} GiB")
    print("  seconds  " + "  ".join(f"{name} {value:.3f}" for name, value in seconds.items()))
    print("  waits    " + "  ".join(f"{name} {value}" for name, value in waited.items()))
    asked = ESTIMATES.get((method, length)) if (options.shape, options.samples) == ("llama3", 128) else None
    print(f"  {N_BLOCKS} blocks: {seconds['setup'] + N_BLOCKS * per_block:.1f} s"
          + (f" (estimate for an H100: {asked} s)" if asked else ""), flush=True)  # fmt: skip
    if options.plain_blocks:
        show_plain(options, folder, device, tokens, spec, (model, masks, per_block))


def show_plain(
    options: argparse.Namespace,
    folder: Path,
    device: Any,
    tokens: Any,
    spec: Any,
    own: tuple[Any, dict[str, Any], float],
) -> None:
    import plain_loop
    import torch

    model, masks, per_block = own
    plain = load(folder, options.plain_blocks).to(device)
    synchronise(device)
    started = time.perf_counter()
    with torch.device(device):
        expected, _ = plain_loop.prune(plain, tokens.to(device), spec)
    synchronise(device)
    seconds = (time.perf_counter() - started) / options.plain_blocks
    print(
        f"  plain    {seconds:.3f} s a block, {N_BLOCKS * seconds:.0f} s in all: {seconds / per_block:.1f} times ours"
    )
    first = "model.layers.0."
    if any(name.startswith(first) for name in masks):
        pairs = [(masks[name], mask.cpu()) for name, mask in expected.items() if name.startswith(first)]
        different, either = (sum(int(f(a, b).sum()) for a, b in pairs) for f in (torch.logical_xor, torch.logical_or))
        n = sum(mask.numel() for mask, _ in pairs)
        print(f"  masks    {different:,} of the first block's {n:,} bits differ, IoU {1 - different / either:.4f}")
    else:
        pairs = list(zip(model.model.layers[0].parameters(), plain.model.layers[0].parameters(), strict=True))
        same = sum(int((a.cpu() == b.cpu()).sum()) for a, b in pairs) / sum(a.numel() for a, _ in pairs)
        print(f"  weights  {100 * (1 - same):.2f} % of the first block's differ")
    sys.stdout.flush()


def synchronise(device: Any) -> None:
    import torch

    if device.type == "cuda":
        torch.cuda.synchronize(device)


def ours(
    model: Any, tokens: Any, spec: Any, device: Any
) -> tuple[dict[str, Any], dict[str, float], dict[str, int], int]:
    """Prune in place. Masks, seconds and waits by phase, the peak of device memory (on a CPU of the process)."""
    import torch
    from phases import Phases, waits, watched

    from pipeline.masks import unpack
    from pipeline.prune import prune

    if on_gpu := device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)
    with waits(on_gpu) as waited:
        phases = Phases(device, waited)
        with watched(phases, spec), phases.phase("rest"):
            done = list(prune(model, tokens, spec, device))
    synchronise(device)
    peak = (
        torch.cuda.max_memory_allocated(device)
        if on_gpu
        else 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    )
    return {name: unpack(mask) for block in done for name, mask in block.masks.items()}, *phases.totals(), peak


if __name__ == "__main__":
    main()
