"""How many pruned models can be measured beside one dense pass, from what is known before the model is loaded."""

import shutil
from pathlib import Path

import psutil

from pipeline import devices
from pipeline.plan import Todo
from pipeline.stages import known_parameters

MOST = 4
"""At four the dense pass costs each run a quarter; more of them would save little, and a kill would lose more."""

HOST_SHARE, DEVICE_SHARE, DISK_SHARE = 0.5, 0.5, 0.5
"""Of what is free."""

DEVICE_TOKENS = 16384
"""In one batch on an accelerator (pipeline/stream.py)."""


def room(todo: Todo, kind: str, n_workers: int, runs: Path) -> int:
    """Pruned models of this kind that one worker can measure at once; 1 where it can't be told.

    Of each pruned model there are, in memory, the hidden states of a language and the embeddings that lsar keeps; its
    weights in a file on the disk of `runs`; on an accelerator, one block and one batch. Hidden states of the dense
    model come on top, and on an accelerator the next block on its way there. (Hidden states that lie there take no
    more than a quarter of it: pipeline/hidden.py.)
    """
    parameters = known_parameters(todo.run.model)
    texts = [measure for measure in todo.missing if measure.compares]
    if parameters is None or not texts:
        return 1
    n_bytes = 4 if todo.run.dtype in ("auto", "float32") else 2
    features = (parameters * 128 / 12) ** (1 / 3)  # 12 features^2 weights in a block, features / 128 blocks
    n_blocks = features / 128
    hidden = max(text.samples * text.length for text in texts) * features * n_bytes
    embeddings = max(text.samples * len(text.languages) for text in texts) * features * n_blocks * 8
    spare = HOST_SHARE * psutil.virtual_memory().available / n_workers - hidden
    n = min(spare / (hidden + embeddings), DISK_SHARE * _free(runs) / n_workers / (parameters * n_bytes))
    if kind == "cuda":
        block = parameters * n_bytes / n_blocks
        of_each = block + 8 * DEVICE_TOKENS * features * n_bytes
        n = min(n, (DEVICE_SHARE * (devices.free_bytes() or 0) - block) / of_each - 1)
    return max(1, min(MOST, int(n)))


def _free(folder: Path) -> int:
    """Bytes on the disk where `folder` is or will be."""
    there = next(parent for parent in (folder, *folder.absolute().parents) if parent.is_dir())
    return shutil.disk_usage(there).free
