"""`ingest`, `rebuild`, `merge` and `pack`: what store/ does, told in words."""

from pathlib import Path

from app.failures import CommandError
from app.start import runs_folder
from store.ingest import IngestReport

PATIENCE_S = 10.0
"""How long these commands wait for somebody else's writing or reading, which takes moments."""


def ingest(store: Path) -> None:
    """Move new segments into the store, or say who keeps us from it."""
    from store.ingest import ingest

    print(_told(store, ingest(store, runs_folder(store), wait_s=PATIENCE_S)))


def _told(store: Path, report: IngestReport) -> str:
    lines = [*report.quarantined, *report.waiting]
    if report.held_by is not None:
        raise CommandError(
            "\n".join(
                [
                    *lines,
                    f"{store} is open in {report.held_by}: nothing could be moved in. Nothing is lost; it "
                    "happens by itself when that program closes the file",
                ]
            )
        )
    if not report.elected:
        raise CommandError(f"another process is writing to {store}; it takes in what there is")
    moved = f"{report.n_segments} segments with {report.n_rows} rows moved into {store}."
    return "\n".join([*lines, moved if report.n_segments else f"{store} is up to date."])
