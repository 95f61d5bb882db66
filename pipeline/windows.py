"""The held-out text that some measures read together: windows of several languages, one after the other.

tensor legend: sequences x length (tokens), languages x values, batch = some of the sequences
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Bool, Float, Float64, Int
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Windows:
    """Windows of one length, by language. special: ids of tokens that are no text (BOS, EOS, template tokens).

    Raises ValueError for windows of several lengths or of one token.
    """

    by_language: Mapping[str, Int[Tensor, "_ _"]]
    special: Collection[int] = ()

    def __post_init__(self) -> None:
        lengths = {language: own.shape[1] for language, own in self.by_language.items()}
        if len(set(lengths.values())) != 1:
            told = ", ".join(f"{language} {length}" for language, length in lengths.items())
            raise ValueError(f"windows measured together need one length; found {told or 'none'}")
        if self.length < 2:
            raise ValueError("windows need at least 2 tokens: the first is never predicted")

    @property
    def languages(self) -> tuple[str, ...]:
        return tuple(self.by_language)

    @property
    def length(self) -> int:
        """Tokens in a window."""
        return int(next(iter(self.by_language.values())).shape[1])

    @cached_property
    def tokens(self) -> Int[Tensor, "sequences length"]:
        """All windows, in the order of the languages."""
        return torch.cat(list(self.by_language.values()))

    @cached_property
    def language_of(self) -> Int[Tensor, " sequences"]:
        """The language of each window, by its place in `languages`."""
        counts = torch.tensor([len(own) for own in self.by_language.values()])
        return torch.repeat_interleave(torch.arange(len(counts)), counts)

    @cached_property
    def textual(self) -> Bool[Tensor, "sequences length"]:
        """Which tokens are text: not special."""
        return ~torch.isin(self.tokens, torch.tensor(sorted(self.special), dtype=torch.int64))

    def n_tokens(self) -> dict[str, int]:
        """Tokens of each language."""
        return {language: own.numel() for language, own in self.by_language.items()}

    def rows(self, language: str) -> slice:
        """Where a language's windows are in `tokens`."""
        start = 0
        for name, own in self.by_language.items():
            if name == language:
                return slice(start, start + len(own))
            start += len(own)
        raise KeyError(language)

    def add(self, totals: Float64[Tensor, "languages n"], rows: slice, values: Float[Tensor, "batch n"]) -> None:
        """Add each sequence's values to its language's totals."""
        of = self.language_of[rows]
        if bool((of == of[0]).all()):
            totals[int(of[0])] += values.sum(dim=0) if len(values) > 1 else values[0]
        else:
            totals.index_add_(0, of.to(totals.device), values.to(totals.dtype))
