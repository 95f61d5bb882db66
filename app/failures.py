"""From an error to one message and an exit code."""


class CommandError(Exception):
    """A mistake of the person at the keyboard, told in words."""


def message(error: BaseException) -> str | None:
    """What to tell of a foreseen error; None for a bug, which deserves its traceback.

    Foreseen are our own errors (a mistake in a grid, an unknown view, a store that can't be read) and what the
    operating system refuses: no space, no permission, no such folder.
    """
    if isinstance(error, (CommandError, *_own_errors())):
        return str(error)
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror or error}"
    return None


def _own_errors() -> tuple[type[Exception], ...]:
    """Imported only once something has gone wrong."""
    from pipeline.spec import GridError
    from store.errors import Busy, StoreError

    return (GridError, StoreError, Busy)
