"""The model as a function of tokens with a cache: one call for every decoder family.

tensor legend: rows x length (tokens), scored positions x vocabulary
"""

import copy
import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from transformers import Cache, DynamicCache, PreTrainedModel

DEFAULT_CONTEXT = 2048


@dataclass(frozen=True, eq=False)
class Runner:
    """A model on a device that holds all of it."""

    model: PreTrainedModel
    device: torch.device

    @property
    def context(self) -> int:
        """Tokens that the model can read, continuation included."""
        config = self.model.config.get_text_config()
        for name in ("max_position_embeddings", "n_positions", "n_ctx", "max_seq_len"):
            if isinstance(length := getattr(config, name, None), int):
                return length
        return DEFAULT_CONTEXT

    @property
    def vocabulary(self) -> int:
        return int(self.model.config.get_text_config().vocab_size)

    def new_cache(self) -> Cache:
        """An empty cache of this model's layers."""
        return DynamicCache(config=self.model.config)

    @torch.inference_mode()
    def __call__(
        self,
        tokens: Int[Tensor, "rows length"],
        attended: Int[Tensor, "rows everything"],
        scored: Bool[Tensor, "rows length"],
        cache: Cache,
    ) -> Float[Tensor, "scored vocabulary"]:
        """Logits at the scored positions, row by row; the tokens are in `cache` afterwards.

        attended: 1 for each token of the cache and of `tokens` that is no padding.
        """
        length = tokens.shape[1]
        positions = (attended.cumsum(dim=1) - 1).clamp(min=0)[:, -length:]
        wanted = {"position_ids": positions.to(self.device)}
        accepted = inspect.signature(self.model.forward).parameters
        with _head_only_at(self.model.get_output_embeddings(), scored.to(self.device)):
            output = self.model(
                input_ids=tokens.to(self.device),
                attention_mask=attended.to(self.device),
                past_key_values=cache,
                use_cache=True,
                **{name: value for name, value in wanted.items() if name in accepted},
            )
        logits: Tensor = output.logits
        return logits[0]


def copy_of(cache: Cache) -> Cache:
    """A copy that shares its tensors until rows are selected or added."""
    other = copy.copy(cache)
    other.layers = [copy.copy(layer) for layer in cache.layers]
    return other


@contextmanager
def _head_only_at(head: nn.Module, scored: Tensor) -> Iterator[None]:
    """While open, the head sees hidden states at the scored positions alone; what the model does with logits
    afterwards (caps, scales) it does with these."""
    handle = head.register_forward_pre_hook(lambda _, arguments: (arguments[0][scored][None], *arguments[1:]))
    try:
        yield
    finally:
        handle.remove()


def left_padded(rows: list[tuple[int, ...]]) -> tuple[Int[Tensor, "rows length"], Int[Tensor, "rows length"]]:
    """Tokens with zeros in front of shorter rows, and 1 where there is a token."""
    length = max(map(len, rows))
    tokens = torch.tensor([(0,) * (length - len(row)) + tuple(row) for row in rows])
    attended = torch.tensor([(0,) * (length - len(row)) + (1,) * len(row) for row in rows])
    return tokens, attended


def right_padded(rows: list[tuple[int, ...]]) -> tuple[Int[Tensor, "rows length"], Int[Tensor, "rows length"]]:
    """Tokens with zeros behind shorter rows, and 1 where there is a token."""
    length = max(map(len, rows))
    tokens = torch.tensor([tuple(row) + (0,) * (length - len(row)) for row in rows])
    attended = torch.tensor([(1,) * len(row) + (0,) * (length - len(row)) for row in rows])
    return tokens, attended
