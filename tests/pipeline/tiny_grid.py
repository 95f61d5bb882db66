"""A grid that takes seconds: a random Llama of two blocks, a byte tokenizer, text in two languages, the command."""

import json
import os
import random
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

LANGUAGES = ("de", "en")

GRID = """
name = "tiny"
[axes]
model = ["model"]
method = [{ name = "dense" }, { name = "wanda", sparsity = 0.5 }]
calibration = ["de", "en"]
[calibration]
source = "text"
samples = 8
length = 64
[[measure]]
name = "perplexity"
languages = ["de", "en"]
source = "text"
samples = 8
length = 64
"""

LONGER = GRID.replace("[calibration]", f"seed = {list(range(20))}\n[calibration]")
"""Seconds of work after the model is loaded: time to interrupt it."""


@dataclass(frozen=True)
class Place:
    """A folder with a model, text, a grid, and a store to be."""

    folder: Path

    @property
    def grid(self) -> Path:
        return self.folder / "tiny.toml"

    @property
    def store(self) -> Path:
        return self.folder / "results.duckdb"

    @property
    def runs(self) -> Path:
        return self.folder / "runs"

    def write_grid(self, text: str) -> None:
        self.grid.write_text(text, encoding="utf-8")

    def environment(self) -> dict[str, str]:
        """One thread, no network, a cache of its own."""
        ours = {
            "OMP_NUM_THREADS": "1",
            "HF_HUB_OFFLINE": "1",
            "XDG_CACHE_HOME": str(self.folder / "cache"),
            "PYTHONUNBUFFERED": "1",
        }
        return {**os.environ, **ours}

    def command(self, *arguments: str) -> list[str]:
        return [
            sys.executable,
            "-m",
            "pipeline",
            str(self.grid),
            "--store",
            str(self.store),
            "--threads",
            "1",
            *arguments,
        ]

    def start(self, *arguments: str, environment: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        """The pipeline as a process whose output is one text."""
        return subprocess.Popen(
            self.command(*arguments),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**self.environment(), **(environment or {})},
            cwd=self.folder,
        )

    def run(self, *arguments: str) -> tuple[int, str]:
        """Exit code and output."""
        process = self.start(*arguments)
        output, _ = process.communicate(timeout=120)
        return process.returncode, output


def make(folder: Path) -> Place:
    """Model, text and grid in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    write_model(folder / "model")
    for split in ("calibration", "heldout"):
        (folder / "text" / split).mkdir(parents=True)
        for language in LANGUAGES:
            (folder / "text" / split / f"{language}.txt").write_text(text(f"{split} {language}"), encoding="utf-8")
    place = Place(folder)
    place.write_grid(GRID)
    return place


def text(seed: str, paragraphs: int = 40) -> str:
    """Paragraphs of words, others for each seed."""
    words = ["river", "stone", "bread", "winter", "letter", "garden", "copper", "morning", "village", "engine"]
    rng = random.Random(seed)
    return "\n\n".join(" ".join(rng.choices(words, k=40)) + "." for _ in range(paragraphs)) + "\n"


def write_model(folder: Path) -> None:
    """A random Llama and a tokenizer of bytes, as `from_pretrained` wants them."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE(vocab={letter: index for index, letter in enumerate(alphabet)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<eos>").save_pretrained(folder)
    config = LlamaConfig(
        vocab_size=260,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=256,
        eos_token_id=256,
        bos_token_id=None,
    )
    generator_state = torch.random.get_rng_state()
    torch.manual_seed(0)
    LlamaForCausalLM(config).save_pretrained(folder)
    torch.random.set_rng_state(generator_state)


def record(path: Path) -> dict[str, object]:
    """A JSON file."""
    value: dict[str, object] = json.loads(path.read_text(encoding="utf-8"))
    return value
