"""Which families of decoders can be pruned with which method, and whether `exact` is what the definitions say.

    python tests/benchmarks/family_matrix.py                 some forty families, eight methods: a minute or two
    python tests/benchmarks/family_matrix.py llama phi3

A tiny random model of each family is pruned by the product and by the tests' plain oracles, which run the whole
half-pruned model again for every block. "exact" says that all masks and weights are equal bit for bit; else it is the
share of weights and mask bits that differ, or "refused" and why. Not timed.
"""

import sys
from pathlib import Path
from typing import Any

import torch
from transformers.utils import logging

sys.path.insert(0, str(Path(__file__).parent.parent / "pipeline"))

import oracle
import second_order_oracle
from families import FAMILIES, build, draw
from test_second_order_models import plainly, spec

from pipeline.anatomy import UnsupportedModel
from pipeline.masks import unpack
from pipeline.methods import CannotPrune
from pipeline.prune import prune

METHODS: dict[str, dict[str, Any]] = {
    "magnitude": {"name": "magnitude"},
    "wanda": {"name": "wanda"},
    "wanda 2:4": {"name": "wanda", "pattern": "2:4"},
    "sparsegpt": {"name": "sparsegpt"},
    "sparsegpt 2:4": {"name": "sparsegpt", "pattern": "2:4"},
    "gptq": {"name": "gptq", "group_size": 16},
    "ria": {"name": "ria"},
    "wanda_update": {"name": "wanda_update"},
}
REFUSED: dict[str, dict[str, Any]] = {
    "mixtral": {"num_local_experts": 4, "num_experts_per_tok": 2},
    "qwen3_moe": {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16, "decoder_sparse_step": 1},
    "gpt2": {"n_embd": 32, "n_layer": 4, "n_head": 4},
    "mamba": {"state_size": 8, "expand": 2},
}
"""Fused experts, weights that are no nn.Linear, no attention: to be refused."""


def main() -> None:
    logging.set_verbosity_error()  # of tiny sizes that no model has
    families = sys.argv[1:] or [*FAMILIES, *REFUSED]
    print(f"{'family':18s}" + "".join(f"{method:>15s}" for method in METHODS))
    n_exact, reasons = 0, {}
    for family in families:
        found = {method: tried(family, settings) for method, settings in METHODS.items()}
        n_exact += sum(result == "exact" for result in found.values())
        cells = [result if len(result) < 15 else "refused" for result in found.values()]
        print(f"{family:18s}" + "".join(f"{cell:>15s}" for cell in cells), flush=True)
        reasons |= {f"{family}: {result}": None for result in found.values() if len(result) >= 15}
    print(f"\n{n_exact} of {len(families) * len(METHODS)} exact")
    print("\n".join(reasons))


def tried(family: str, settings: dict[str, Any]) -> str:
    """What became of one cell."""
    method, tokens = spec(settings), draw(4)
    more = REFUSED.get(family, {})
    model, other = build(family, **more), build(family, **more)
    try:
        done = list(prune(model, tokens, method, torch.device("cpu"), arithmetic="exact"))
    except (UnsupportedModel, CannotPrune) as error:
        return f"refused: {error}"
    if method.name == "magnitude":
        expected = oracle.magnitude(other, method.sparsity, method.group)
    elif method.name == "wanda":
        expected = oracle.wanda(other, tokens, method.sparsity, method.group)
    else:
        expected = second_order_oracle.prune_model(other, tokens, lambda weight, sums: plainly(method, weight, sums))
    masks = {name: unpack(mask) for block in done for name, mask in block.masks.items()}
    if masks.keys() != (set() if method.name == "gptq" else expected.keys()):  # what only rounds has no masks
        return "other linears"
    pairs = [(own, other.get_parameter(name)) for name, own in model.named_parameters()]
    pairs += [(mask, expected[name]) for name, mask in masks.items()]
    differ = sum(int((own != theirs).sum()) for own, theirs in pairs)
    return f"{100 * differ / sum(own.numel() for own, _ in pairs):.2f} % differ" if differ else "exact"


if __name__ == "__main__":
    main()
