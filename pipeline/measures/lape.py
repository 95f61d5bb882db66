"""Which FFN neurons are active in which language, and how language-specific each is (LAPE).

Tang et al. 2024 (RUCAIBox/Language-Specific-Neurons): a neuron's activation probability in a language is the share of
tokens at which its non-linearity act(gate) is above 0 (so also for GELU gates); over languages the probabilities are
normalised to 1, and LAPE is their entropy in nats (the paper's eq. 12 lacks the minus sign): 0 for a neuron of one
language, ln L for one that is as active in all. A neuron that was never active has no distribution: no LAPE, counted.

mean_abs is the mean over tokens of |act(gate)|, Tang's "activated value"; with output = "product" it is that of
|act(gate) * up|, what the down projection reads.

Language-specific neurons (option): of the neurons active above the 95th percentile of all probabilities in some
language, those with the lowest LAPE, 1 % of all neurons; each belongs to every language in which it is above that
percentile.

tensor legend: languages x neurons (counts), batch x length x neurons (activations)
"""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import numpy as np
import polars
import torch
from jaxtyping import Float, Float64, Int
from torch import Tensor, nn

from pipeline.gate import activation_of, reader_of
from pipeline.measures import OWN, Found, Measured, Walk
from pipeline.spec import LAPE
from pipeline.stream import Logits
from pipeline.windows import Windows

Array = np.ndarray

TOP_RATE, BAR = 0.01, 0.95


def observe(spec: LAPE, windows: Windows, tokenizer: Any) -> "Neurons":  # noqa: ARG001
    """Counts and LAPE of the run's model."""
    return Neurons(windows, spec)


def entropy(probabilities: Float64[Array, "languages neurons"]) -> Float64[Array, " neurons"]:
    """LAPE in nats; NaN for a neuron that was never active."""
    total = probabilities.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        shares = probabilities / total
        terms = np.where(shares > 0, shares * np.log(shares), 0.0)
    return np.where(total > 0, np.abs(terms.sum(axis=0)), np.nan)


def ranks(lape: Float64[Array, " neurons"]) -> Int[Array, " neurons"]:
    """The place of each neuron when they are sorted by LAPE, from 0; -1 without LAPE. Ties: by place in the model."""
    order = np.argsort(lape, kind="stable")  # NaN last
    found = np.full(len(lape), -1)
    n_known = int(np.isfinite(lape).sum())
    found[order[:n_known]] = np.arange(n_known)
    return found


def language_specific(probabilities: Float64[Array, "languages neurons"]) -> list[Array]:
    """Tang's neurons of each language, by their places among all of the model's."""
    lape = entropy(probabilities)
    everything = np.sort(probabilities, axis=None)
    bar = everything[max(0, round(everything.size * BAR) - 1)]
    lape = np.where((probabilities > bar).any(axis=0) & np.isfinite(lape), lape, np.inf)
    chosen = np.argsort(lape, kind="stable")[: round(lape.size * TOP_RATE)]
    chosen = chosen[np.isfinite(lape[chosen])]
    return [np.sort(chosen[probabilities[language, chosen] > bar]) for language in range(len(probabilities))]


