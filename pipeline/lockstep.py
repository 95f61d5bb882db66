"""Several variants of one model (dense, pruned) walking through its blocks together over the same text.

Variants differ in the weights of the linears inside blocks and in nothing else. The model is loaded once: while a
variant's batch runs through the current block, the block's linears wear that variant's weights (a change of
references, and on an accelerator a second copy of the one block that is there). So every measure of a text sees all
variants of a batch side by side, and of hidden states only those between two blocks exist.

tensor legend: sequences x length (tokens), batch = some of the sequences, features (of a hidden state)
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from transformers import PreTrainedModel

from pipeline.anatomy import linears
from pipeline.stream import BlockStream, Logits

Weights = Mapping[str, Tensor]
"""Weights by the dotted paths of linears in the model ("model.layers.0.mlp.up_proj")."""


class LockStep:
    """Iterate over it for the blocks; the body takes the batches from `advance()`, all of them, once:

        for index, (path, block) in enumerate(walk := LockStep(model, {"own": None, "dense": dense}, ...)):
            for rows, outputs in walk.advance():
                ...                                  # outputs["own"], outputs["dense"]
        for part in walk.logits("own"):
            ...

    variants: by name, weights of linears, all of those that differ from the model's own; None: the model as it is.
    first_row: the place of the first sequence in a longer text that is walked in parts; rows count from there.
    running, rows: the variant whose forward runs now, and its rows of the text: for hooks.
    Raises UnsupportedModel and ValueError as BlockStream does.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        variants: Mapping[str, Weights | None],
        tokens: Int[Tensor, "sequences length"],
        device: torch.device,
        batch: int | None = None,
        first_row: int = 0,
    ) -> None:
        first = BlockStream(model, tokens, device, batch)
        self.streams = {name: first if place == 0 else first.twin() for place, name in enumerate(variants)}
        self.variants, self.device, self.first_row = variants, device, first_row
        self.paths = list(first.blocks)
        self.running = ""
        self.rows = slice(0, 0)
        self._worn: dict[str, list[tuple[nn.Linear, Tensor]]] = {}

    @property
    def n_features(self) -> int:
        """Width of the hidden states."""
        return int(next(iter(self.streams.values())).n_features)

    def __iter__(self) -> Iterator[tuple[str, nn.Module]]:
        for path, blocks in zip(self.paths, zip(*self.streams.values(), strict=True), strict=True):
            block: nn.Module = blocks[0]
            self._worn = {name: self._fetched(path, block, weights) for name, weights in self.variants.items()}
            yield path, block
            self._worn = {}

    def advance(self) -> Iterator[tuple[slice, dict[str, Float[Tensor, "batch length features"]]]]:
        """Every batch through the current block in all variants. Yields rows, and outputs by variant."""
        passings = {name: stream.advance() for name, stream in self.streams.items()}
        for rows in next(iter(self.streams.values())).batches:
            self.rows = self._shifted(rows)
            outputs = {}
            for name, passing in passings.items():
                with self._wearing(name):
                    _, outputs[name] = next(passing)
            yield self.rows, outputs
        for passing in passings.values():
            next(passing, None)  # so that it notes its end

    def logits(self, variant: str) -> Iterator[tuple[float, Logits]]:
        """The model's norm and head over a variant's last block, each part with the share done by then."""
        stream = self.streams[variant]
        for part in stream.logits():
            done = (part.rows.stop - 1 + part.positions.stop / stream.length) / len(stream.tokens)
            yield done, replace(part, rows=self._shifted(part.rows))

    def head_share(self, times: int) -> float:
        """What part of the work the head is when it is applied to `times` variants, by its weights."""
        stream = next(iter(self.streams.values()))
        head = times * stream.model.get_output_embeddings().weight.numel()
        blocks = sum(weight.numel() for block in stream.blocks.values() for weight in block.parameters())
        return head / (head + blocks * len(self.streams))

    def weight(self, variant: str, linear: nn.Linear) -> Float[Tensor, "rows columns"]:
        """A variant's weight of a linear of the current block, on the device."""
        return next((weight for other, weight in self._worn[variant] if other is linear), linear.weight.data)

    def _shifted(self, rows: slice) -> slice:
        return slice(rows.start + self.first_row, rows.stop + self.first_row)

    def _fetched(self, path: str, block: nn.Module, weights: Weights | None) -> list[tuple[nn.Linear, Tensor]]:
        """The block's linears with the weights to wear: only those that the variant has."""
        own = [(linear, linear.weight.data) for linear in linears(block).values()]
        if weights is None:
            return own
        named = {f"{path}.{name}": linear for name, linear in linears(block).items()}
        return [(named[key], weights[key].to(self.device)) for key in named if key in weights]

    @contextmanager
    def _wearing(self, variant: str) -> Iterator[None]:
        before = [(linear, linear.weight.data) for linear, _ in self._worn[variant]]
        self.running = variant
        try:
            for linear, weight in self._worn[variant]:
                linear.weight.data = weight
            yield
        finally:
            self.running = ""
            for linear, weight in before:
                linear.weight.data = weight
