"""What went wrong with a model, told in words for the one who named it."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class ModelError(RuntimeError):
    """A model that cannot be found, fetched or loaded: which, why, and what to do."""


@contextmanager
def told(doing: str, folder: Path) -> Iterator[None]:
    """Tell a full or unwritable `folder` in words, with what was being done in it."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise ModelError(f"no space left in {folder} while {doing}; make room or set XDG_CACHE_HOME") from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST):
            raise ModelError(
                f"cannot write in {folder} while {doing}; set XDG_CACHE_HOME to a folder of yours"
            ) from error
        raise
