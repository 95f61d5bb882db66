"""`ingest`, `rebuild`, `merge` and `pack`: what store/ does, told in words."""

from pathlib import Path

from app.failures import CommandError
from app.start import runs_folder
from store.intake import IngestReport

PATIENCE_S = 10.0
"""How long `ingest` waits for somebody else's reading or writing, which takes moments."""


def ingest(store: Path) -> None:
    """Move new segments into the store, or say who keeps us from it."""
    from store.ingest import ingest

    report = ingest(store, _runs_beside(store), wait_s=PATIENCE_S)
    if report.held_by is not None:
        raise CommandError(
            f"{store} is open in {report.held_by}: nothing was moved in, and nothing is lost: it happens by itself "
            "when that program closes the file"
        )
    if not report.elected:
        raise CommandError(f"another process is writing to {store}; it takes in what there is")
    print(f"Moved {_amount(report)} into {store}." if report.n_segments else f"{store} is up to date.")
    _print_trouble(report)


def rebuild(store: Path) -> None:
    """Make the store afresh."""
    from store.rebuild import rebuild

    runs = _runs_beside(store)
    print(f"Reading {runs} ...", flush=True)
    done = rebuild(store, runs)
    print(f"Made {store} from {_amount(done.report)}.")
    if done.kept is not None:
        print(f"The old one is {done.kept}; delete it when you don't need it any more.")
    _print_trouble(done.report)


def merge(store: Path, other: Path) -> None:
    """Bring another machine's results in."""
    from store.merge import merge

    if not other.exists():
        raise CommandError(f"no file or folder {other}; give another machine's results.duckdb or runs folder")
    print(f"Reading {other} ...", flush=True)
    done = merge(store, _runs_beside(store), other)
    if done.n_segments:
        print(f"Brought in {_plural(done.n_segments, 'segment')} of {_plural(done.n_runs, 'run')} from {other}.")
    else:
        print(f"Everything in {other} is here already.")
    _print_trouble(done.report)


def pack(store: Path, file: Path, masks: bool) -> None:
    """Make one file to share."""
    from store.pack import pack

    runs = runs_folder(store)
    if not store.exists() and not runs.is_dir():
        raise CommandError(f"neither {store} nor {runs} is there: nothing to pack")
    print(f"Packing {store} ...", flush=True)
    done = pack(store, runs, file, masks)
    extra = f", with the masks of {_plural(done.n_masks, 'run')}" if masks else ""
    print(f"Wrote {done.file}, {done.n_bytes / 1e6:.1f} MB{extra}.")
    if not masks:
        print(f"Whoever gets it: calib-explorer --store {done.file}, or any DuckDB client from 1.2 on.")
    _print_trouble(done.report)


def _runs_beside(store: Path) -> Path:
    """Raises CommandError for a store in a folder that is not there: a slip of the pen."""
    if not store.absolute().parent.is_dir():
        raise CommandError(f"no folder {store.absolute().parent} for {store.name} to be in")
    return runs_folder(store)


def _amount(report: IngestReport) -> str:
    return f"{_plural(report.n_segments, 'segment')} with {_plural(report.n_rows, 'row')}"


def _plural(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _print_trouble(report: IngestReport) -> None:
    for line in (*report.repaired, *report.quarantined, *report.waiting):
        print(f"Note: {line}")
