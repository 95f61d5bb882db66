"""Statistics over what linears read, gathered while a block runs; linears that read the same tensor share them.

q, k and v read one tensor, gate and up another; in Cohere's parallel blocks all five read the same. That it is the
same is proved at every call: the tensor object is alive, is that very object, and was not written to in between.

tensor legend: sequences x tokens x columns (input features of a linear)
"""

import itertools
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from pipeline.anatomy import UnsupportedModel


@runtime_checkable
class InputStatistics(Protocol):
    """Running sums over a linear's inputs."""

    def add(self, inputs: Float[Tensor, "sequences tokens columns"]) -> None:
        """Take in some sequences. Exact arithmetic must give the same sums however they are split into calls."""


_UNPROVED = itertools.count(1)

S = TypeVar("S", bound=InputStatistics)

Kind = Callable[[int, torch.device], S]
"""Makes empty statistics of so many columns on a device."""


@contextmanager
def watch(linears: Mapping[str, nn.Linear], kind: Kind[S], length: int) -> Iterator[dict[str, S]]:
    """While open, whatever the linears read goes into statistics of `kind`, by the linear's name.

    length: tokens in a sequence; it tells sequences apart where a model flattens them (OPT).
    On leaving, raises UnsupportedModel if linears that shared statistics did not always read the same tensor, or if a
    linear read nothing.
    """
    watcher: _Watcher[S] = _Watcher(kind, length)
    hooks = [
        linear.register_forward_pre_hook(lambda _, arguments, name=name: watcher.see(name, arguments[0]))
        for name, linear in linears.items()
    ]
    try:
        yield watcher.statistics
        watcher.check(linears)
    finally:
        for hook in hooks:
            hook.remove()


@dataclass
class _Seen(Generic[S]):
    """A tensor that some linear read, as long as it lives, and the statistics it was added to."""

    tensor: "weakref.ref[Tensor]"
    version: int
    added: list[S] = field(default_factory=list)

    def is_(self, inputs: Tensor) -> bool:
        return self.tensor() is inputs and self.version == _version(inputs)


class _Watcher(Generic[S]):
    def __init__(self, kind: Kind[S], length: int) -> None:
        self.kind, self.length = kind, length
        self.statistics: dict[str, S] = {}
        self.n_calls: dict[str, int] = {}
        self.n_added: dict[int, int] = {}
        self.seen: list[_Seen[S]] = []

    def see(self, name: str, inputs: Tensor) -> None:
        self.seen = [entry for entry in self.seen if entry.tensor() is not None]
        entry = next((entry for entry in self.seen if entry.is_(inputs)), None)
        if entry is None:
            entry = _Seen(weakref.ref(inputs), _version(inputs))
            self.seen.append(entry)
        if name not in self.statistics:
            self.statistics[name] = self._shareable(entry) or self.kind(inputs.shape[-1], inputs.device)
        self.n_calls[name] = self.n_calls.get(name, 0) + 1
        statistics = self.statistics[name]
        if not any(statistics is other for other in entry.added):
            statistics.add(self._by_sequence(name, inputs))
            entry.added.append(statistics)
            self.n_added[id(statistics)] = self.n_added.get(id(statistics), 0) + 1

    def _shareable(self, entry: _Seen[S]) -> S | None:
        """Statistics that hold this very tensor and nothing else."""
        return next((other for other in entry.added if self.n_added[id(other)] == 1), None)

    def _by_sequence(self, name: str, inputs: Tensor) -> Tensor:
        whole = inputs.ndim == 2 and len(inputs) % self.length == 0
        if not whole and not (inputs.ndim == 3 and inputs.shape[1] == self.length):
            raise UnsupportedModel(
                f"{name} reads a tensor of shape {tuple(inputs.shape)}; sequences of {self.length} tokens cannot be "
                "told apart in it"
            )
        return inputs.reshape(-1, self.length, inputs.shape[-1])

    def check(self, linears: Mapping[str, nn.Linear]) -> None:
        """Statistics that were added to as often as each sharer was called hold exactly what each sharer read."""
        for name in linears:
            if name not in self.statistics:
                raise UnsupportedModel(f"{name} read nothing: it took no part in the block's forward")
            if self.n_added[id(self.statistics[name])] != self.n_calls[name]:
                raise UnsupportedModel(f"{name} reads the same as another linear in one batch and not in another")


def _version(tensor: Tensor) -> int:
    """How often a tensor was written to. Tensors made in inference mode don't count it: a new value each time, so
    that nothing is shared where sameness cannot be proved."""
    return -next(_UNPROVED) if tensor.is_inference() else tensor._version
