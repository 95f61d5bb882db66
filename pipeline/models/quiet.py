"""The progress bars of transformers and the hub's client, off for the length of a `with`."""

from collections.abc import Iterator
from contextlib import contextmanager

from transformers.utils import logging as bars


@contextmanager
def no_progress_bars() -> Iterator[None]:
    """A log has no use for bars; what is being done is said through `logging` instead."""
    were_on = bars.is_progress_bar_enabled()
    bars.disable_progress_bar()  # the hub's too
    try:
        yield
    finally:
        if were_on:
            bars.enable_progress_bar()
