"""Writing files so that a reader, a crash or a full disk never meets half of one."""

import errno
import os
from pathlib import Path


def write_durably(path: Path, data: bytes) -> None:
    """Write `data` under a hidden temporary name, force it to disk, rename it to `path`, force the folder to disk.

    When this returns, `path` survives a power cut. When it raises OSError, `path` is as it was and no temporary
    file is left.
    """
    temporary = _write_beside(path, data, durable=True)
    temporary.replace(path)
    sync_folder(path.parent)


def write_atomically(path: Path, data: bytes) -> None:
    """Like write_durably but without forcing anything to disk: for files that are written again in a second."""
    _write_beside(path, data, durable=False).replace(path)


def sync_folder(folder: Path) -> None:
    """Force a folder's entries to disk. Folders cannot be opened for this on Windows, where it does nothing."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def no_space(error: OSError) -> bool:
    """Whether an OSError means that the disk or the quota is full."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT)


def _write_beside(path: Path, data: bytes, durable: bool) -> Path:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            if durable:
                os.fsync(file.fileno())
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return temporary
