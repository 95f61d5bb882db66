"""Locks of the operating system on files: given back by the kernel when their process dies, however it dies."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from store.errors import Busy

_PATIENCE_S = 0.5
"""How long a claim waits: a reader's look at a lock (`held`) holds it for microseconds."""


@contextlib.contextmanager
def claim(path: Path, what: str) -> Iterator[None]:
    """Hold the lock file `path`. Raises Busy, naming `what`, when another process holds it."""
    lock = FileLock(path, thread_local=False)
    try:
        lock.acquire(timeout=_PATIENCE_S, poll_interval=0.01)
    except Timeout:
        raise Busy(f"{what} is held by another process (lock {path})") from None
    try:
        yield
    finally:
        lock.release()


def held(path: Path) -> bool:
    """Whether some process (this one too) holds the lock file `path`."""
    if not path.exists():
        return False
    try:
        with FileLock(path, thread_local=False).acquire(timeout=0):
            return False
    except Timeout:
        return True
    except OSError:
        return False  # a folder that cannot be written: nobody can run there either
