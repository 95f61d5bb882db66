"""Language-specific and language-agnostic parts of prompt embeddings, and how far pruning moves each, by block.

Xie et al. 2022 (LSAR; the code's src/alignment/_low_rank.py) and the paper's appendix D.2, which has slips: mu' is
the mean over the L languages (eq. 3 divides by d), "M'^-1 1" is (M'^+)^T 1, and section 5.1 calls the agnostic part
language-specific.

The embedding e of a prompt is the mean of a block's hidden states over its tokens, special ones left out. M (d x L)
holds the languages' mean embeddings. Its low-rank subspace M_s is found in two steps, in float64: mu' = M 1 / L; the
SVD of M - mu' 1^T cut to rank r gives M'; mu is the point of the affine span of M' nearest the origin; the SVD of
M' - mu 1^T gives M_s, orthonormal and orthogonal to mu. Specific part s = M_s M_s^T e, agnostic part a = e - s.
M_s is fitted for each model and block on the text measured; the paper does not give r.

The magnitude of the difference is the mean over prompts of ||s - s~||_2, and of ||a - a~||_2.

tensor legend: features x languages (M), features x rank (M_s), prompts x features (embeddings)
"""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float64
from torch import Tensor, nn

from pipeline.measures import DENSE, OWN, Found, Measured, Walk
from pipeline.spec import LSAR
from pipeline.stream import Logits
from pipeline.windows import Windows

Array = np.ndarray


@dataclass(frozen=True, eq=False)
class Subspace:
    """M_s, and mu, the point of the affine span nearest the origin."""

    basis: Float64[Array, "features rank"]
    mu: Float64[Array, " features"]

    def specific(self, embeddings: Float64[Array, "prompts features"]) -> Float64[Array, "prompts features"]:
        """The part of each embedding in the subspace."""
        return embeddings @ self.basis @ self.basis.T


def subspace(means: Float64[Array, "features languages"], rank: int) -> Subspace:
    """The low-rank subspace of some languages' mean embeddings.

    The pseudo-inverse is cut to rank + 1, the rank that M' has: its smaller singular values are rounding errors.
    """
    n_languages = means.shape[1]
    centre = means.mean(axis=1, keepdims=True)
    u, s, vt = np.linalg.svd(means - centre, full_matrices=False)
    low = centre + (u[:, :rank] * s[:rank]) @ vt[:rank]
    u, s, vt = np.linalg.svd(low, full_matrices=False)
    kept = slice(0, int((s[: rank + 1] > s[0] * 1e-12).sum()))
    nearest = u[:, kept] @ ((vt[kept] @ np.ones(n_languages)) / s[kept])
    mu = nearest / (nearest @ nearest)
    basis = np.linalg.svd(low - mu[:, None], full_matrices=False)[0][:, :rank]
    return Subspace(basis, mu)


def observe(spec: LSAR, windows: Windows, tokenizer: Any) -> "Embeddings":  # noqa: ARG001
    """LSAR of the run's model beside the dense one."""
    return Embeddings(windows, spec.rank_used)


class Embeddings:
    """Prompt embeddings of every block and variant, in float32. n = prompts."""

    logits_of = ""

    def __init__(self, windows: Windows, rank: int) -> None:
        self.windows, self.rank = windows, rank
        self._embeddings: list[dict[str, Tensor]] = []
        self._weights = windows.textual.float() / windows.textual.sum(dim=1, keepdim=True)
        if not bool(windows.textual.any(dim=1).all()):
            raise ValueError("a window holds special tokens only: it has no embedding")

    def watch(self, walk: Walk, index: int, block: nn.Module) -> AbstractContextManager[None]:  # noqa: ARG002
        if index == len(self._embeddings):
            self._embeddings.append({})
        return nullcontext()

    @torch.no_grad()
    def see(self, index: int, rows: slice, outputs: Mapping[str, Tensor]) -> None:
        weights = self._weights[rows].to(outputs[OWN].device)
        for variant, hidden in outputs.items():
            block = self._embeddings[index]
            if variant not in block:
                block[variant] = torch.zeros(len(self.windows.tokens), hidden.shape[-1])
            block[variant][rows] = prompt_embeddings(hidden, weights).cpu()

    def predict(self, part: Logits) -> None:
        pass

    def found(self) -> Iterator[Found]:
        rows: list[dict[str, Any]] = []
        for index, block in enumerate(self._embeddings):
            means = self._means(block[OWN])
            basis = subspace(means, self.rank).basis
            rows.append(_tensor("lsar_subspace", index, "", basis))
            rows += [
                _tensor("mean_embedding", index, language, means[:, place])
                for place, language in enumerate(self.windows.languages)
            ]
        yield Found("tensor", rows)

    def measured(self) -> Iterator[Measured]:
        changes = [self._changes(block) for block in self._embeddings]
        for language, own in self.windows.by_language.items():
            rows = self.windows.rows(language)
            for quantity in ("agnostic_difference", "specific_difference"):
                values = [float(change[quantity][rows].mean()) for change in changes]
                for index, value in enumerate(values):
                    yield Measured(quantity, "1", "lower", language, value, len(own), index)
                yield Measured(quantity, "1", "lower", language, sum(values) / len(values), len(own))

    def _changes(self, block: Mapping[str, Tensor]) -> dict[str, Array]:
        """The magnitude of each prompt's change: of its agnostic and of its specific part."""
        (specific, agnostic), (specific_dense, agnostic_dense) = (
            self._parts(block[variant]) for variant in (OWN, DENSE if DENSE in block else OWN)
        )
        return {
            "agnostic_difference": np.linalg.norm(agnostic_dense - agnostic, axis=1),
            "specific_difference": np.linalg.norm(specific_dense - specific, axis=1),
        }

    def _parts(self, embeddings: Tensor) -> tuple[Array, Array]:
        whole = embeddings.double().numpy()
        specific = subspace(self._means(embeddings), self.rank).specific(whole)
        return specific, whole - specific

    def _means(self, embeddings: Tensor) -> Float64[Array, "features languages"]:
        whole = embeddings.double().numpy()
        return np.stack([whole[self.windows.rows(name)].mean(axis=0) for name in self.windows.languages], axis=1)


@torch.no_grad()
def prompt_embeddings(
    hidden: Float[Tensor, "batch length features"], weights: Float[Tensor, "batch length"]
) -> Float[Tensor, "batch features"]:
    """Weighted sums over tokens, in float32."""
    return torch.bmm(weights.unsqueeze(1), hidden.float()).squeeze(1)


def _tensor(name: str, block: int, language: str, value: Array) -> dict[str, Any]:
    return {
        "name": name,
        "block": block,
        "language": language,
        "shape": list(value.shape),
        "value": value.astype(np.float32).ravel().tolist(),
    }
