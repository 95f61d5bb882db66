"""Exact tokens: "tokens:FILE.npy", an integer array of samples x length, used row by row as it is."""

import hashlib
from pathlib import Path

import numpy as np
import torch

from pipeline.text.document import Document, TextError
from pipeline.text.sampler import Drawn


def read_rows(source: str, language: str, seed: int, first: int, samples: int, length: int, n_tokens: int) -> Drawn:
    """Rows first..first+samples of the file; "{language}" and "{seed}" in its path pick a file for each.

    n_tokens: size of the tokenizer's vocabulary; a token outside it is an error, and so is a file that holds fewer
    rows or rows of another length.
    """
    file = Path(source.removeprefix("tokens:").replace("{language}", language).replace("{seed}", str(seed)))
    tokens = _array(file)
    if tokens.shape[1] != length:
        raise TextError(f"{file} holds sequences of {tokens.shape[1]} tokens, {length} are asked for; set length")
    if tokens.shape[0] < first + samples:
        raise TextError(f"{file} holds {tokens.shape[0]} sequences, {first + samples} are needed; lower samples")
    rows = np.array(tokens[first : first + samples], dtype=np.int64, order="C")
    if rows.min() < 0 or rows.max() >= n_tokens:
        wrong = int(rows.min() if rows.min() < 0 else rows.max())
        raise TextError(
            f"{file} holds token {wrong}, the model's tokenizer knows 0 to {n_tokens - 1}: another model's?"
        )
    documents = tuple(
        Document(language, f"{file.name}[{first + index}]", length, hashlib.sha256(row.tobytes()).hexdigest(), 0)
        for index, row in enumerate(rows)
    )
    return Drawn(torch.from_numpy(rows), documents)


def rows_per_language(source: str, shares: dict[str, int]) -> dict[str, int]:
    """The first row of each language: 0 where each has a file of its own, else one after the other."""
    if "{language}" in source:
        return dict.fromkeys(shares, 0)
    counts = list(shares.values())
    return {language: sum(counts[:index]) for index, language in enumerate(shares)}


def _array(file: Path) -> np.ndarray:
    try:
        tokens = np.load(file, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError:
        raise TextError(f"no file {file}") from None
    except (OSError, ValueError, EOFError) as error:
        raise TextError(f"{file}: not a NumPy array file: {error}") from None
    if not isinstance(tokens, np.ndarray) or tokens.ndim != 2 or tokens.dtype.kind not in "iu":
        shape = f"{tokens.dtype} {tokens.shape}" if isinstance(tokens, np.ndarray) else type(tokens).__name__
        raise TextError(f"{file}: an integer array of samples x length is wanted, found {shape}")
    return tokens
