"""What a grid still has to do: its runs against what lies in their folders."""

from dataclasses import dataclass
from pathlib import Path

from pipeline.spec import Dense, Grid, MeasureSpec, RunSpec
from pipeline.spec.grid import Wanted
from pipeline.spec.tasks import Task
from store.folders import RunFolder
from store.journal import units


@dataclass(frozen=True)
class Todo:
    """A run and what of its measures is missing; measures keep only the languages still to be measured."""

    run: RunSpec
    missing: tuple[MeasureSpec, ...]
    masks_ready: bool
    tasks: tuple[Task, ...] = ()

    @property
    def affinity(self) -> str:
        """Runs of equal affinity share a loaded model."""
        return f"{self.run.model} {self.run.dtype}"


@dataclass(frozen=True)
class Plan:
    """todo: what is to run, in the grid's order. failed: reasons by run_id, of earlier calls."""

    todo: tuple[Todo, ...]
    done: tuple[RunSpec, ...]
    failed: dict[str, str]
    n_measurements: int


def plan(grid: Grid, runs: Path, *, retry_failed: bool) -> Plan:
    """Compare every run of the grid with its folder."""
    todo: list[Todo] = []
    done: list[RunSpec] = []
    failed: dict[str, str] = {}
    present = 0
    for run in grid.runs():
        folder = RunFolder.at(runs, run.run_id)
        state = folder.state()
        open_work = outstanding(run, grid.wanted, folder)
        present += n_measurements(grid.wanted)
        if open_work is not None:
            present -= n_measurements((*open_work.missing, *open_work.tasks))
        if open_work is None:
            done.append(run)
        elif state.status == "failed" and not retry_failed and not _is_whole(open_work, folder):
            failed[run.run_id] = state.error
        else:
            todo.append(open_work)
    return Plan(tuple(todo), tuple(done), failed, present)


def _is_whole(todo: Todo, folder: RunFolder) -> bool:
    """Whether a run that failed has all that is wanted here: it failed when another grid wanted more of it."""
    return not todo.missing and not todo.tasks and bool(units(folder))


def n_measurements(wanted: tuple[Wanted, ...]) -> int:
    """How many numbers, counting a measure or task in a language as one."""
    return sum(len(each.places) if isinstance(each, Task) else len(each.languages) for each in wanted)


def outstanding(run: RunSpec, wanted: tuple[Wanted, ...], folder: RunFolder) -> Todo | None:
    """What is missing of a run, None where nothing is."""
    there = units(folder)
    have = {(evaluation, language) for evaluation, _, _, language in there}
    measures = [each for each in wanted if not isinstance(each, Task)]
    names = [measure.name for measure in measures]  # those of one name together, as the stages are
    ordered = sorted(measures, key=lambda measure: names.index(measure.name))
    missing = tuple(open_part for measure in ordered if (open_part := _without(measure, have)) is not None)
    tasks = tuple(open_task for each in wanted if isinstance(each, Task) and (open_task := each.without(there)))
    if not missing and not tasks and folder.state().status == "done":
        return None
    masks_ready = not isinstance(run.method, Dense) and run.method.keeps_weights and folder.masks.exists()
    return Todo(run, missing, masks_ready, tasks)


def _without(measure: MeasureSpec, have: set[tuple[str, str]]) -> MeasureSpec | None:
    """The measure with the languages that are not there yet, None where all are; a joint measure with all or none."""
    languages = tuple(language for language in measure.languages if (measure.evaluation, language) not in have)
    if measure.joint and languages:
        return measure
    return measure.model_copy(update={"languages": languages}) if languages else None
