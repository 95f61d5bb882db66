"""Who has results.duckdb open: told by the lock that DuckDB puts on the file, without opening the database.

DuckDB (local_file_system.cpp) locks the whole file with fcntl: F_RDLCK while read-only, F_WRLCK while read-write.
Such a lock is lost without a word as soon as its process closes *any* descriptor of the file. So this process must
not look while it has the file open itself: store/attach.py sees to that for what we open, and `holder` refuses to
look where /proc shows the file among this process's descriptors.
"""

import os
import struct
import sys
import time
from dataclasses import dataclass
from pathlib import Path

_LINUX = struct.Struct("hhqqi4x")  # l_type, l_whence, l_start, l_len, l_pid
_MACOS = struct.Struct("qqihh")  # l_start, l_len, l_pid, l_type, l_whence


@dataclass(frozen=True)
class Holder:
    """A process that has the store open; pid 0 where the system does not tell."""

    pid: int
    command: str
    read_write: bool

    def __str__(self) -> str:
        name = self.command or "another program"
        return f"{name} (process {self.pid})" if self.pid else name


def holder(path: Path, to_write: bool) -> Holder | None:
    """The first process whose lock keeps us from opening `path`, to write or to read. None where nobody does, where
    there is no such file, or where it cannot be told (Windows; this process has the file open)."""
    if sys.platform == "win32" or _open_here(path):
        return None
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return None
    try:
        return _ask(descriptor, to_write)
    except OSError:
        return None  # a file system without locks
    finally:
        os.close(descriptor)


def lasting_holder(path: Path, known: Holder | None, wait_s: float) -> Holder | None:
    """Who keeps us from reading `path` for longer than `wait_s` (an ingester is gone sooner). No wait for `known`."""
    deadline = time.monotonic() + wait_s
    while (found := holder(path, to_write=False)) is not None and found != known:
        if time.monotonic() >= deadline:
            break
        time.sleep(0.01)
    return found


def this_process(read_write: bool) -> Holder:
    """This process as a holder: another thread of it has the store open."""
    return Holder(os.getpid(), command_of(os.getpid()), read_write)


def command_of(pid: int) -> str:
    """A process's command line, shortened; '' where it cannot be read."""
    import psutil  # 15 ms that a reader does not spend before the first matrix

    try:
        process = psutil.Process(pid)
        words = process.cmdline() or [process.name()]
    except psutil.Error:
        return ""
    text = " ".join([Path(words[0]).name, *words[1:]])
    return text if len(text) <= 80 else text[:77] + "..."


def _ask(descriptor: int, to_write: bool) -> Holder | None:
    import fcntl

    wanted = fcntl.F_WRLCK if to_write else fcntl.F_RDLCK
    if sys.platform == "darwin":
        answer = fcntl.fcntl(descriptor, fcntl.F_GETLK, _MACOS.pack(0, 0, 0, wanted, os.SEEK_SET))
        _, _, pid, kind, _ = _MACOS.unpack(answer)
    else:
        answer = fcntl.fcntl(descriptor, fcntl.F_GETLK, _LINUX.pack(wanted, os.SEEK_SET, 0, 0, 0))
        kind, _, _, _, pid = _LINUX.unpack(answer)
    if kind == fcntl.F_UNLCK:
        return None
    return Holder(max(pid, 0), command_of(pid) if pid > 0 else "", kind == fcntl.F_WRLCK)


def _open_here(path: Path) -> bool:
    target = os.path.realpath(path)
    try:
        with os.scandir("/proc/self/fd") as descriptors:
            return any(_points_to(descriptor.path, target) for descriptor in descriptors)
    except FileNotFoundError:
        return False  # no /proc here


def _points_to(descriptor: str, target: str) -> bool:
    try:
        return os.readlink(descriptor) == target  # noqa: PTH115 - a Path costs ten times the call
    except OSError:
        return False
