"""Greedy generation under a budget of tokens; a row that is finished leaves the batch.

Plain greedy: a checkpoint's own generation settings (repetition penalties, sampling) are not applied.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from pipeline.scoring.budget import Budget
from pipeline.scoring.request import Written, too_long
from pipeline.scoring.runner import Runner, left_padded


@dataclass(frozen=True)
class Wish:
    """Go on from `prompt` (tokens) until one of the strings `until` or the end token, `n_tokens` at most."""

    prompt: tuple[int, ...]
    until: tuple[str, ...]
    n_tokens: int


@dataclass
class _Row:
    index: int
    wish: Wish
    tokens: list[int] = field(default_factory=list)


class BrokenLogits(ArithmeticError):
    """The model's logits are not numbers."""


def generate(
    runner: Runner, tokenizer: PreTrainedTokenizerBase, wishes: Sequence[Wish], budget: Budget
) -> Iterator[dict[int, Written]]:
    """Generations by the index of their wish, a batch at a time. A prompt that leaves no room loses its beginning,
    as in lm-eval."""
    rows: list[_Row] = []
    faults: dict[int, Written] = {}
    for index, wish in enumerate(wishes):
        room = runner.context - wish.n_tokens
        if room < 1:
            faults[index] = Written("", too_long(wish.n_tokens, runner.context - 1, "an answer"))
        else:
            rows.append(_Row(index, Wish(wish.prompt[-room:], wish.until, wish.n_tokens)))
    if faults:
        yield faults
    rows.sort(key=lambda row: len(row.wish.prompt) + row.wish.n_tokens, reverse=True)
    while rows:
        n_rows = min(budget.take([len(row.wish.prompt) + row.wish.n_tokens for row in rows]), budget.positions)
        batch = [_Row(row.index, row.wish) for row in rows[:n_rows]]
        written = budget.within(lambda batch=batch: _write(runner, tokenizer, batch))  # type: ignore[misc]
        if written is not None:
            del rows[:n_rows]
            yield written


def _write(runner: Runner, tokenizer: PreTrainedTokenizerBase, rows: list[_Row]) -> dict[int, Written]:
    tokens, attended = left_padded([row.wish.prompt for row in rows])
    cache, ends = runner.new_cache(), end_tokens(runner.model, tokenizer)
    written: dict[int, Written] = {}
    while True:
        last = torch.zeros_like(tokens, dtype=torch.bool)
        last[:, -1] = True
        chosen = _choose(runner(tokens, attended, last, cache))
        going_on: list[int] = []
        for place, (row, token) in enumerate(zip(rows, chosen, strict=True)):
            row.tokens.append(token)
            text = str(tokenizer.decode(row.tokens, skip_special_tokens=True))
            stops = [at for stop in row.wish.until if stop and (at := text.find(stop)) >= 0]
            if stops or token in ends or len(row.tokens) == row.wish.n_tokens:
                written[row.index] = Written(text[: min(stops, default=len(text))])
            else:
                going_on.append(place)
        if not going_on:
            return written
        if len(going_on) < len(rows):
            kept = torch.tensor(going_on)
            cache.batch_select_indices(kept.to(runner.device))
            attended, rows = attended[kept], [rows[place] for place in going_on]
        tokens = torch.tensor([[row.tokens[-1]] for row in rows])
        attended = torch.cat([attended, torch.ones_like(tokens)], dim=1)


def _choose(logits: Float[Tensor, "rows vocabulary"]) -> list[int]:
    best, tokens = logits.float().max(dim=-1)
    if not bool(torch.isfinite(best).all()):
        raise BrokenLogits("the model's logits are not numbers")
    chosen: list[int] = tokens.tolist()
    return chosen


def end_tokens(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> set[int]:
    """The tokenizer's EOS, and those of the model's generation settings (Llama 3 ends a turn with another one)."""
    settings = getattr(model, "generation_config", None)
    own = getattr(settings, "eos_token_id", None)
    several = own if isinstance(own, list) else [own]
    return {token for token in (*several, tokenizer.eos_token_id) if isinstance(token, int)}
