"""How much memory pruning takes: random models of three sizes through the whole pipeline, on the CPU.

    python tests/benchmarks/lean.py                     0.1B, 0.5B and 1.5B: half an hour on two cores, 6 GB of disk
    python tests/benchmarks/lean.py --shapes 0.5B --methods wanda
    python tests/benchmarks/lean.py --model demo        SmolLM2-135M instead

bf16 checkpoints in shards, 16 x 1024 calibration tokens, then perplexity and fidelity. Anonymous memory of the worker
(RssAnon: what is no mapped file, and so must be there) is looked at every 20 ms; beside it what --dry-run said.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "pipeline"))

import tiny_grid  # noqa: E402  it lies beside the tests

MB = 1e6
SHAPES: dict[str, dict[str, int]] = {
    "0.1B": {"hidden_size": 576, "intermediate_size": 1536, "num_hidden_layers": 30, "num_attention_heads": 9,
             "num_key_value_heads": 3, "vocab_size": 49152},
    "0.5B": {"hidden_size": 1024, "intermediate_size": 4864, "num_hidden_layers": 24, "num_attention_heads": 16,
             "num_key_value_heads": 4, "vocab_size": 128256},
    "1.5B": {"hidden_size": 2048, "intermediate_size": 8192, "num_hidden_layers": 20, "num_attention_heads": 32,
             "num_key_value_heads": 8, "vocab_size": 128256},
}  # fmt: skip

GRID = """
name = "lean"
[axes]
model = ["{model}"]
method = [{{ name = "{method}" }}]
calibration = ["de"]
[calibration]
source = "text"
samples = 16
length = 1024
[[measure]]
name = "perplexity"
languages = ["de"]
source = "text"
samples = 4
length = 512
[[measure]]
name = "fidelity"
languages = ["de"]
source = "text"
samples = 4
length = 512
"""


@dataclass
class Peak:
    """Bytes of the worker. anonymous: by stage; "" before the first."""

    anonymous: dict[str, int] = field(default_factory=dict)
    resident: int = 0

    @property
    def all(self) -> int:
        return max(self.anonymous.values())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shapes", nargs="+", choices=list(SHAPES), default=list(SHAPES))
    parser.add_argument("--methods", nargs="+", default=["wanda", "sparsegpt"])
    parser.add_argument("--model", help="a model's name in place of the shapes")
    options = parser.parse_args()
    columns = ("MB      method     weights  block hidden", "peak anonymous, said", f"{'of it by stage':53s}")
    print(
        " | ".join((*columns, "with mapped files", f"{'masks, said':20s} results, said       ", "time")), flush=True
    )
    for name in [options.model] if options.model else options.shapes:
        with tempfile.TemporaryDirectory(prefix="lean-") as made:
            place = tiny_grid.Place(Path(made))
            write_text(place)
            if not options.model:
                write_model(place.folder / "model", SHAPES[name])
            for method in options.methods:
                show(name, method, place, options.model or "model")


def show(name: str, method: str, place: tiny_grid.Place, model: str) -> None:
    """A line about one run."""
    place.write_grid(GRID.format(model=model, method=method))
    for leftover in (place.runs, place.folder / "results.duckdb"):
        shutil.rmtree(leftover, ignore_errors=True)
        leftover.unlink(missing_ok=True)
    said = foreseen(place)
    started = time.monotonic()
    peak = watched(place)
    wall = time.monotonic() - started
    stages = ", ".join(f"{stage or 'start'} {value / MB:.0f}" for stage, value in peak.anonymous.items())
    weights, block, hidden = sizes(SHAPES[name]) if name in SHAPES else (0, 0, 0)
    masks = sum(file.stat().st_size for file in place.runs.glob("*/masks.safetensors"))
    journal = sum(file.stat().st_size for file in place.runs.glob("*/journal/*"))
    results = journal + place.store.stat().st_size
    needs = said["needs"][0]
    print(
        f"{name:7s} {method:10s} {weights / MB:7,.0f} {block / MB:6,.0f} {hidden / MB:6,.0f} | "
        f"{compared(peak.all, needs['memory'])}  {stages:55s} | {peak.resident / MB:17,.0f} | "
        f"{compared(masks, needs['disk']['masks'])} {compared(results, said['store'] + needs['disk']['results'])} | "
        f"{wall:4.0f} s",
        flush=True,
    )


def compared(measured: float, said: float) -> str:
    """Both in MB, and by how much what was said is off."""
    off = f"{100 * (said / measured - 1):+.0f} %" if measured else ""
    return f"{measured / MB:6,.1f} {said / MB:6,.1f} {off:>6s}"


def foreseen(place: tiny_grid.Place) -> dict[str, Any]:
    """What --dry-run says."""
    command = [sys.executable, "-m", "pipeline", str(place.grid), "--store", str(place.store), "--device", "cpu"]
    done = subprocess.run([*command, "--dry-run", "--json"], stdout=subprocess.PIPE, check=True, cwd=place.folder)
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def sizes(shape: dict[str, int]) -> tuple[int, int, int]:
    """Bytes in bf16 of the model, of one block, of the hidden states."""
    width, high = shape["hidden_size"], shape["intermediate_size"]
    narrow = width * shape["num_key_value_heads"] // shape["num_attention_heads"]
    block = 2 * (2 * width * width + 2 * width * narrow + 3 * width * high)
    return block * shape["num_hidden_layers"] + 2 * width * shape["vocab_size"], block, 2 * 16 * 1024 * width


def watched(place: tiny_grid.Place) -> Peak:
    """Run the grid and look at its worker."""
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", "pipeline", str(place.grid), "--store", str(place.store), "--device", "cpu"]
    peak = Peak()
    with (place.folder / "output.txt").open("w+") as output:
        driver = subprocess.Popen(command, stdout=output, stderr=output, cwd=place.folder, env=environment)
        stage, turn = "", 0
        while driver.poll() is None:
            if turn % 10 == 0:
                stage = current_stage(place.runs) or stage
            look(driver.pid, stage, peak)
            time.sleep(0.02)
            turn += 1
        if driver.returncode:
            raise SystemExit((place.folder / "output.txt").read_text())
    return peak


def current_stage(runs: Path) -> str:
    """Of the run that is running."""
    for file in runs.glob("*/state.json"):
        try:
            state: dict[str, Any] = json.loads(file.read_text())
        except (OSError, ValueError):
            continue
        if state["status"] == "running":
            return str(state["stage"])
    return ""


def look(driver: int, stage: str, peak: Peak) -> None:
    """Take in the worker's memory at this moment."""
    try:
        for child in psutil.Process(driver).children():
            lines = Path(f"/proc/{child.pid}/status").read_text().splitlines()
            facts = dict(line.split(":", 1) for line in lines)
            anonymous = int(facts["RssAnon"].split()[0]) * 1024
            peak.anonymous[stage] = max(peak.anonymous.get(stage, 0), anonymous)
            peak.resident = max(peak.resident, int(facts["VmHWM"].split()[0]) * 1024)
    except (psutil.Error, OSError, KeyError):  # it ended just now
        return


