"""Any Hugging Face decoder, one block at a time, without code for its architecture.

The model's own forward tells what each block is handed (pipeline.rehearsal); from then on we call the blocks
ourselves, so that only one of them, the next one on its way, and one batch must be on the accelerator. Hidden states
of all sequences lie in one buffer that each block overwrites in place. (torch.no_grad decorates what computes, never
a generator: whether it reaches into one depends on what other decorators wrap it in.)

"Hidden states of block k" are its output, before the final norm (`hidden_states[-1]` of Hugging Face is after it).
A block returns a tensor, or in some families a tuple: scripts that take `block(...)[0]` would take the first
sequence of the batch.

tensor legend: sequences x length (tokens) of the whole text, batch x positions of a part of it,
    features (of a hidden state), vocabulary
"""

import copy
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from transformers import PreTrainedModel

from pipeline.anatomy import UnsupportedModel, find_blocks, linears
from pipeline.hidden import Hidden
from pipeline.inputs_only import InputsOnly
from pipeline.kernels.products import fast_products
from pipeline.prefetch import Prefetch
from pipeline.rehearsal import Arguments, Rehearsal, rehearse, stubbed
from pipeline.residence import Moved, resident
from pipeline.token_check import check_tokens

PROBE_LENGTH, LOGITS = 32, 2**24
"""Tokens of a rehearsal; logits at a time unless told otherwise (64 MB in float32)."""


@dataclass(frozen=True)
class Logits:
    """Logits at some positions of some sequences."""

    rows: slice
    positions: slice
    values: Float[Tensor, "batch positions vocabulary"]


