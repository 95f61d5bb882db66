"""A run on a model, from loading to the last measurement: what a worker does with torch."""

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from pipeline.bench import BENCH
from pipeline.devices import Device, DeviceError
from pipeline.mask_check import is_there
from pipeline.models import Loaded
from pipeline.outcome import plural
from pipeline.plan import Todo
from pipeline.progress import Report
from pipeline.record import Record, noted
from pipeline.recorded import Recorded
from pipeline.spec import Checkpoint, Dense, RunSpec
from pipeline.spec.tasks import Task
from pipeline.together import walks
from store.folders import RunFolder

if TYPE_CHECKING:
    from pipeline.shared_walk import Wish


@dataclass
class Work:
    """A run under way: everything finished goes to its record's journal at once.

    recorded: the model that earlier measurements are of. aside: the weights of its model's linears, where that is not
    the one on the bench.
    """

    run: RunSpec
    folder: RunFolder
    record: Record
    device: torch.device
    loaded: Loaded
    recorded: Recorded = field(default_factory=Recorded)
    aside: dict[str, Tensor] | None = None

    def noted(self, table: str) -> list[dict[str, Any]]:
        """The rows of a table that the run writes as a whole, as last written."""
        return noted(self.folder, table)

    @property
    def notes(self) -> list[str]:
        """What a reader should know of the dense model."""
        return [f"weights of {self.loaded.source}"] if self.loaded.source.startswith("package:") else []


def begin(
    todo: Todo, folder: RunFolder, record: Record, device: Device, threads: int, *, alone: bool
) -> "Iterator[Report | Wish]":
    """Do the run; whoever iterates walks for each Wish. Unless it is alone, its model is put aside before the first.

    Raises what went wrong in words; DeviceError where torch can't use the device.
    """
    from pipeline import measurements, pruned_model

    if not todo.missing and not todo.tasks and _was_made(todo.run, record):
        return  # killed after the last measurement: only the record is missing
    torch.set_num_threads(threads)
    on = target(device)
    yield Report("load")
    BENCH.folder = folder.path
    loaded = BENCH.take(todo.run.model, todo.run.dtype)
    work = Work(todo.run, folder, record, on, loaded, _recorded(record, on))
    work.recorded.check_model(loaded)
    if record.values.get("model_revision") not in (None, loaded.revision):
        folder.masks.unlink(missing_ok=True)  # of another model, of which nothing was measured yet
    record.write("running", _facts(work))
    yield Report("load", 1.0)
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


def _was_made(run: RunSpec, record: Record) -> bool:
    """Whether all that is to be known of the run's model is in its folder, or in the one that it was merged from."""
    if record.n_measured:
        return True
    if isinstance(run.method, Dense) or run.method.keeps_weights:
        return is_there(run, record.journal.folder)
    return record.values.get("weights_sha256") is not None


def _recorded(record: Record, device: torch.device) -> Recorded:
    """The model that the run's measurements are of; anything where there are none."""
    folder = record.journal.folder
    if not record.n_measured:
        return Recorded(device=device)
    threads = record.values.get("threads")
    return Recorded.of(
        folder,
        dict(record.values),
        record.here,
        device,
        f". What was measured ({plural(record.n_measured, 'number')}) stays as it is, and nothing is added. Run it "
        f"again as it was made (--retry-failed --threads {threads}), or delete {folder.path} and call "
        "'calib-explorer rebuild': then everything is measured anew",
    )


def _facts(work: Work) -> dict[str, Any]:
    """The columns of table `run` that the loaded model tells. (A checkpoint's note is written with its weights.)"""
    loaded, model = work.loaded, work.loaded.model
    note = {} if isinstance(work.run.method, Checkpoint) else {"note": "; ".join(work.notes) or None}
    return {
        "model_revision": loaded.revision,
        "dtype": str(model.dtype).removeprefix("torch."),
        "n_parameters": sum(parameter.numel() for parameter in model.parameters()),
        "n_blocks": model.config.get_text_config().num_hidden_layers,
        **note,
    }


def target(device: Device) -> torch.device:
    """The claimed device in torch's words. Raises DeviceError where torch can't use it."""
    if device.kind == "cuda" and not torch.cuda.is_available():
        raise DeviceError(
            f"{device.name} is there but torch {torch.__version__} can't use it: it is a build for CPUs, or the "
            "driver is too old. Install a CUDA build of torch, or use --device cpu"
        )
    return torch.device("cuda", 0) if device.kind == "cuda" else torch.device("cpu")  # the only one it sees
