"""Tiny random models of many decoder families: real transformers classes, a few thousand parameters each."""

from typing import Any

import torch
from torch import Tensor
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel

VOCABULARY, FEATURES, N_BLOCKS, LENGTH, WINDOW = 97, 32, 4, 24, 8

COMMON: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "hidden_size": FEATURES,
    "intermediate_size": 48,
    "num_hidden_layers": N_BLOCKS,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 64,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
ALTERNATING = ["sliding_attention", "full_attention"] * (N_BLOCKS // 2)

FAMILIES: dict[str, dict[str, Any]] = {
    "llama": {},
    "mistral": {"sliding_window": WINDOW},
    "ministral": {"sliding_window": WINDOW, "layer_types": ALTERNATING},
    "qwen2": {"use_sliding_window": True, "sliding_window": WINDOW, "max_window_layers": 2},
    "qwen3": {},
    "gemma": {},
    "gemma2": {"sliding_window": WINDOW, "query_pre_attn_scalar": 8},
    "gemma3_text": {"sliding_window": WINDOW, "layer_types": ALTERNATING, "query_pre_attn_scalar": 8},
    "cohere": {},
    "cohere2": {"sliding_window": WINDOW, "layer_types": ALTERNATING},
    "phi": {},
    "phi3": {"sliding_window": WINDOW},
    "gpt_neox": {},
    "olmo2": {},
    "olmo3": {"sliding_window": WINDOW, "layer_types": ALTERNATING},
    "stablelm": {},
    "starcoder2": {"sliding_window": WINDOW},
    "granite": {"attention_multiplier": 0.3, "residual_multiplier": 0.7, "logits_scaling": 3.0},
    "smollm3": {},
    "glm4": {},
    "opt": {"ffn_dim": 48, "word_embed_proj_dim": FEATURES},
    "nemotron": {},
    "exaone4": {"sliding_window": WINDOW, "layer_types": ALTERNATING},
    # beyond the ones that must work
    "helium": {},
    "olmo": {},
    "glm": {},
    "seed_oss": {},
    "apertus": {},
    "ernie4_5": {},
    "hunyuan_v1_dense": {},
    "arcee": {},
    "persimmon": {},
    "biogpt": {},
    "xglm": {"d_model": FEATURES, "ffn_dim": 48, "num_layers": N_BLOCKS, "attention_heads": 4},
    "gptj": {"n_embd": FEATURES, "n_layer": N_BLOCKS, "n_head": 4, "rotary_dim": 4, "n_positions": 64},  # tuples
    "bloom": {"n_layer": N_BLOCKS, "n_head": 4},  # tuples
    "mpt": {"d_model": FEATURES, "n_heads": 4, "n_layers": N_BLOCKS, "max_seq_len": 64},  # tuples
    "falcon": {"alibi": False, "head_dim": None},  # tuples; a subclass of nn.Linear
    "gpt_neo": {"num_layers": 4, "num_heads": 4, "attention_types": [[["global", "local"], 2]], "window_size": 8},
    "gemma4_text": {
        "sliding_window": WINDOW,
        "layer_types": ALTERNATING,
        "hidden_size_per_layer_input": 0,
        "global_head_dim": 8,
        "num_kv_shared_layers": 0,
    },
}


def build(family: str, **settings: Any) -> PreTrainedModel:
    """A tiny model of the family with random weights, the same at every call."""
    keywords = {**COMMON, **FAMILIES.get(family, {}), **settings}
    config = AutoConfig.for_model(family, **{key: value for key, value in keywords.items() if value is not None})
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = AutoModelForCausalLM.from_config(config, dtype=torch.float32).eval()
        for parameter in model.parameters():  # norms and biases too: equal ones would hide mistakes
            parameter.data.add_(torch.randn(parameter.shape) * 0.2)
    return model


def draw(n_sequences: int, length: int = LENGTH, seed: int = 0) -> Tensor:
    """Random tokens, sequences x length."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(3, VOCABULARY, (n_sequences, length), generator=generator)
