"""What a worker is asked to do: wait for the device, hold the runs, and do them."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

from pipeline.attempt import Attempt
from pipeline.company import Member, keep_company
from pipeline.devices import Device, bind, bound, holders, try_claim
from pipeline.engine import Ended, Told
from pipeline.plan import outstanding
from pipeline.progress import Course, Pace, Report
from pipeline.spec import RunSpec
from pipeline.spec.grid import Wanted
from pipeline.stages import Stage
from pipeline.worker import failure
from store.errors import Busy
from store.folders import RunFolder


def execute(
    company: Mapping[str, tuple[RunSpec, tuple[Stage, ...]]],
    wanted: tuple[Wanted, ...],
    runs: Path,
    grid: str,
    allowed: tuple[Device, ...],
    threads: int,
    command: str,
) -> Iterator[Told | Ended]:
    """Do what is missing of some runs of one model. One that somebody else is working on ends with the failure Busy.

    company: by run id, the run and the stages that the driver expects, in seconds, for its own estimate.
    """
    while (claim := try_claim(bound(allowed), f"grid {grid}", patience_s=1.0)) is None:
        detail = f"waiting for the device, which {holders(bound(allowed))} uses"
        for run_id in company:
            yield Told(run_id, Report("load", detail=detail, waiting=True))
    with claim as device, ExitStack() as locks:
        bind(device)
        attempts: list[Attempt] = []
        for run_id, (run, stages) in company.items():
            folder = RunFolder.at(runs, run_id)
            try:
                locks.enter_context(folder.lock())
            except Busy as busy:
                yield Ended(run_id, failure(busy))
                continue
            if (todo := outstanding(run, wanted, folder)) is None:
                yield Ended(run_id)
                continue
            attempts.append(Attempt(folder, todo, grid, Course(stages, Pace())))
        courses = [attempt.course for attempt in attempts]
        for attempt in attempts:
            attempt.company = courses
        yield from keep_company([Member(each, each.reports(device, threads, command)) for each in attempts])
