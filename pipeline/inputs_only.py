"""A pass through a block that ends when its last linear has been handed its inputs.

Statistics need what each linear reads, not what the block returns: the last projection (a quarter of a Llama block's
multiplications) need not be computed, and nothing else changes.
"""

from collections.abc import Callable, Iterable
from typing import Any

from torch import nn


class _AllSeen(Exception):
    """Every linear has been handed its inputs."""


class InputsOnly:
    """Ends each call of a block early. Enter it after the hooks that want to see the inputs are in place.

    The first call runs to its end; later ones end early only if it called every linear exactly once.
    """

    def __init__(self, linears: Iterable[nn.Linear]) -> None:
        self._linears = list(linears)
        self._called: list[int] = []
        self._ends_early = False

    def __enter__(self) -> "InputsOnly":
        self._hooks = [linear.register_forward_pre_hook(self._note) for linear in self._linears]
        return self

    def __exit__(self, *failure: object) -> None:
        for hook in self._hooks:
            hook.remove()

    def __call__(self, forward: Callable[[], Any]) -> None:
        self._called = []
        try:
            forward()
        except _AllSeen:
            return
        self._ends_early = sorted(self._called) == sorted(map(id, self._linears))

    def _note(self, linear: nn.Module, inputs: tuple[Any, ...]) -> None:  # noqa: ARG002  the hook's signature
        self._called.append(id(linear))
        if self._ends_early and len(self._called) == len(self._linears):
            raise _AllSeen
