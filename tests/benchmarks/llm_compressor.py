"""The same pruning by llm-compressor, timed in a virtual environment made for it. Called by prune.py.

    python tests/benchmarks/llm_compressor.py FOLDER METHOD...

FOLDER holds `model` and `tokens.npy` as prune.py wrote them. The environment is kept in the user's cache (some
gigabytes); its llm-compressor is the newest release of the day it was made. Loading and saving are not timed.
"""

import json
import os
import subprocess
import sys
import time
import venv
from pathlib import Path
from typing import Any

DTYPES = ("float32", "bfloat16")


def main() -> None:
    folder, *methods = sys.argv[1:]
    if os.environ.get("INSIDE"):
        print(json.dumps(inside(Path(folder), methods[0], methods[1])))
        return
    python = environment()
    listed = subprocess.run([python, "-m", "pip", "freeze"], capture_output=True, text=True, check=True).stdout
    versions = [line for line in listed.splitlines() if line.startswith(("llmcompressor", "torch=", "transformers="))]
    print(f"\nllm-compressor in {python}: {', '.join(versions)}")
    for method in methods:
        for dtype in DTYPES:
            command = [str(python), __file__, folder, method, dtype]
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "INSIDE": "1"})
            if done.returncode:
                print(f"{method:14s} {dtype:9s} failed with exit code {done.returncode}")
                continue
            facts = json.loads(done.stdout.splitlines()[-1])
            print(f"{method:14s} {dtype:9s} {facts['wall_s']:6.1f}s {facts['cpu_s']:6.1f}s cpu", flush=True)


def environment() -> Path:
    """The interpreter of the environment, made at the first call."""
    import platformdirs

    folder = platformdirs.user_cache_path("calib-explorer") / "benchmark-llm-compressor"
    python = folder / "bin" / "python"
    if not (folder / "made").exists():
        print(f"making {folder}: llm-compressor and its torch, some minutes", flush=True)
        venv.create(folder, clear=True, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "-q", "llmcompressor"], check=True)
        (folder / "made").touch()
    return python


def inside(folder: Path, method: str, dtype: str) -> dict[str, float]:
    """One run, in the environment."""
    import numpy as np
    import torch
    from datasets import Dataset
    from llmcompressor import oneshot
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(folder / "model", dtype=getattr(torch, dtype))
    tokens = np.load(folder / "tokens.npy")
    ones = np.ones_like(tokens)
    texts = Dataset.from_dict({"input_ids": tokens.tolist(), "attention_mask": ones.tolist()})
    # random models have no tokenizer, and none is used
    has_tokenizer = (folder / "model" / "tokenizer.json").exists()
    extra = {"processor": AutoTokenizer.from_pretrained(folder / "model")} if has_tokenizer else {}
    started, cpu = time.perf_counter(), time.process_time()
    oneshot(
        model=model, dataset=texts, recipe=recipe(method), num_calibration_samples=len(tokens),
        max_seq_length=tokens.shape[1], pipeline="sequential", **extra,
    )  # fmt: skip
    return {"wall_s": time.perf_counter() - started, "cpu_s": time.process_time() - cpu}


def recipe(method: str) -> Any:
    """The modifier with prune.py's settings, as far as it has them."""
    from llmcompressor.modifiers.pruning import SparseGPTModifier, WandaPruningModifier
    from llmcompressor.modifiers.quantization import GPTQModifier

    name, _, pattern = method.partition("-")
    if name == "gptq":
        return GPTQModifier(targets="Linear", scheme="W4A16_ASYM", ignore=["lm_head"], actorder=None)
    structure = {
        "sparsity": 0.5,
        "mask_structure": pattern or "0:0",
        "targets": ["Linear"],
        "ignore": ["re:.*lm_head"],
    }
    return WandaPruningModifier(**structure) if name == "wanda" else SparseGPTModifier(**structure)


if __name__ == "__main__":
    main()
