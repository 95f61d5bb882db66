"""The base of every value read from a grid file: frozen, closed to unknown keys, hashable to an id."""

import hashlib
import json
from difflib import get_close_matches

from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    """A value that never changes and knows no other keys than its own."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def canonical(self) -> str:
        """What was set, as JSON with sorted keys. Values equal to their default are left out, so that a
        field added later with a default leaves old ids alone. A default, once released, never changes."""
        return json.dumps(self.model_dump(mode="json", exclude_defaults=True), sort_keys=True, ensure_ascii=False)


def digest(text: str, length: int = 10) -> str:
    """The first `length` hexadecimal digits of the SHA-256 of `text`."""
    return hashlib.sha256(text.encode()).hexdigest()[:length]


def nearest(name: str, valid: list[str]) -> str:
    """A sentence's end that offers the nearest valid name, or all of them."""
    close = get_close_matches(name, valid, n=1, cutoff=0.5)
    return f"did you mean '{close[0]}'?" if close else f"valid: {', '.join(valid)}"
