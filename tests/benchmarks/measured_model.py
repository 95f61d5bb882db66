"""The model and the tokens that prune.py's measurements read: the demo model, or a random one."""

import argparse
import os
from pathlib import Path

import numpy as np
import torch
from transformers import AutoModelForCausalLM, LlamaConfig
from transformers.utils import logging

from pipeline import models, text
from pipeline.spec import CalibrationSpec


def prepare(options: argparse.Namespace, folder: Path) -> None:
    """Model and tokens as files that every measurement reads."""
    logging.disable_progress_bar()
    loaded = models.load("demo", "float32")
    loaded.tokenizer.save_pretrained(folder / "model")  # of a random model, too: llm-compressor wants one, unused
    if options.model == "demo":
        every = CalibrationSpec(
            languages="ar+de+en+es+ru+sw+zh", source="demo", samples=options.samples, length=options.length,
            sampling="pack",
        )  # fmt: skip
        model, tokens = loaded.model, text.calibration_tokens(every, 0, loaded.tokenizer).ids
    else:
        torch.manual_seed(0)
        config = LlamaConfig(
            vocab_size=2048, hidden_size=1024, intermediate_size=3584, num_hidden_layers=4, num_attention_heads=8,
            num_key_value_heads=2, max_position_embeddings=8192,
        )  # fmt: skip
        model = AutoModelForCausalLM.from_config(config)
        tokens = torch.randint(0, 2048, (options.samples, options.length))
    if options.blocks:
        model.model.layers = model.model.layers[: options.blocks]
        model.config.num_hidden_layers = options.blocks
    model.save_pretrained(folder / "model")
    np.save(folder / "tokens.npy", tokens.numpy())
    n = sum(p.numel() for p in model.model.layers.parameters())
    print(f"{options.model}: {len(model.model.layers)} blocks, {n / 1e6:.0f}M weights in them, "
          f"{options.samples} x {options.length} tokens; load average {os.getloadavg()[0]:.1f}")  # fmt: skip
