"""Freed memory is kept, so that taking it again costs no page faults."""

import ctypes
import subprocess
import sys

import pytest

from pipeline.allocator import keep_freed_memory

SCRIPT = """
import ctypes, mmap, resource, sys
from pipeline.allocator import keep_freed_memory
if sys.argv[1] == "kept":
    keep_freed_memory()
library = ctypes.CDLL(None)
library.malloc.restype, library.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
library.free.argtypes = [ctypes.c_void_p]
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
pieces = [library.malloc(3 * 2**20) for _ in range(8)]
for _ in range(10):
    for piece in pieces:
        ctypes.memset(piece, 1, 3 * 2**20)
        library.free(piece)
    pieces = [library.malloc(3 * 2**20) for _ in range(8)]
print((resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) * mmap.PAGESIZE / 2**20)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's")
def test_freed_memory_is_taken_again_without_page_faults() -> None:
    """Ten times 24 MiB: kept, they come from the system once; without that, as often as they are asked for."""
    kept, default = (faulted(way) for way in ("kept", "default"))
    assert kept < 30
    assert default > 150


def faulted(way: str) -> float:
    """MiB that were taken from the system."""
    done = subprocess.run([sys.executable, "-c", SCRIPT, way], capture_output=True, text=True, check=True)
    return float(done.stdout)


def test_other_c_libraries_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _: object())
    keep_freed_memory()
