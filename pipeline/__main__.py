"""The headless pipeline: python -m pipeline GRID."""

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.outcome import BAD_INPUT, DONE, INTERRUPTED
from pipeline.spec import Grid, GridError

if TYPE_CHECKING:
    from pipeline.driver import Options

EXAMPLES = """
examples:
  python -m pipeline demo                      the demo: a small model, seven languages, a few minutes
  python -m pipeline table-1.toml              a grid of your own; results in ./results.duckdb and ./runs
  python -m pipeline table-1.toml --store /data/llama/results.duckdb --device cuda:1
  python -m pipeline table-1.toml --retry-failed
  python -m pipeline demo --model demo-gemma   the same grid of another model
  python -m pipeline table-1.toml --dry-run    what that would do and take: runs, memory, disk, time

The same command again does only what is missing: after Ctrl-C, a crash, or a change of the measures.

exit codes: 0 all done, 1 some runs failed, 2 bad input, 75 somebody else is running the grid, 130 interrupted
"""


def main(arguments: list[str] | None = None) -> int:
    """Parse, load the grid, drive it; every error is one message and an exit code."""
    options = _parser().parse_args(arguments)
    try:
        return _drive(options)
    except KeyboardInterrupt:
        return INTERRUPTED
    except GridError as error:
        return _complain(str(error))


def _drive(options: argparse.Namespace) -> int:
    from pipeline import screen
    from pipeline.devices import DeviceError
    from pipeline.driver import Options, drive
    from pipeline.launch import named
    from store.errors import StoreError

    grid = named(options.grid, tuple(options.model))
    chosen = Options(
        store=options.store.absolute(),
        device=options.device,
        threads=options.threads,
        workers=options.workers,
        together=options.together,
        retry_failed=options.retry_failed,
    )
    if options.dry_run:
        return _foresee(grid, chosen, as_json=options.json)
    shown = screen.choose(quiet=options.quiet, as_json=options.json)
    try:
        return drive(grid, chosen, shown)
    except (DeviceError, StoreError) as error:
        return _complain(str(error))
    except OSError as error:
        return _complain(f"cannot write in {chosen.store.parent}: {error.strerror or error}: {error.filename or ''}")
    finally:
        shown.close()


def _foresee(grid: Grid, chosen: "Options", *, as_json: bool) -> int:
    from pipeline.devices import DeviceError
    from pipeline.forecast.dry_run import dry_run

    try:
        dry_run(grid, chosen, as_json=as_json)
    except DeviceError as error:
        return _complain(str(error))
    return DONE


def _complain(message: str) -> int:
    print(message, file=sys.stderr)
    return BAD_INPUT


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m pipeline",
        description="Prune the models of a grid file with its calibration texts, measure them, write results.duckdb.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("grid", metavar="GRID", help="a grid file (TOML), or 'demo'")
    parser.add_argument(
        "--store",
        type=Path,
        default=Path("results.duckdb"),
        help="where results go; run folders lie in runs/ beside it",
    )
    parser.add_argument(
        "--model",
        action="append",
        default=[],
        help="this model in place of the grid's (again for more): 'demo-gemma', a hub id, id@revision, a directory",
    )
    parser.add_argument("--threads", type=_positive, help="CPU threads of a worker (default: all cores)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, or cuda:N (default: auto)")
    parser.add_argument("--workers", type=_positive, help="runs at the same time (default: one a GPU; one on a CPU)")
    parser.add_argument("--dry-run", action="store_true", help="say what would be done and what it takes; do nothing")
    parser.add_argument(
        "--together",
        type=_positive,
        metavar="K",
        help="pruned models measured beside one pass of the dense one (default: up to 4, as memory allows)",
    )
    parser.add_argument("--retry-failed", action="store_true", help="try runs again that failed in an earlier call")
    parser.add_argument("--quiet", action="store_true", help="say nothing but errors")
    parser.add_argument("--json", action="store_true", help="progress and messages as JSON, one object a line")
    return parser


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is no number of at least 1")
    return int(text)


if __name__ == "__main__":
    sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]
    code = main()
    try:
        sys.stdout.flush()
    except OSError:  # nobody reads any more
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(code)
