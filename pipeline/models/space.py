"""Room on disk and what is happening to it: asked before anything large is fetched, told while it is."""

import logging
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.models.error import ModelError

MB = 1_000_000
EVERY_S = 10.0

log = logging.getLogger(__name__)


def require(folder: Path, n_bytes: int, what: str) -> None:
    """Raise ModelError unless `n_bytes` are free where `folder` is or will be."""
    there = next(parent for parent in (folder, *folder.parents) if parent.is_dir())
    free = shutil.disk_usage(there).free
    if free < n_bytes:
        raise ModelError(
            f"no space for {what}: {n_bytes / MB:,.0f} MB are needed in {folder}, {free / MB:,.0f} MB are free; "
            "make room, or set XDG_CACHE_HOME (HF_HOME for models of the hub) to a larger disk"
        )


@contextmanager
def growing(folder: Path, n_bytes: int, what: str) -> Iterator[None]:
    """Say every 10 s how much of `n_bytes` has arrived in `folder`, until the body is done."""
    done = threading.Event()
    before = _size(folder)

    def tell() -> None:
        while not done.wait(EVERY_S):
            log.info("%s: %.0f of %.0f MB", what, (_size(folder) - before) / MB, n_bytes / MB)

    thread = threading.Thread(target=tell, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _size(folder: Path) -> int:
    total = 0
    for file in folder.rglob("*"):
        try:
            total += 0 if file.is_symlink() else file.stat().st_size
        except OSError:  # it was renamed under us
            continue
    return total