class Neurons:
    """Sums over tokens by block and language: of act > 0, and of the absolute output."""

    logits_of = ""

    def __init__(self, windows: Windows, spec: LAPE, variant: str = OWN) -> None:
        self.windows, self.spec, self.variant = windows, spec, variant
        self._active: list[Tensor] = []
        self._magnitude: list[Tensor] = []

    @contextmanager
    def watch(self, walk: Walk, index: int, block: nn.Module) -> Iterator[None]:
        current: dict[str, Tensor] = {}
        act = activation_of(walk.paths[index], block)
        with ExitStack() as hooks:
            hooks.callback(act.register_forward_hook(partial(self._count, walk, current)).remove)
            if self.spec.output == "product":
                linear = reader_of(walk.paths[index], block, self._width(block), walk.n_features)
                hooks.callback(linear.register_forward_pre_hook(partial(self._weigh, walk, current)).remove)
            yield
        if not current:
            raise RuntimeError(f"{walk.paths[index]}: its activation function took no part in the forward")
        for name, sums in (("active", self._active), ("magnitude", self._magnitude)):
            whole = current[name].cpu()
            if index < len(sums):
                sums[index] += whole
            else:
                sums.append(whole)

    def _width(self, block: nn.Module) -> int:
        """The number of neurons: the most that any linear of the block reads (FFNs are wider than hidden states)."""
        return max(linear.in_features for linear in block.modules() if isinstance(linear, nn.Linear))

    def _count(self, walk: Walk, current: dict[str, Tensor], act: nn.Module, read: Any, output: Tensor) -> None:  # noqa: ARG002
        if walk.running != self.variant:
            return
        output = output.detach().reshape(-1, self.windows.length, output.shape[-1])
        self._add(current, "active", walk.rows, torch.sum(output > 0, dim=1, dtype=torch.float32))
        if self.spec.output == "gate":
            self._add(current, "magnitude", walk.rows, magnitudes(output))

    def _weigh(self, walk: Walk, current: dict[str, Tensor], linear: nn.Module, read: tuple[Any, ...]) -> None:  # noqa: ARG002
        if walk.running == self.variant:
            product = read[0].detach().reshape(-1, self.windows.length, read[0].shape[-1])
            self._add(current, "magnitude", walk.rows, magnitudes(product))

    def _add(self, current: dict[str, Tensor], name: str, rows: slice, values: Float[Tensor, "batch n"]) -> None:
        if name not in current:
            size = (len(self.windows.languages), values.shape[1])
            current[name] = torch.zeros(size, dtype=torch.float64, device=values.device)
        self.windows.add(current[name], rows, values)

    def see(self, index: int, rows: slice, outputs: Mapping[str, Tensor]) -> None:
        pass

    def predict(self, part: Logits) -> None:
        pass

    def found(self) -> Iterator[Found]:
        yield from self._counts()
        lape = entropy(self._probabilities())
        places = ranks(lape)
        blocks, neurons = self._places()
        rank = polars.Series(places)
        columns = {"block": blocks, "neuron": neurons, "lape": lape, "lape_rank": rank}
        known = polars.when(polars.col("lape_rank") >= 0)
        data = polars.DataFrame(columns).with_columns(
            known.then(polars.col("lape")).alias("lape"), known.then(polars.col("lape_rank")).alias("lape_rank")
        )
        yield Found("neuron_lape", data)
        if self.spec.specific:
            yield Found("tensor", list(self._specific()))

    def measured(self) -> Iterator[Measured]:
        n_tokens = self.windows.n_tokens()
        for place, language in enumerate(self.windows.languages):
            shares = [float(block[place].mean()) / n_tokens[language] for block in self._active]
            for index, share in enumerate(shares):
                yield Measured("activation_probability", "1", "", language, share, n_tokens[language], index)
            yield Measured("activation_probability", "1", "", language, float(np.mean(shares)), n_tokens[language])
        lape = entropy(self._probabilities())
        yield Measured("never_active", "neurons", "", "", float(np.isnan(lape).sum()), lape.size)
        if not np.isnan(lape).all():
            yield Measured("lape", "nats", "", "", float(np.nanmean(lape)), int(np.isfinite(lape).sum()))

    def _counts(self) -> Iterator[Found]:
        n_tokens = self.windows.n_tokens()
        parts = []
        for index, (active, magnitude) in enumerate(zip(self._active, self._magnitude, strict=True)):
            for place, language in enumerate(self.windows.languages):
                columns = {
                    "language": [language] * active.shape[1],
                    "block": np.full(active.shape[1], index, dtype=np.uint16),
                    "neuron": np.arange(active.shape[1], dtype=np.uint32),
                    "n_active": active[place].round().numpy().astype(np.uint32),
                    "mean_abs": (magnitude[place] / n_tokens[language]).numpy().astype(np.float32),
                }
                parts.append(polars.DataFrame(columns))
        yield Found("neuron_count", polars.concat(parts))
        yield Found("neuron_token", [{"language": name, "n_tokens": n} for name, n in n_tokens.items()])

    def _specific(self) -> Iterator[dict[str, Any]]:
        blocks, neurons = self._places()
        by_language = language_specific(self._probabilities())
        for language, chosen in zip(self.windows.languages, by_language, strict=True):
            for index in range(len(self._active)):
                own = neurons[chosen[blocks[chosen] == index]].astype(float).tolist()
                row = {"name": "specific_neurons", "block": index, "language": language}
                yield {**row, "shape": [len(own)], "value": own}

    def _probabilities(self) -> Float64[Array, "languages neurons"]:
        """Of all neurons of the model, block after block."""
        n_tokens = np.array(list(self.windows.n_tokens().values()), dtype=np.float64)
        return np.concatenate([block.numpy() for block in self._active], axis=1) / n_tokens[:, None]

    def _places(self) -> tuple[Array, Array]:
        """Block, and place in it, of every neuron of the model."""
        widths = [block.shape[1] for block in self._active]
        blocks = np.repeat(np.arange(len(widths), dtype=np.uint16), widths)
        return blocks, np.concatenate([np.arange(width, dtype=np.uint32) for width in widths])


def magnitudes(output: Float[Tensor, "batch length neurons"]) -> Float[Tensor, "batch neurons"]:
    """Sum over tokens of the absolute value, in float32."""
    return torch.linalg.vector_norm(output, ord=1, dim=1, dtype=torch.float32)
