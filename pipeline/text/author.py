"""The model as author: text sampled from it, many sequences side by side.

tensor legend: rows (sequences) x read (tokens that the cache holds), rows x vocabulary
"""

import random
from collections import deque
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field

import torch
from jaxtyping import Float, Int
from torch import Tensor

from pipeline.scoring.runner import Runner
from pipeline.text.document import TextError

N_SCHEDULED = 10
"""Tokens over which a document's temperature goes from its first to its final value."""


@dataclass(frozen=True)
class Style:
    """How documents are written.

    front: tokens read before each document and not kept (BOS, where the tokenizer puts one in front of a text).
    ends: tokens that end a document; they are kept.
    size: tokens that may be chosen, 0..size: those the tokenizer knows.
    temperature: see CalibrationSpec.
    """

    front: tuple[int, ...]
    ends: Collection[int]
    size: int
    temperature: tuple[float, float]

    def temperature_at(self, place: int) -> float:
        """t_i, i = `place`: how many tokens of the document were sampled before this one."""
        first, final = self.temperature
        return first + min(place / N_SCHEDULED, 1.0) * (final - first)


@dataclass
class Sheet:
    """A sequence under way. openings: tokens that its documents begin with, one after the other, without end.

    tokens: written so far; begins: where in them each document begins.
    """

    openings: Iterator[Sequence[int]]
    random: random.Random
    length: int
    tokens: list[int] = field(default_factory=list)
    begins: list[int] = field(default_factory=list)
    _given: deque[int] = field(default_factory=deque)
    _n_front: int = 0
    _n_sampled: int = 0

    def begin(self, front: Sequence[int]) -> int:
        """Begin a document; the token that the model reads first."""
        self.begins.append(len(self.tokens))
        self._given = deque([*front, *next(self.openings)])
        self._n_front, self._n_sampled = len(front), 0
        return self._next_given()

    @property
    def n_sampled(self) -> int:
        """Tokens of the present document that the model chose."""
        return self._n_sampled

    @property
    def chooses(self) -> bool:
        """Whether the next token is the model's choice, not the opening's."""
        return not self._given

    @property
    def full(self) -> bool:
        return len(self.tokens) == self.length

    def go_on(self, sampled: int) -> int:
        """The token that follows: what is left of the opening, else the one sampled."""
        if self._given:
            return self._next_given()
        self._n_sampled += 1
        self.tokens.append(sampled)
        return sampled

    def _next_given(self) -> int:
        token = self._given.popleft()
        if self._n_front:
            self._n_front -= 1
        else:
            self.tokens.append(token)
        return token


def write(runner: Runner, sheets: Sequence[Sheet], style: Style) -> Iterator[int]:
    """Fill the sheets, all side by side, a token of each at a time. Yields how many tokens are written.

    A document that ends before its sheet is full is followed by another, which sees nothing of what stands before it.
    Each sheet draws its own random numbers: but for rounding it does not depend on its neighbours. Raises TextError
    where the model's logits are not numbers.
    """
    rows = list(sheets)
    cache = runner.new_cache()
    current = torch.tensor([[row.begin(style.front)] for row in rows])
    attended = torch.zeros((len(rows), 0), dtype=torch.int64)
    while True:
        kept = [place for place, row in enumerate(rows) if not row.full]
        yield sum(len(sheet.tokens) for sheet in sheets)
        if not kept:
            return
        if len(kept) < len(rows):
            rows = [rows[place] for place in kept]
            current, attended = current[kept], attended[kept]
            if attended.shape[1]:
                cache.batch_select_indices(torch.tensor(kept, device=runner.device))
        attended = torch.cat([attended, torch.ones_like(current)], dim=1)
        logits = runner(current, attended, torch.ones_like(current, dtype=torch.bool), cache)
        sampled = _sample(logits[:, : style.size], rows, style)
        for place, row in enumerate(rows):
            chosen = row.chooses
            token = row.go_on(sampled[place])
            if chosen and token in style.ends and not row.full:
                token = row.begin(style.front)
                attended[place] = 0
            current[place] = token


def _sample(logits: Float[Tensor, "rows vocabulary"], rows: Sequence[Sheet], style: Style) -> list[int]:
    """A token for each row, by the inverse of the cumulated probabilities in float64."""
    temperatures = torch.tensor([style.temperature_at(row.n_sampled) for row in rows], dtype=torch.float64)
    scaled = logits.double() / temperatures.clamp(min=1e-9).to(logits.device)[:, None]
    cumulated = scaled.softmax(dim=-1).cumsum(dim=-1)
    if not bool(torch.isfinite(cumulated[:, -1]).all()):
        raise TextError("the model's logits are not numbers; another dtype may help")
    numbers = [[row.random.random() if row.chooses else 0.0] for row in rows]
    drawn = torch.tensor(numbers, dtype=torch.float64, device=logits.device)
    places = torch.searchsorted(cumulated, drawn * cumulated[:, -1:], right=True)
    chosen: Int[Tensor, "rows one"] = torch.where(
        (temperatures > 0).to(logits.device)[:, None], places, scaled.argmax(dim=-1, keepdim=True)
    )
    return [int(token) for token in chosen[:, 0].tolist()]
