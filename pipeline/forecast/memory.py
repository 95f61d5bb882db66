"""Anonymous memory of a worker on a CPU at its peak: what is no mapped file and so must be there.

Weights are mapped, the checkpoint's and the changed ones. What is left: the program, the tokenizer, hidden states of
a text, and beside them one block's statistics and the solving of a linear, or a batch in a block, or some logits.
"""

from collections.abc import Iterable

import psutil
import torch

from pipeline.forecast.shape import Linear, Shape
from pipeline.shared_walk import HIDDEN_SHARE
from pipeline.spec import Dense, RunSpec
from pipeline.spec.methods import GPTQ, RIA, Checkpoint, Magnitude, SparseGPT, Wanda, WandaPreview, WandaUpdate
from pipeline.stream import LOGITS, default_batch
from pipeline.together import Together

PROGRAM = 370_000_000
"""torch, transformers, polars, ours, and what the allocator keeps; measured."""

TOKENIZER = 12.0
"""In memory, by byte of tokenizer.json; measured."""

WORK = {
    "magnitude": 14,
    "wanda": 18,
    "ria": 24,
    "sparsegpt": 12,
    "gptq": 12,
    "wanda_update": 18,
    "checkpoint": 9,
    "wanda_preview": 18,
}
"""Bytes by weight of the linear that is being pruned: scores, float32 copies, the mask, and what the allocator keeps
of the linears before. Measured for wanda and sparsegpt (tests/benchmarks/lean.py), counted for the others."""

ChangingSpec = Magnitude | Wanda | WandaPreview | RIA | SparseGPT | WandaUpdate | GPTQ | Checkpoint
SECOND_ORDER = ("sparsegpt", "gptq", "wanda_update")
FLOAT = 4


def of_run(run: RunSpec, walks: Iterable[Together], shape: Shape, *, masks_ready: bool, n_together: int = 1) -> int:
    """Bytes. walks: what is to be measured, of `n_together` pruned models at once."""
    phases = [_measuring(together, run, shape, n_together) for together in walks]
    if not isinstance(run.method, Dense) and not masks_ready:
        phases.append(_pruning(run, run.method, shape))
    weights = 0 if shape.mapped else shape.n_parameters * shape.itemsize
    return PROGRAM + round(TOKENIZER * shape.tokenizer) + weights + max(phases, default=0)


def _pruning(run: RunSpec, method: ChangingSpec, shape: Shape) -> int:
    changed = [
        linear for linear in shape.linears if method.at(shape.n_blocks // 2, shape.n_blocks, linear.name) is not None
    ]
    solving = max((WORK[method.name] * linear.n_weights for linear in changed), default=0)
    if run.calibration is None:
        return solving
    hidden = run.calibration.samples * run.calibration.length * shape.n_features * shape.itemsize
    exact = run.arithmetic == "exact"
    sums = sum({linear.reads: _sums(method.name, linear, exact=exact) for linear in changed}.values())
    batch = _batch(shape, run.calibration.length)
    return hidden + sums + max(batch, solving)


def _sums(method: str, linear: Linear, *, exact: bool) -> int:
    """Statistics of what a linear reads. Exact arithmetic factorises in copies."""
    square = FLOAT * linear.columns**2 * (2 if exact else 1)
    return square if method in SECOND_ORDER else FLOAT * linear.columns


def _batch(shape: Shape, length: int) -> int:
    """Activations inside a block: its widest layer's inputs and outputs, four of them at a time."""
    tokens = default_batch(length, torch.device("cpu")) * length
    return 4 * tokens * max(max(linear.rows, linear.columns) for linear in shape.linears) * shape.itemsize


def _measuring(together: Together, run: RunSpec, shape: Shape, n_together: int) -> int:
    compares = any(measure.compares for measure in together) and not isinstance(run.method, Dense)
    text = together[0]
    n_models = n_together + compares
    language = text.samples * text.length * shape.n_features * shape.itemsize * n_models
    most = max(language, HIDDEN_SHARE * psutil.virtual_memory().available)
    inside = _batch(shape, text.length) * n_models
    names = {measure.name for measure in together}
    if "weights" in names:
        block = sum(linear.n_weights for linear in shape.linears)
        inside += FLOAT * block + 4 * FLOAT * max(linear.n_weights for linear in shape.linears)
    logits = LOGITS * (2 * FLOAT + shape.itemsize % FLOAT) if "perplexity" in names else 0
    return round(min(most, language * len(text.languages))) + max(inside, logits)
