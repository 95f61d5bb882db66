"""Units of work for the tests of the engine: importable by its workers, without torch."""

import logging
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path


def count(n: int) -> Iterator[int]:
    yield from range(n)


def who() -> Iterator[int]:
    yield os.getpid()


def talk(text: str) -> Iterator[int]:
    logging.getLogger("pipeline.toy").info(text)
    logging.getLogger("pipeline.toy").warning(text.upper())
    logging.getLogger("pipeline.toy").error("the traceback")
    logging.getLogger("elsewhere").warning("noise")
    yield 0


def fail(message: str) -> Iterator[int]:
    yield 0
    raise ValueError(message)


def die() -> Iterator[int]:
    yield 0
    os.kill(os.getpid(), signal.SIGKILL)


def sleep(mark: Path, deaf: bool = False) -> Iterator[int]:
    """Runs until it is stopped; leaves a file where it was stopped politely."""
    if deaf:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        yield os.getpid()
        time.sleep(60)
    finally:
        mark.touch()


def disguise() -> Iterator[int]:
    """Runs until it is stopped, and tells that as a failure of its own, as native code may."""
    try:
        yield os.getpid()
        time.sleep(60)
    except BaseException as error:
        raise TypeError("not a data type") from error
