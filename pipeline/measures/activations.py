"""Mean activation of each output unit of some linears (figures 11 to 13: MLP down projection, attention output).

Means over all tokens, dense and pruned side by side in the store: a dense run has its own. Sums over the tokens of a
sequence are float32, over sequences float64.

tensor legend: batch x length x outputs, languages x outputs
"""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import numpy as np
import polars
import torch
from jaxtyping import Float
from torch import Tensor, nn

from pipeline.anatomy import linears
from pipeline.measures import OWN, Found, Measured, Walk
from pipeline.spec import Activations
from pipeline.spec.changing import is_linear
from pipeline.spec.frozen import nearest
from pipeline.stream import Logits
from pipeline.windows import Windows


def observe(spec: Activations, windows: Windows, tokenizer: Any) -> "Outputs":  # noqa: ARG001
    """Mean outputs of the run's model."""
    return Outputs(windows, spec.linears)


class Outputs:
    """Sums over tokens of the chosen linears' outputs, by block, linear and language. n = tokens."""

    logits_of = ""

    def __init__(self, windows: Windows, chosen: tuple[str, ...], variant: str = OWN) -> None:
        self.windows, self.chosen, self.variant = windows, chosen, variant
        self._sums: dict[tuple[int, str], Tensor] = {}

    @contextmanager
    def watch(self, walk: Walk, index: int, block: nn.Module) -> Iterator[None]:
        own = linears(block)
        for name in self.chosen:
            if not any(is_linear(linear, (name,)) for linear in own):
                raise ValueError(
                    f"activations: no linear '{name}' in {walk.paths[index]}; {nearest(name, list(own))}"
                )
        current: dict[str, Tensor] = {}
        with ExitStack() as hooks:
            for name, linear in own.items():
                if is_linear(name, self.chosen):
                    hooks.callback(linear.register_forward_hook(partial(self._sum, walk, current, name)).remove)
            yield
        for name, sums in current.items():
            self._sums[index, name] = self._sums.get((index, name), torch.zeros(())) + sums.cpu()

    def _sum(
        self,
        walk: Walk,
        current: dict[str, Tensor],
        name: str,
        linear: nn.Module,  # noqa: ARG002
        read: Any,  # noqa: ARG002
        output: Tensor,
    ) -> None:
        if walk.running != self.variant:
            return
        values = sequence_sums(output.detach().reshape(-1, self.windows.length, output.shape[-1]))
        if name not in current:
            size = (len(self.windows.languages), values.shape[1])
            current[name] = torch.zeros(size, dtype=torch.float64, device=values.device)
        self.windows.add(current[name], walk.rows, values)

    def see(self, index: int, rows: slice, outputs: Mapping[str, Tensor]) -> None:
        pass

    def predict(self, part: Logits) -> None:
        pass

    def found(self) -> Iterator[Found]:
        parts = []
        for language, index, name, means in self._means():
            columns = {
                "language": [language] * len(means),
                "block": np.full(len(means), index, dtype=np.uint16),
                "linear": [name] * len(means),
                "output": np.arange(len(means), dtype=np.uint32),
                "mean": means.astype(np.float32),
            }
            parts.append(polars.DataFrame(columns))
        yield Found("output_activation", polars.concat(parts))

    def measured(self) -> Iterator[Measured]:
        n_tokens = self.windows.n_tokens()
        for language, index, name, means in self._means():
            value = float(np.abs(means).mean())
            yield Measured("mean_activation", "1", "", language, value, n_tokens[language], index, name)

    def _means(self) -> Iterator[tuple[str, int, str, np.ndarray]]:
        n_tokens = self.windows.n_tokens()
        for place, language in enumerate(self.windows.languages):
            for (index, name), sums in self._sums.items():
                yield language, index, name, (sums[place] / n_tokens[language]).numpy()


def sequence_sums(output: Float[Tensor, "batch length outputs"]) -> Float[Tensor, "batch outputs"]:
    """Sums over the tokens of each sequence, in float32."""
    return output.sum(dim=1, dtype=torch.float32)
