"""The `calib-explorer` command: where every error becomes one message and an exit code.

Exit codes: 0 done, 1 some runs failed (`run`) or something is wrong (`doctor`), 2 bad input,
75 somebody else is running the grid, 130 interrupted.
"""

import os
import sys

BAD_INPUT = 2
INTERRUPTED = 130
READER_GONE = 141
"""128 + SIGPIPE: what a shell reports of a program whose reader (`| head`) went away."""


def main() -> int:
    """The console script. Nothing is imported here that opening the explorer does not need."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    try:
        _obey(sys.argv[1:])
    except SystemExit as ending:
        return _end(ending.code)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        return _reader_gone()
    except Exception as error:
        from app.failures import message

        if (text := message(error)) is None:
            raise
        print(f"calib-explorer: {text}", file=sys.stderr)
        return BAD_INPUT
    return _end(0)


def _obey(arguments: list[str]) -> None:
    from app.start import Opening, open_explorer

    opening = Opening.read(arguments)
    if opening is not None:
        open_explorer(opening)
        return
    from app.commands import command

    command(arguments)


def _end(code: int | str | None) -> int:
    """Flush here, where a reader that went away can still be met quietly."""
    if isinstance(code, str):
        print(code, file=sys.stderr)
        return BAD_INPUT
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        return _reader_gone()
    return code or 0


def _reader_gone() -> int:
    """Python flushes standard output once more at exit: give it a place where that succeeds."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return READER_GONE


if __name__ == "__main__":
    sys.exit(main())
