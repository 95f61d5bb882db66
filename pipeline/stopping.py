"""Being asked to stop: an exception wherever the process is just then, and a note that it was so.

The note is for what stands in between: a library that was interrupted in its own native code may tell the exception
as one of its own (polars: "TypeError: ... is not a Polars data type"). That is no failure of the run.
"""

from types import FrameType


class Stopped(BaseException):
    """A worker is asked to give up politely. Not an Exception, so that no handler of failures swallows it."""


_asked: list[int] = []


def stop(number: int, _frame: FrameType | None) -> None:
    """A signal's handler. Raises Stopped."""
    _asked.append(number)
    raise Stopped


def is_asked() -> bool:
    """Whether this process was asked to stop: an exception after that is the stopping's."""
    return bool(_asked)
