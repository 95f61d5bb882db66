"""One line of `calib-explorer doctor`."""

from dataclasses import dataclass
from typing import Literal

Status = Literal["ok", "warn", "fail"]

GIB = 1024**3


@dataclass(frozen=True)
class Finding:
    """What was looked at, how it stands, what was seen, and what to do where it is not ok."""

    subject: str
    status: Status
    seen: str
    advice: str = ""


def gib(n_bytes: float) -> str:
    """Bytes in GiB, for reading."""
    return f"{n_bytes / GIB:.1f} GiB"
