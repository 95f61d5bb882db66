"""What is scored, and what comes out."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Request:
    """How likely is `continuation` after `prompt`? Both in tokens; requests of one prompt share its computation."""

    prompt: tuple[int, ...]
    continuation: tuple[int, ...]

    @property
    def n_tokens(self) -> int:
        return len(self.prompt) + len(self.continuation)


@dataclass(frozen=True)
class Scored:
    """The log-likelihood of a continuation in nats, and whether greedy decoding would give it.

    fault: why there is none; then `nats` is -inf.
    """

    nats: float
    greedy: bool
    fault: str = ""


@dataclass(frozen=True)
class Written:
    """A generation, without what stopped it. fault: why there is none."""

    text: str
    fault: str = ""


def too_long(n_tokens: int, context: int, what: str) -> str:
    """The fault of what doesn't fit into the model's context."""
    return f"{what} of {n_tokens} tokens is longer than the model's context of {context}"


NO_LIKELIHOOD = -math.inf
