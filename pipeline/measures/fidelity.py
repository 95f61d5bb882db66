"""How far pruning moves hidden states: pruning error, SNR, mean magnitude of the difference, by block.

The paper's appendix D.1 (eq. 1 and 2): with mu the mean L2 norm of the dense model's hidden states over tokens,
error = mean over tokens and features of ((h - h~) / mu)^2 (given times 10^6, as in the paper's tables), and
SNR = 10 log10(mean (h / mu)^2 / error) dB, in which mu cancels (the paper prints E(H) where E(H^2) is meant). The
model's error and SNR are the means over blocks. Figures 4 and 5: mean over tokens of ||h - h~||_2.
Hidden states of a block are its output, before the final norm.

Position 0 of a window holds a massive activation (70 to 98 % of a middle block's energy), which pruning hardly moves:
everything is given over all positions, as the paper has it, and "_without_first" position.

Four running sums for each sequence and block suffice; norms of a token are float32, sums over tokens float64.

tensor legend: batch x length x features (hidden states), sequences
"""

import math
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from pipeline.measures import DENSE, OWN, Found, Measured, Walk
from pipeline.spec import Heldout
from pipeline.stream import Logits
from pipeline.windows import Windows

ALL, WITHOUT_FIRST = "", "_without_first"


def observe(spec: Heldout, windows: Windows, tokenizer: Any) -> "Distances":  # noqa: ARG001
    """Fidelity of the run's model to the dense one; of a dense run to itself."""
    return Distances(windows)


class Distances:
    """Sums over tokens by block and sequence: of ||h||, ||h||^2, ||h - h~||, ||h - h~||^2. n = tokens."""

    logits_of = ""

    def __init__(self, windows: Windows) -> None:
        self.windows = windows
        self.n_features = 0
        self._sums: list[dict[str, Tensor]] = []

    def watch(self, walk: Walk, index: int, block: nn.Module) -> AbstractContextManager[None]:  # noqa: ARG002
        if index == len(self._sums):
            size = (len(self.windows.tokens), 4)
            self._sums.append({part: torch.zeros(size, dtype=torch.float64) for part in (ALL, WITHOUT_FIRST)})
        return nullcontext()

    @torch.no_grad()
    def see(self, index: int, rows: slice, outputs: Mapping[str, Tensor]) -> None:
        dense = outputs.get(DENSE, outputs[OWN])
        self.n_features = dense.shape[-1]
        tokens = token_sums(dense, outputs[OWN])
        whole = tokens.sum(dim=1, dtype=torch.float64)
        sums = self._sums[index]
        sums[ALL][rows] += whole.cpu()
        sums[WITHOUT_FIRST][rows] += (whole - tokens[:, 0]).cpu()

    def predict(self, part: Logits) -> None:
        pass

    def found(self) -> Iterator[Found]:
        return iter(())

    def measured(self) -> Iterator[Measured]:
        for language, own in self.windows.by_language.items():
            rows = self.windows.rows(language)
            for part, n in ((ALL, own.numel()), (WITHOUT_FIRST, own.numel() - len(own))):
                totals = [block[part][rows].sum(dim=0).tolist() for block in self._sums]
                yield from self._of_language(language, part, n, totals)

    def _of_language(self, language: str, part: str, n: int, totals: list[list[float]]) -> Iterator[Measured]:
        blocks = [_quantities(sums, n, self.n_features) for sums in totals]
        for quantity, unit, better in UNITS:
            values = [block[quantity] for block in blocks]
            for index, value in enumerate(values):
                yield Measured(quantity + part, unit, better, language, value, n, index)
            yield Measured(quantity + part, unit, better, language, sum(values) / len(values), n)


UNITS: tuple[tuple[str, str, Any], ...] = (
    ("pruning_error", "1e-6", "lower"),
    ("snr", "dB", "higher"),
    ("hidden_difference", "1", "lower"),
)


@torch.no_grad()
def token_sums(
    dense: Float[Tensor, "batch length features"], own: Float[Tensor, "batch length features"]
) -> Float[Tensor, "batch length 4"]:
    """||h||, ||h||^2, ||h - h~||, ||h - h~||^2 of each token, in float32."""
    size = torch.linalg.vector_norm(dense, dim=-1, dtype=torch.float32)
    moved = torch.linalg.vector_norm(dense.float() - own.float(), dim=-1)
    return torch.stack((size, size.square(), moved, moved.square()), dim=-1)


def _quantities(sums: list[float], n: int, n_features: int) -> dict[str, float]:
    size, energy, moved, error = sums
    mu = size / n
    return {
        "pruning_error": 1e6 * error / (n * n_features * mu**2),
        "snr": 10 * math.log10(energy / error) if error else math.inf,
        "hidden_difference": moved / n,
    }
