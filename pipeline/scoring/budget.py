"""How many tokens go through the model at once; halved for good when memory runs out."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import torch

log = logging.getLogger(__name__)

Result = TypeVar("Result")

LEAST = 16
LOGITS = {"cpu": 2**26, "cuda": 2**29}
"""Logits held at once."""


class TooBig(MemoryError):
    """A single question doesn't fit into memory."""


@dataclass
class Budget:
    """tokens: padded ones of a forward. positions: whose logits are held at once."""

    tokens: int
    positions: int

    @classmethod
    def of(cls, device: torch.device, vocabulary: int) -> "Budget":
        """On a CPU small batches are as fast as large ones."""
        kind = "cpu" if device.type == "cpu" else "cuda"
        return cls(tokens=2048 if kind == "cpu" else 32768, positions=max(LEAST, LOGITS[kind] // vocabulary))

    def take(self, sizes: list[int]) -> int:
        """How many of the rows of these lengths (the first being the longest) go together: at least one."""
        return max(1, min(len(sizes), self.tokens // max(1, sizes[0])))

    def within(self, work: Callable[[], Result]) -> Result | None:
        """What `work` returns, or None where memory ran out: try again with less. Raises TooBig at the end of it."""
        try:
            return work()
        except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            if self.tokens <= LEAST:
                raise TooBig(f"a single question doesn't fit into memory: {error}") from error
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        self.tokens = max(LEAST, self.tokens // 2)
        self.positions = max(LEAST, self.positions // 2)
        log.warning("out of memory; going on with %d tokens at once", self.tokens)
        return None


def is_out_of_memory(error: BaseException) -> bool:
    """torch says it in several ways; on a CPU as a RuntimeError."""
    told = str(error).lower()
    return isinstance(error, (torch.OutOfMemoryError, MemoryError)) or any(
        words in told for words in ("out of memory", "not enough memory", "can't allocate memory")
    )
