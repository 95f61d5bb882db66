"""What a model hands to each of its blocks, learnt by letting its own forward run over stubs that compute nothing.

How a decoder calls its blocks (masks, rotary tables, attention kinds that differ from layer to layer) is its own
affair: a stub in place of each block's forward notes the arguments and returns its input.

tensor legend: sequences x length (tokens), features (of a hidden state)
"""

import copy
from collections.abc import Callable, Iterator, MutableMapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from transformers import PreTrainedModel

from pipeline.anatomy import UnsupportedModel

PLAIN = (type(None), bool, int, float, str, torch.dtype, torch.device)


@dataclass(frozen=True)
class Arguments:
    """What a block is handed beside its hidden states."""

    positional: tuple[Any, ...]
    keywords: dict[str, Any]

    def call(self, block: nn.Module, hidden: Tensor) -> Any:
        """Call the block. Mappings are handed over as copies, so that nothing is passed on behind our back.

        Raises UnsupportedModel if the block writes into one (keys and values shared between blocks).
        """
        keywords = {
            name: copy.copy(value) if isinstance(value, MutableMapping) else value
            for name, value in self.keywords.items()
        }
        returned = block(hidden, *self.positional, **keywords)
        for name, value in keywords.items():
            if isinstance(value, MutableMapping) and value.keys() != self.keywords[name].keys():
                raise UnsupportedModel(f"{type(block).__name__} passes something on to later blocks in '{name}'")
        return returned

    def named(self) -> dict[str, Any]:
        """All arguments by a name for messages."""
        return {f"argument {place + 2}": value for place, value in enumerate(self.positional)} | self.keywords


@dataclass(frozen=True)
class Rehearsal:
    """Hidden states before the first block, and each block's arguments, for one batch."""

    hidden: Float[Tensor, "sequences length features"]
    arguments: tuple[Arguments, ...]

    def difference(self, other: "Rehearsal") -> str | None:
        """Which argument of which block differs between two batches of the same size: None if none does."""
        for index, (ours, theirs) in enumerate(zip(self.arguments, other.arguments, strict=True)):
            mine, yours = ours.named(), theirs.named()
            for name in mine:
                if not _same(mine[name], yours.get(name)):
                    return f"block {index} is handed '{name}'"
        return None


class _Enough(Exception):
    """The last block has been reached: norm and head need not run."""


def rehearse(
    model: PreTrainedModel,
    blocks: Sequence[nn.Module],
    tokens: Int[Tensor, "sequences length"],
    dress: Callable[[Tensor], Any],
) -> Rehearsal:
    """Run the model up to its last block with stubs. `dress` makes what a block returns out of hidden states.

    Raises UnsupportedModel where blocks are not simply called one after the other.
    """
    kind = type(model).__name__
    noted: list[Arguments] = []
    first: list[Tensor] = []

    def note(index: int, hidden: Tensor, arguments: Arguments) -> Any:
        if index != len(noted):
            raise UnsupportedModel(f"{kind} calls block {index} after {len(noted)} others, not in order")
        if first and hidden is not first[0]:
            raise UnsupportedModel(f"{kind} changes hidden states between blocks {index - 1} and {index}")
        first[:] = [hidden]
        noted.append(_checked(model, index, arguments))
        if len(noted) == len(blocks):
            raise _Enough
        return dress(hidden)

    try:
        with stubbed(blocks, note):
            model(input_ids=tokens, use_cache=False)
    except _Enough:
        return Rehearsal(first[0], tuple(noted))
    raise UnsupportedModel(f"{kind} calls only {len(noted)} of its {len(blocks)} blocks")


@contextmanager
def stubbed(blocks: Sequence[nn.Module], forward: Callable[[int, Tensor, Arguments], Any]) -> Iterator[None]:
    """While open, calling block i calls `forward(i, hidden, arguments)` instead."""
    before = [block.__dict__.get("forward") for block in blocks]

    def stub(index: int) -> Callable[..., Any]:
        def stand_in(*positional: Any, **keywords: Any) -> Any:
            if positional:
                return forward(index, positional[0], Arguments(positional[1:], keywords))
            hidden = keywords.pop("hidden_states")
            return forward(index, hidden, Arguments((), keywords))

        return stand_in

    try:
        for index, block in enumerate(blocks):
            block.forward = stub(index)
        yield
    finally:
        for block, own in zip(blocks, before, strict=True):
            del block.forward
            if own is not None:
                block.forward = own


def _checked(model: PreTrainedModel, index: int, arguments: Arguments) -> Arguments:
    for name, value in arguments.named().items():
        if not _is_plain(value):
            raise UnsupportedModel(
                f"{type(model).__name__}: block {index} is handed a {type(value).__name__} as '{name}', "
                "which may carry state from call to call"
            )
    return arguments


def _is_plain(value: Any) -> bool:
    if isinstance(value, MutableMapping):
        return all(_is_plain(item) for item in value.values())
    if isinstance(value, (tuple, list)):
        return all(_is_plain(item) for item in value)
    return isinstance(value, (*PLAIN, Tensor))


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        return a is b or (a.shape == b.shape and a.dtype == b.dtype and torch.equal(a, b))
    if isinstance(a, MutableMapping) and isinstance(b, MutableMapping):
        return a.keys() == b.keys() and all(_same(a[key], b[key]) for key in a)
    if isinstance(a, (tuple, list)) and isinstance(b, (tuple, list)):
        return len(a) == len(b) and all(map(_same, a, b))
    return type(a) is type(b) and bool(a == b)
