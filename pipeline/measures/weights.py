"""What pruning did to each linear's weights, and to what it computes.

sparsity: share of weights that are 0. weight_error: ||W - W~||^2 / ||W||^2 (Frobenius). output_error:
||X W^T - X W~^T||^2 / ||X W^T||^2 over the tokens X that the linear reads in the dense model, by language (the layer-
wise reconstruction error that SparseGPT minimises, there on calibration text and half-pruned inputs).
removed_among_smallest: of the removed weights (0 now, not before), the share that were among the smallest half of the
linear's weights by magnitude: 1 for magnitude pruning at 50 %.

The model's numbers (block -1) are means over its linears.

tensor legend: rows x columns (of a weight)
"""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from pipeline.anatomy import linears
from pipeline.measures import DENSE, OWN, Found, Measured, Walk
from pipeline.spec import Heldout
from pipeline.stream import Logits
from pipeline.windows import Windows

Place = tuple[int, str]


def observe(spec: Heldout, windows: Windows, tokenizer: Any) -> "Reconstruction":  # noqa: ARG001
    """Weights of the run's model beside the dense ones; a dense run's beside themselves."""
    return Reconstruction(windows)


class Reconstruction:
    """n = weights; of output_error, tokens."""

    logits_of = ""

    def __init__(self, windows: Windows) -> None:
        self.windows = windows
        self._weights: dict[Place, dict[str, float]] = {}
        self._n_weights: dict[Place, int] = {}
        self._sums: dict[Place, Tensor] = {}

    @contextmanager
    def watch(self, walk: Walk, index: int, block: nn.Module) -> Iterator[None]:
        base = DENSE if DENSE in walk.variants else OWN
        current: dict[str, Tensor] = {}
        with ExitStack() as hooks:
            for name, linear in linears(block).items():
                dense, own = walk.weight(base, linear), walk.weight(OWN, linear)
                self._weights[index, name] = weight_facts(dense, own)
                self._n_weights[index, name] = own.numel()
                size = (len(self.windows.languages), 2)
                current[name] = torch.zeros(size, dtype=torch.float64, device=own.device)
                hook = partial(self._compare, walk, current[name], base, dense.float() - own.float())
                hooks.callback(linear.register_forward_hook(hook).remove)
            yield
        for name, sums in current.items():
            self._sums[index, name] = self._sums.get((index, name), torch.zeros(())) + sums.cpu()

    def _compare(
        self, walk: Walk, sums: Tensor, base: str, change: Tensor, linear: nn.Linear, read: Any, output: Tensor
    ) -> None:
        if walk.running != base:
            return
        whole = output.detach() if linear.bias is None else output.detach() - linear.bias
        by_sequence = (len(walk_rows(walk)), -1)
        moved = F.linear(read[0].detach().float(), change).reshape(by_sequence)
        values = [
            torch.linalg.vector_norm(part, dim=1).square() for part in (whole.float().reshape(by_sequence), moved)
        ]
        self.windows.add(sums, walk.rows, torch.stack(values, dim=1))

    def see(self, index: int, rows: slice, outputs: Mapping[str, Tensor]) -> None:
        pass

    def predict(self, part: Logits) -> None:
        pass

    def found(self) -> Iterator[Found]:
        return iter(())

    def measured(self) -> Iterator[Measured]:
        for quantity, better in (("sparsity", ""), ("weight_error", "lower"), ("removed_among_smallest", "")):
            values = {place: facts[quantity] for place, facts in self._weights.items() if quantity in facts}
            yield from _rows(quantity, better, "", values, self._n_weights)
        for at, language in enumerate(self.windows.languages):
            values = {place: _ratio(sums[at]) for place, sums in self._sums.items()}
            n_tokens = dict.fromkeys(values, self.windows.n_tokens()[language])
            yield from _rows("output_error", "lower", language, values, n_tokens)


@torch.no_grad()
def weight_facts(dense: Float[Tensor, "rows columns"], own: Float[Tensor, "rows columns"]) -> dict[str, float]:
    """sparsity, weight_error and, where something was removed, removed_among_smallest of one linear."""
    dense, own = dense.float(), own.float()
    removed = (own == 0) & (dense != 0)
    energy = float(torch.linalg.vector_norm(dense).square())
    error = float(torch.linalg.vector_norm(dense - own).square())
    facts = {"sparsity": float((own == 0).double().mean()), "weight_error": error / energy if energy else 0.0}
    if n_removed := int(removed.sum()):
        size = dense.abs()
        middle = size.flatten().kthvalue(max(1, dense.numel() // 2)).values
        facts["removed_among_smallest"] = int((removed & (size <= middle)).sum()) / n_removed
    return facts


def walk_rows(walk: Walk) -> range:
    """The rows of the text that run now."""
    return range(walk.rows.start, walk.rows.stop)


def _ratio(sums: Tensor) -> float:
    whole, moved = sums.tolist()
    return moved / whole if whole else 0.0


def _rows(
    quantity: str, better: Any, language: str, values: Mapping[Place, float], n: Mapping[Place, int]
) -> Iterator[Measured]:
    if not values:
        return
    for (index, name), value in values.items():
        yield Measured(quantity, "1", better, language, value, n[index, name], index, name)
    yield Measured(quantity, "1", better, language, sum(values.values()) / len(values), sum(n.values()))