class BlockStream:
    """Iterate over it for the blocks, each on `device` while it is the current one:

        for block in (stream := BlockStream(model, tokens, device)):
            ...                       # look at its inputs with stream.run(), change its weights
        for part in stream.logits():  # norm and head over what came out
            ...

    After the loop body the stream runs the block as the body left it, so that the next block sees its outputs; a body
    that needs those outputs takes them from `advance()`. The last block is run when logits are asked for.

    batch: sequences in a forward; without it `default_batch` decides.
    fast: blocks may add up in any order (see `fast_products`).
    Raises UnsupportedModel, saying what and where.
    """

    @torch.no_grad()
    def __init__(
        self,
        model: PreTrainedModel,
        tokens: Int[Tensor, "sequences length"],
        device: torch.device,
        batch: int | None = None,
        *,
        fast: bool = False,
    ) -> None:
        check_tokens(model, tokens)
        self.model, self.tokens, self.device, self._fast = model, tokens, device, fast
        self.blocks = find_blocks(model)
        self.length = tokens.shape[1]
        size = batch or default_batch(self.length, device)
        self.batches = [slice(at, min(at + size, len(tokens))) for at in range(0, len(tokens), size)]
        self._modules = list(self.blocks.values())
        inner = {id(module) for block in self._modules for module in block.modules()}
        self._outside = [module for module in model.modules() if id(module) not in inner]
        self._arguments: dict[int, tuple[Arguments, ...]] = {}
        self._n_done = 0
        self._next, self._moved = Prefetch(device), list[Moved]()
        with resident(self._outside, device):
            few = tokens[:1, :PROBE_LENGTH].to(device)
            self._rest = self._beside_hidden(few)
            self._check_arguments(few)
            self._hidden = self._embed()

    def __iter__(self) -> Iterator[nn.Module]:
        if self._n_done:
            raise RuntimeError("a BlockStream walks through its blocks once; make a new one")
        try:
            for index, block in enumerate(self._modules):
                with resident(block.modules(), self.device, self._next) as self._moved:
                    self._next.drop()
                    yield block
                    if self._n_done == index and index + 1 < len(self._modules):
                        _exhaust(self.advance())
        finally:
            self._moved = []
            self._next.drop()

    @property
    def n_features(self) -> int:
        """Width of the hidden states."""
        return self._hidden.n_features

    def twin(self) -> "BlockStream":
        """Another walk over the same text, with hidden states of its own. Raises RuntimeError once this one began."""
        if self._n_done:
            raise RuntimeError(f"a twin is made before the walk begins, not after {self._n_done} blocks")
        twin = copy.copy(self)
        twin._hidden = self._hidden.copy()
        return twin

    def run(self, block: nn.Module) -> Iterator[slice]:
        """Every sequence through the current block as far as its last linear, for whoever watches their inputs.

        Yields the rows done. Hidden states stay what they are.
        """
        self._check_current(block)
        with InputsOnly(linears(block).values()) as inputs_only:
            for rows in self.batches:
                inputs_only(partial(self._call, block, rows))
                yield rows

    def advance(self) -> Iterator[tuple[slice, Float[Tensor, "batch length features"]]]:
        """Every sequence through the current block; its outputs become the next block's inputs.

        Yields rows and outputs, on `device`. The next block's weights, and home this one's, go as they are now.
        """
        block = self._modules[self._n_done]
        if self._n_done + 1 < len(self._modules):
            self._next.start(self._modules[self._n_done + 1])
        self._next.bring_home(self._moved)
        for rows in self.batches:
            outputs = self._call(block, rows)
            self._hidden.write(rows, outputs)
            yield rows, outputs
        self._n_done += 1

    def logits(self, budget: int = LOGITS) -> Iterator[Logits]:
        """The model's own norm and head over the walk's result, in parts of at most `budget` logits.

        The outputs of the last block are injected into the model's forward, so that soft-capping, scales and the like
        are the model's. Raises RuntimeError before the walk has come to its end.
        """
        last = len(self._modules) - 1
        if self._n_done == last:
            with resident(self._modules[last].modules(), self.device):
                _exhaust(self.advance())
        if self._n_done < last:
            raise RuntimeError(f"logits asked for after {self._n_done} of {last + 1} blocks; iterate to the end")
        self._hidden.settle()
        with resident(self._outside, self.device):
            for rows, positions in self._parts(budget):
                yield Logits(rows, positions, self._tail(rows, positions))

    @torch.no_grad()
    def _tail(self, rows: slice, positions: slice) -> Float[Tensor, "batch positions vocabulary"]:
        hidden = self._hidden.part(rows, positions)

        def inject(index: int, arriving: Tensor, arguments: Arguments) -> Any:  # noqa: ARG001
            return self._dress(hidden if index + 1 == len(self._modules) else arriving)

        with stubbed(self._modules, inject):
            output = self.model(input_ids=self.tokens[rows, positions].to(self.device), use_cache=False)
        return output.logits

    def _parts(self, budget: int) -> Iterator[tuple[slice, slice]]:
        """Rectangles of sequences x positions whose logits fit the budget."""
        n_sequences, n_positions = len(self.tokens), max(1, budget // self.model.config.get_text_config().vocab_size)
        wide = min(n_positions, self.length)
        high = max(1, n_positions // self.length)
        for top in range(0, n_sequences, high):
            for left in range(0, self.length, wide):
                yield slice(top, min(top + high, n_sequences)), slice(left, min(left + wide, self.length))

    @torch.no_grad()
    def _call(self, block: nn.Module, rows: slice) -> Float[Tensor, "batch length features"]:
        inputs = self._hidden.read(rows)
        version = self._hidden.version()
        with fast_products(self.device, inputs.dtype) if self._fast else nullcontext():
            returned = self._arguments[len(inputs)][self._n_done].call(block, inputs)
        outputs = returned[0] if self._rest is not None else returned
        if self._hidden.version() != version:
            raise UnsupportedModel(f"{type(block).__name__} overwrites the hidden states it is handed")
        if outputs.shape != inputs.shape or outputs.dtype != inputs.dtype:
            raise UnsupportedModel(
                f"{type(block).__name__} turns {inputs.dtype} {tuple(inputs.shape)} "
                f"into {outputs.dtype} {tuple(outputs.shape)}"
            )
        return outputs

    def _dress(self, hidden: Tensor) -> Any:
        """Hidden states as a block of this family returns them."""
        return hidden if self._rest is None else (hidden, *self._rest)

    def _beside_hidden(self, few: Int[Tensor, "1 some"]) -> tuple[Any, ...] | None:
        """Run the first block once to see what blocks return: None for a tensor, else the rest of the tuple."""
        first = rehearse(self.model, self._modules[:1], few, lambda hidden: hidden)
        with resident(self._modules[0].modules(), self.device):
            returned = first.arguments[0].call(self._modules[0], first.hidden)
        return tuple(returned[1:]) if isinstance(returned, tuple) else None

    def _check_arguments(self, few: Int[Tensor, "1 some"]) -> None:
        """Raise UnsupportedModel if what blocks are handed depends on the text."""
        one, other = (rehearse(self.model, self._modules, some, self._dress) for some in (few, few.roll(1, 1)))
        self._refuse_difference(one, other)

    def _embed(self) -> Hidden:
        """Hidden states before the first block, and the arguments for each size of batch."""
        hidden: Hidden | None = None
        known: dict[int, Rehearsal] = {}
        for rows in self.batches:
            batch = rehearse(self.model, self._modules, self.tokens[rows].to(self.device), self._dress)
            self._refuse_difference(known.setdefault(len(batch.hidden), batch), batch)
            if hidden is None:
                shape = (len(self.tokens), *batch.hidden.shape[1:])
                hidden = Hidden(shape, batch.hidden.dtype, self.device)
            hidden.write(rows, batch.hidden)
        self._arguments = {size: batch.arguments for size, batch in known.items()}
        assert hidden is not None
        return hidden

    def _refuse_difference(self, a: Rehearsal, b: Rehearsal) -> None:
        if difference := a.difference(b):
            raise UnsupportedModel(
                f"{type(self.model).__name__}: {difference}, which varies from sequence to sequence; "
                "blocks can be streamed only where their arguments are the same for every sequence"
            )

    def _check_current(self, block: nn.Module) -> None:
        if self._n_done >= len(self._modules) or block is not self._modules[self._n_done]:
            raise RuntimeError(f"the current block is number {self._n_done}; that is not the one asked for")


def default_batch(length: int, device: torch.device) -> int:
    """Sequences in a forward: 512 tokens on a CPU, whose caches hold their activations, 16384 elsewhere."""
    return max(1, (512 if device.type == "cpu" else 16384) // length)


def _exhaust(passing: Iterator[Any]) -> None:
    for _ in passing:
        pass
