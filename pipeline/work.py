"""A run on a model, from loading to the last measurement: what a worker does with torch."""

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import polars
import torch
from torch import Tensor

from pipeline.bench import BENCH
from pipeline.devices import Device, DeviceError
from pipeline.models import Loaded
from pipeline.plan import Todo
from pipeline.progress import Report
from pipeline.record import Record
from pipeline.spec import RunSpec
from pipeline.spec.tasks import Task
from pipeline.together import walks
from store.folders import RunFolder
from store.segments import segments_in

if TYPE_CHECKING:
    from pipeline.shared_walk import Wish


@dataclass
class Work:
    """A run under way: everything finished goes to its record's journal at once.

    aside: the weights of its model's linears, where that is not the one on the bench.
    """

    run: RunSpec
    folder: RunFolder
    record: Record
    device: torch.device
    loaded: Loaded
    aside: dict[str, Tensor] | None = None

    def noted(self, table: str) -> list[dict[str, Any]]:
        """The rows of a table that the run writes as a whole, as last written."""
        return noted(self.folder, table)


def begin(
    todo: Todo, folder: RunFolder, record: Record, device: Device, threads: int, *, alone: bool
) -> "Iterator[Report | Wish]":
    """Do the run; whoever iterates walks for each Wish. Unless it is alone, its model is put aside before the first.

    Raises what went wrong in words; DeviceError where torch can't use the device.
    """
    from pipeline import measurements, pruned_model

    if not todo.missing and not todo.tasks and pruned_model.is_there(todo.run, folder):
        return  # killed after the last measurement: only the record is missing
    torch.set_num_threads(threads)
    on = target(device)
    yield Report("load")
    BENCH.folder = folder.path
    loaded = BENCH.take(todo.run.model, todo.run.dtype)
    record.write("running", _facts(loaded))
    yield Report("load", 1.0)
    work = Work(todo.run, folder, record, on, loaded)
    yield from pruned_model.make(work)
    if todo.missing and not alone:
        work.aside = BENCH.hand_over()
    for stage, same in walks(todo.missing).items():
        for place, together in enumerate(same):
            for each in measurements.take(work, stage, together):
                start, extent = place / len(same), 1 / len(same)
                if isinstance(each, Report):
                    yield replace(each, fraction=start + extent * each.fraction)
                else:
                    each.start, each.extent = start, extent
                    yield each
    yield from _tasks(work, todo.tasks)


def _tasks(work: Work, tasks: tuple[Task, ...]) -> Iterator[Report]:
    if not tasks:
        return
    from pipeline.tasks import taking  # lm-eval takes a second to load

    with nullcontext() if work.aside is None else BENCH.wearing(work.aside):
        for task in tasks:
            same = [other for other in tasks if other.name == task.name]
            for report in taking.take(work, task):
                yield replace(report, fraction=(same.index(task) + report.fraction) / len(same))


def noted(folder: RunFolder, table: str) -> list[dict[str, Any]]:
    """The rows of a run's last segment of a table; none where there is none or it can't be read."""
    segments = [segment for segment in segments_in(folder.journal) if segment.table == table]
    try:
        return polars.read_parquet(segments[-1].path).to_dicts() if segments else []
    except (OSError, polars.exceptions.PolarsError):
        return []


def _facts(loaded: Loaded) -> dict[str, Any]:
    """The columns of table `run` that the loaded model tells."""
    model = loaded.model
    return {
        "model_revision": loaded.revision,
        "dtype": str(model.dtype).removeprefix("torch."),
        "n_parameters": sum(parameter.numel() for parameter in model.parameters()),
        "n_blocks": model.config.get_text_config().num_hidden_layers,
        "note": f"weights of {loaded.source}" if loaded.source.startswith("package:") else None,
    }


def target(device: Device) -> torch.device:
    """The claimed device in torch's words. Raises DeviceError where torch can't use it."""
    if device.kind == "cuda" and not torch.cuda.is_available():
        raise DeviceError(
            f"{device.name} is there but torch {torch.__version__} can't use it: it is a build for CPUs, or the "
            "driver is too old. Install a CUDA build of torch, or use --device cpu"
        )
    return torch.device("cuda", 0) if device.kind == "cuda" else torch.device("cpu")  # the only one it sees