def write_text(place: tiny_grid.Place) -> None:
    """Long documents for calibration, others to measure on."""
    for split in ("calibration", "heldout"):
        folder = place.folder / "text" / split
        folder.mkdir(parents=True)
        documents = [" ".join(tiny_grid.text(f"{split} {n}", 30).split()) for n in range(40)]
        (folder / "de.txt").write_text("\n\n".join(documents), encoding="utf-8")


def write_model(folder: Path, shape: dict[str, int]) -> None:
    """A random Llama in bf16 and a tokenizer of bytes: a shard for each block."""
    import torch
    from safetensors.torch import save_file
    from transformers import LlamaConfig, LlamaForCausalLM

    tiny_grid.write_model(folder)
    (folder / "model.safetensors").unlink()
    config = LlamaConfig(
        **shape, max_position_embeddings=4096, tie_word_embeddings=True, dtype="bfloat16", eos_token_id=256
    )
    config.architectures = ["LlamaForCausalLM"]
    config.save_pretrained(folder)
    with torch.device("meta"):
        empty = LlamaForCausalLM(config)
    generator = torch.Generator().manual_seed(0)
    shards: dict[str, dict[str, torch.Tensor]] = {}
    files: dict[str, str] = {}
    for name, parameter in empty.named_parameters():
        file = (
            f"model-{'-'.join(name.split('.')[1:3])}.safetensors" if ".layers." in name else "model-rest.safetensors"
        )
        files[name] = file
        shards.setdefault(file, {})[name] = parameter
    for file, parameters in shards.items():
        made = {name: random_weight(parameter, generator) for name, parameter in parameters.items()}
        save_file(made, folder / file, {"format": "pt"})
    index = {"metadata": {}, "weight_map": files}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


def random_weight(parameter: Any, generator: Any) -> Any:
    """Of a norm ones, else normal as models are initialised."""
    import torch

    if parameter.ndim == 1:
        return torch.ones(parameter.shape, dtype=torch.bfloat16)
    return (0.02 * torch.randn(parameter.shape, generator=generator)).bfloat16()


if __name__ == "__main__":
    main()
