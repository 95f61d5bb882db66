"""What a grid would do and take. Nothing is written, fetched or started."""

import json
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from functools import partial

from pipeline import devices
from pipeline.anatomy import UnsupportedModel
from pipeline.driver import Options, threads_of
from pipeline.forecast import disk, memory
from pipeline.forecast.disk import Disk
from pipeline.forecast.duration import past
from pipeline.forecast.place import place
from pipeline.forecast.shape import shape
from pipeline.models import ModelError
from pipeline.outcome import plural
from pipeline.plan import Plan, Todo, n_measurements, plan
from pipeline.room import room
from pipeline.screen import duration
from pipeline.spec import Dense, Grid
from pipeline.stages import Machine
from pipeline.together import company, walks


@dataclass(frozen=True)
class Needs:
    """What the runs of a model take.

    memory: of a worker on a CPU, beside mapped files (see memory.py). problem: why it is not known, or why the runs
        will fail; "" where it is known.
    """

    model: str
    n_runs: int
    memory: int
    disk: Disk
    problem: str = ""


@dataclass(frozen=True)
class Forecast:
    """n_there, n_missing: measurements. store: bytes of a new results.duckdb. seconds: None where no finished run
    says anything; n_past: those that do."""

    grid: str
    todo: dict[str, list[str]]
    there: list[str]
    failed: dict[str, str]
    n_there: int
    n_missing: int
    needs: tuple[Needs, ...]
    store: int
    seconds: float | None
    n_past: int


def dry_run(grid: Grid, options: Options, *, as_json: bool) -> None:
    """Say it. Raises DeviceError."""
    found = forecast(grid, options)
    if as_json:
        print(json.dumps(asdict(found), ensure_ascii=False))
    else:
        sys.stdout.writelines(f"{line}\n" for line in lines(found))


def forecast(grid: Grid, options: Options) -> Forecast:
    """Raises DeviceError."""
    allowed = devices.choose(options.device, options.workers)
    machine = Machine(allowed[0].kind, threads_of(options, allowed))
    planned = plan(grid, options.runs, retry_failed=options.retry_failed)
    earlier = past(options.runs, machine) if planned.todo else None
    width = min(options.workers or len(allowed), len(allowed))
    most = partial(_most, options, machine.kind, width)
    return Forecast(
        grid=grid.name,
        todo={each.run.run_id: list(_open(each)) for each in planned.todo},
        there=[run.run_id for run in planned.done],
        failed=planned.failed,
        n_there=planned.n_measurements,
        n_missing=sum(n_measurements((*each.missing, *each.tasks)) for each in planned.todo),
        needs=tuple(_needs(planned, most, width)),
        store=0 if options.store.exists() else disk.STORE,
        seconds=earlier.seconds(planned.todo, machine, width) if earlier else None,
        n_past=earlier.n_runs if earlier else 0,
    )


def _open(todo: Todo) -> Iterator[str]:
    """What a run still has to do."""
    if not isinstance(todo.run.method, Dense) and not todo.masks_ready:
        yield "prune"
    for measure in todo.missing:
        yield f"{measure.name} {' '.join(measure.languages)}"
    for task in todo.tasks:
        yield f"{task.name} {' '.join(task.languages)}".strip()


def _most(options: Options, kind: str, width: int, todo: Todo) -> int:
    """Pruned models that are measured beside one dense pass."""
    return options.together or room(todo, kind, width, options.runs)


def _needs(planned: Plan, most: Callable[[Todo], int], width: int) -> Iterator[Needs]:
    """By model, in the order of the runs."""
    models = dict.fromkeys((each.run.model, each.run.dtype) for each in planned.todo)
    for model, dtype in models:
        runs = [each for each in planned.todo if (each.run.model, each.run.dtype) == (model, dtype)]
        together = {each.missing: len(company(each, runs, most, width)) for each in reversed(runs)}
        yield _of_model(runs, max(together.values()))


def _of_model(runs: list[Todo], n_together: int) -> Needs:
    run = runs[0].run
    known = Disk()
    try:
        at = place(run.model)
        known = Disk(download=at.fetch or 0, model=at.disk or 0)
        built = shape(at, run.dtype)
    except (ModelError, UnsupportedModel) as error:
        return Needs(run.model_name, len(runs), 0, known, str(error))
    fetch = built.n_bytes if at.fetch is None else at.fetch
    kept = built.n_bytes if at.disk is None else at.disk
    changes = any(disk.n_pruned(each.run.method, built) for each in runs)
    once = Disk(
        tokens=_tokens(runs),
        scratch=n_together * built.n_prunable * built.itemsize if changes else 0,
        download=fetch,
        model=kept,
    )
    peak = max(
        memory.of_run(
            each.run,
            [together for same in walks(each.missing).values() for together in same],
            built,
            masks_ready=each.masks_ready,
            n_together=n_together,
        )
        for each in runs
    )
    return Needs(run.model_name, len(runs), peak, sum((disk.of_run(each, built) for each in runs), once))


def _tokens(runs: Iterable[Todo]) -> int:
    """Of texts in the cache, as int32; each once."""
    texts: dict[tuple[str, str], int] = {}
    for each in runs:
        text = each.run.calibration
        if text is not None and not each.masks_ready:
            texts[text.model_dump_json(), str(each.run.seed)] = text.samples * text.length
        for measure in each.missing:
            for language in measure.languages:
                texts[measure.text, language] = measure.samples * measure.length
    return 4 * sum(texts.values())


def lines(found: Forecast) -> Iterator[str]:
    """For people."""
    n_runs = len(found.todo) + len(found.there) + len(found.failed)
    yield (
        f"{found.grid}: {plural(n_runs, 'run')}: {len(found.there)} there, {len(found.todo)} to do"
        f"{f', {len(found.failed)} failed earlier' if found.failed else ''}; "
        f"{plural(found.n_missing, 'measurement')} to take, {found.n_there} there"
    )
    for run_id, parts in found.todo.items():
        yield f"  to do   {run_id}: {', '.join(parts) or 'its record'}"
    for run_id in found.there:
        yield f"  there   {run_id}"
    for run_id, reason in found.failed.items():
        yield f"  failed  {run_id}: {reason} (--retry-failed tries again)"
    for needs in found.needs:
        yield from _told(needs)
    if found.store:
        yield f"results.duckdb: {size(found.store)} when new, beside the results above"
    if found.seconds is not None:
        yield f"time: about {duration(found.seconds)}, going by {plural(found.n_past, 'finished run')}"
    elif found.todo:
        yield "time: unknown: no finished run to go by"
    yield "nothing was done (--dry-run)"


def _told(needs: Needs) -> Iterator[str]:
    d = needs.disk
    if needs.problem:
        fetched = f"download {size(d.download)} ({size(d.model)} on disk); " if d.download else ""
        yield f"{needs.model}: {fetched}{needs.problem}"
        return
    yield f"{needs.model}: memory {size(needs.memory)} a worker on a CPU, and its weights mapped from disk"
    fetched = f", download {size(d.download)} ({size(d.model)} on disk)" if d.download else ""
    yield (
        f"{' ' * len(needs.model)}  disk: masks {size(d.masks)}, results {size(d.results)}, tokens {size(d.tokens)}"
        f", and while it runs {size(d.scratch)} a worker{fetched}"
    )


def size(n_bytes: int) -> str:
    """ "12 MB", "1.3 GB"."""
    return (
        f"{n_bytes / 1e9:.2g} GB"
        if n_bytes >= 995_000_000
        else f"{max(1, round(n_bytes / 1e6)) if n_bytes else 0} MB"
    )
