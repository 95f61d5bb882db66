"""Who computed a number, with what, where: the facts of a run's record that are not its settings. Torch-free
to import: versions are read from the installed packages' metadata."""

import getpass
import os
import platform
import resource
import socket
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = (
    "calib-explorer", "torch", "transformers", "tokenizers", "safetensors", "datasets", "duckdb", "polars", "numpy",
)  # fmt: skip


@dataclass(frozen=True)
class Checkout:
    """The state of the program's own source tree; commit None where it is no git checkout."""

    commit: str | None
    dirty: bool | None


def versions() -> dict[str, str]:
    """Python, the system and the packages that decide numbers, by name."""
    found = {"python": platform.python_version(), "platform": platform.platform()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


@cache
def checkout() -> Checkout:
    """Commit of the program's checkout and whether tracked files differ from it."""
    folder = Path(__file__).resolve().parent.parent
    if not (folder / ".git").exists():
        return Checkout(None, None)
    commit = _git(folder, "rev-parse", "HEAD")
    status = _git(folder, "status", "--porcelain", "--untracked-files=no")
    return Checkout(commit, None if status is None else bool(status))


def username() -> str:
    """The user's name, or their number where the system has no name for it."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid()) if hasattr(os, "getuid") else ""


def host() -> str:
    """This machine's name."""
    return socket.gethostname()


def reset_peak_memory() -> None:
    """Start counting peak memory anew, where the system can (Linux), so that a worker's runs don't inherit it."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    if (torch := sys.modules.get("torch")) is not None and torch.cuda.is_initialized():
        torch.cuda.reset_peak_memory_stats()


def peak_memory_bytes(*, on_gpu: bool) -> int:
    """The largest resident size of this process since the last reset, or the most that torch took on the GPU."""
    if on_gpu:
        return int(sys.modules["torch"].cuda.max_memory_allocated())
    with suppress(OSError, StopIteration):
        lines = Path("/proc/self/status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
