"""What the C library does with memory that was freed."""

import ctypes
from contextlib import suppress

KEPT, MAPPED = 128 * 2**20, 32 * 2**20
"""Bytes of freed memory that are kept at most, and from which on a piece is not kept (glibc's largest)."""

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""malloc.h"""


def keep_freed_memory() -> None:
    """Have glibc keep what it needs again at once, instead of giving it back to the system after every batch.

    By default it keeps twice the largest piece that was ever freed, which depends on what the process did before:
    blocks of SmolLM2 whose weights are mapped from a file took 1.2 times as long, for taking the same activations
    from the system page by page at each step. Other C libraries are left as they are.
    """
    with suppress(OSError, AttributeError):
        library = ctypes.CDLL(None)
        library.mallopt(M_TRIM_THRESHOLD, KEPT)
        library.mallopt(M_MMAP_THRESHOLD, MAPPED)
