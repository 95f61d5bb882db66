"""The same pruning by llm-compressor, timed in a virtual environment made for it. Called by prune.py.

    python tests/benchmarks/llm_compressor.py FOLDER METHOD...

FOLDER holds `model` and `tokens.npy` as prune.py wrote them, and `ours.json`: seconds of our runs by method and way.
The environment is kept in the user's cache (some gigabytes); its llm-compressor is the newest release of the day it
was made, which is told (--afresh makes it again), its torch the same as ours. Loading and saving are not timed.
"""

import argparse
import importlib.metadata
import json
import subprocess
import time
import venv
from datetime import date
from pathlib import Path
from typing import Any

DTYPES = {"float32": "fast", "bfloat16": "fast-bf16"}
"""Ours of the same dtype."""
WANTED = 2.0
"""Times as fast as llm-compressor: what the project asks for."""


def main() -> None:
    options = parse()
    folder, methods = options.folder, options.methods
    if options.inside:
        print(json.dumps(inside(folder, methods[0], options.inside, options.threads)))
        return
    python, made = environment(afresh=options.afresh)
    listed = subprocess.run([python, "-m", "pip", "freeze"], capture_output=True, text=True, check=True).stdout
    versions = [line for line in listed.splitlines() if line.startswith(("llmcompressor", "torch=", "transformers="))]
    print(f"\nllm-compressor in {python}, installed {made}: {', '.join(versions)}")
    ours = json.loads((folder / "ours.json").read_text())
    print(f"{'':28s}wall      cpu   zeros of the last projection   ours as many times as fast (asked)")
    for method in methods:
        for dtype, way in DTYPES.items():
            command = [str(python), __file__, str(folder), method, "--inside", dtype]
            command += ["--threads", str(options.threads)] if options.threads else []
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                said = "\n".join(done.stderr.splitlines()[-20:])
                print(f"{method:14s} {dtype:9s} failed with exit code {done.returncode}\n{said}")
                continue
            facts = json.loads(done.stdout.splitlines()[-1])
            own = ours.get(method, {}).get(way)
            ratio = f"{facts['wall_s'] / own:6.2f} ({WANTED})" if own else ""
            took = f"{facts['wall_s']:7.1f}s {facts['cpu_s']:7.1f}s"
            print(f"{method:14s} {dtype:9s} {took} {facts['zeros']:8.1%} {ratio:>42s}", flush=True)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("methods", nargs="+")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--afresh", action="store_true", help="make the environment again, of the newest release")
    parser.add_argument("--inside", choices=list(DTYPES), help=argparse.SUPPRESS)
    return parser.parse_args()


def environment(*, afresh: bool) -> tuple[Path, date]:
    """The interpreter of the environment and the day it was made: at the first call, or where it is to be afresh."""
    import platformdirs

    folder = platformdirs.user_cache_path("calib-explorer") / "benchmark-llm-compressor"
    python, made = folder / "bin" / "python", folder / "made"
    if afresh or not made.exists():
        print(f"making {folder}: llm-compressor and its torch, some minutes", flush=True)
        torch = importlib.metadata.version("torch").partition("+")[0]
        venv.create(folder, clear=True, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "-q", f"torch=={torch}", "llmcompressor"], check=True)
        made.touch()
    return python, date.fromtimestamp(made.stat().st_mtime)


def inside(folder: Path, method: str, dtype: str, threads: int | None) -> dict[str, float]:
    """One run, in the environment."""
    import numpy as np
    import torch
    from datasets import Dataset
    from llmcompressor import oneshot
    from transformers import AutoModelForCausalLM, AutoTokenizer

    if threads:
        torch.set_num_threads(threads)
    model = AutoModelForCausalLM.from_pretrained(folder / "model", dtype=getattr(torch, dtype))
    tokens = np.load(folder / "tokens.npy")
    ones = np.ones_like(tokens)
    texts = Dataset.from_dict({"input_ids": tokens.tolist(), "attention_mask": ones.tolist()})
    tokenizer = AutoTokenizer.from_pretrained(folder / "model")
    widths = (model.config.hidden_size, model.config.intermediate_size)
    started, cpu = time.perf_counter(), time.process_time()
    oneshot(
        model=model, dataset=texts, recipe=recipe(method, widths), pipeline="sequential",
        num_calibration_samples=len(tokens), max_seq_length=tokens.shape[1], processor=tokenizer,
    )  # fmt: skip
    seconds = {"wall_s": time.perf_counter() - started, "cpu_s": time.process_time() - cpu}
    return {**seconds, "zeros": float((model.model.layers[-1].mlp.down_proj.weight == 0).float().mean())}


def recipe(method: str, widths: tuple[int, ...]) -> Any:
    """The modifier with prune.py's settings, as far as it has them. widths: input features of the linears."""
    from llmcompressor.modifiers.pruning import SparseGPTModifier, WandaPruningModifier
    from llmcompressor.modifiers.quantization import GPTQModifier

    name, _, pattern = method.partition("-")
    if name == "gptq":
        from compressed_tensors.quantization import QuantizationArgs, QuantizationScheme

        group = (
            128 if all(width % 128 == 0 for width in widths) else 64
        )  # it takes no shorter last group, as ours has
        weights = QuantizationArgs(num_bits=4, symmetric=False, strategy="group", group_size=group)
        scheme = QuantizationScheme(targets=["Linear"], weights=weights)
        return GPTQModifier(config_groups={"all": scheme}, ignore=["lm_head"], actorder=None)
    structure = {
        "sparsity": 0.5,
        "mask_structure": pattern or "0:0",
        "targets": ["Linear"],
        "ignore": ["re:.*lm_head"],
    }
    return WandaPruningModifier(**structure) if name == "wanda" else SparseGPTModifier(**structure)


if __name__ == "__main__":
    main()
