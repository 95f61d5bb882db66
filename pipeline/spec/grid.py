"""A grid file: axes x measures, read from TOML, checked once, expanded to runs."""

import itertools
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from pipeline.spec.axes import Axes, CalibrationText
from pipeline.spec.calibration import default_sampling
from pipeline.spec.complaints import GridError, complain
from pipeline.spec.frozen import Frozen, digest
from pipeline.spec.measures import MeasureSpec
from pipeline.spec.methods import READS_NO_TEXT, Checkpoint
from pipeline.spec.run import DEMO_MODELS, Arithmetic, DType, RunSpec
from pipeline.spec.sources import absolute, is_undivided
from pipeline.spec.task_check import check_task
from pipeline.spec.tasks import Task, hashed, resolved
from pipeline.spec.text_check import check_calibration, check_heldout

Wanted = MeasureSpec | Task
"""What a grid measures of each run."""


class Grid(Frozen):
    """Axes and measures. `runs()` are the pruned models it asks for. `name` is part of a folder's name."""

    name: str = Field(min_length=1, max_length=80, pattern=r"^[\w.+ -]+$")
    axes: Axes
    calibration: CalibrationText | None = None
    dtype: DType = "auto"
    arithmetic: Arithmetic = "fast"
    measure: tuple[MeasureSpec, ...] = ()
    task: tuple[Task, ...] = ()

    @classmethod
    def load(cls, path: Path) -> "Grid":
        """Read and check a grid file. Raises GridError with one line per mistake."""
        try:
            data = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise GridError(f"{path}: {error.strerror or error}") from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise GridError(f"{path}: not TOML: {error}") from None
        return cls.parse(data, path)

    @classmethod
    def parse(cls, data: dict[str, Any], path: Path) -> "Grid":
        """Check `data`; `path` names the file in messages and is what relative directories are relative to."""
        try:
            grid = cls.model_validate(_resolve(data, path.parent))
        except ValidationError as error:
            raise GridError(complain(error, data, path)) from None
        grid._check(path)
        tasks = tuple(hashed(task) for task in grid.task)
        return grid._kept_apart().model_copy(update={"task": tasks})

    def with_models(self, models: tuple[str, ...]) -> "Grid":
        """The same grid of other models; directories are relative to the current folder."""
        found = tuple(str(_model(model, Path.cwd())) for model in models)
        return self.model_copy(update={"axes": self.axes.model_copy(update={"model": found})})

    def runs(self) -> Iterator[RunSpec]:
        """Every run of the grid, dense first in each model, none twice."""
        seen: set[str] = set()
        for run in self._product():
            if run.run_id not in seen:
                seen.add(run.run_id)
                yield run

    @property
    def wanted(self) -> tuple[Wanted, ...]:
        """Measures and tasks."""
        return (*self.measure, *self.task)

    @property
    def grid_id(self) -> str:
        """Id of what was set: the same grid under another file name is the same grid."""
        return f"{self.name}-{digest(self.canonical(), 8)}"

    def _product(self) -> Iterator[RunSpec]:
        for model in self.axes.model:
            for method in self.axes.method:
                if method.name in READS_NO_TEXT:
                    yield RunSpec(model=model, method=method, dtype=self.dtype)
                    continue
                assert self.calibration is not None
                for languages, seed in itertools.product(self.axes.calibration, self.axes.seed):
                    yield RunSpec(
                        model=model,
                        method=method,
                        calibration=self.calibration.of(languages),
                        seed=seed,
                        dtype=self.dtype,
                        arithmetic=self.arithmetic,
                    )

    def _check(self, path: Path) -> None:
        """What concerns several keys at once, or the world outside the file."""
        needs_text = [method.name for method in self.axes.method if method.name not in READS_NO_TEXT]
        if needs_text and not self.axes.calibration:
            raise GridError(f"{path}: axes.calibration: missing, and '{needs_text[0]}' reads calibration text")
        if needs_text and self.calibration is None:
            raise GridError(f"{path}: [calibration] is missing, and '{needs_text[0]}' reads calibration text")
        if self.calibration is not None:
            check_calibration(self.calibration, self.axes, path)
        self._check_checkpoints(path)
        self._check_tasks(path)
        for index, measure in enumerate(self.measure):
            check_heldout(measure, f"{path}: measure[{index}]")

    def _check_checkpoints(self, path: Path) -> None:
        """Refuse two checkpoints that matrices would take for one, and so for seeds to average over."""
        known: dict[object, str] = {}
        for index, method in enumerate(self.axes.method):
            if not isinstance(method, Checkpoint) or method.known.calibration is None:
                continue
            place = (method.owner, RunSpec(model="", method=method).coordinates)
            if (other := known.setdefault(place, method.path)) != method.path:
                raise GridError(
                    f"{path}: axes.method[{index}]: '{method.path}' and '{other}' have the same method, sparsity, "
                    "calibration and seed; tell them apart, as with seed = 1"
                )

    def _check_tasks(self, path: Path) -> None:
        for index, task in enumerate(self.task):
            check_task(task, f"{path}: task[{index}]")

    def _kept_apart(self) -> "Grid":
        """Where one directory without folders for the two splits serves calibration and measures alike, its documents
        are divided between them by their hash, and the sources say so: "DIR#calibration", "DIR#heldout"."""
        text = self.calibration
        if text is None or not is_undivided(text.source):
            return self
        measures = tuple(
            measure.model_copy(update={"source": f"{measure.source}#heldout"})
            if measure.source == text.source
            else measure
            for measure in self.measure
        )
        if measures == self.measure:
            return self
        calibration = text.model_copy(update={"source": f"{text.source}#calibration"})
        return self.model_copy(update={"calibration": calibration, "measure": measures})


def _resolve(data: dict[str, Any], folder: Path) -> dict[str, Any]:
    """A copy of `data` with directories made absolute and each measure's `sampling` filled in."""
    data = {**data}
    if isinstance(axes := data.get("axes"), dict):
        data["axes"] = axes = {**axes}
        if isinstance(models := axes.get("model"), list):
            axes["model"] = [_model(model, folder) for model in models]
        if isinstance(methods := axes.get("method"), list):
            axes["method"] = [_method(method, folder) for method in methods]
    if isinstance(calibration := data.get("calibration"), dict):
        data["calibration"] = _source(calibration, folder)
    if isinstance(measures := data.get("measure"), list):
        data["measure"] = [_measure(measure, folder) for measure in measures]
    if isinstance(tasks := data.get("task"), list):
        data["task"] = [resolved(task, folder) if isinstance(task, dict) else task for task in tasks]
    return data


def _model(model: Any, folder: Path) -> Any:
    if not isinstance(model, str) or model in DEMO_MODELS or not (folder / model).is_dir():
        return model
    return str((folder / model).resolve())


def _method(method: Any, folder: Path) -> Any:
    """A checkpoint's path is found as a model's."""
    if not isinstance(method, dict) or method.get("name") != "checkpoint" or "path" not in method:
        return method
    return {**method, "path": _model(method["path"], folder)}


def _measure(measure: Any, folder: Path) -> Any:
    if not isinstance(measure, dict):
        return measure
    measure = _source(measure, folder)
    if "sampling" not in measure and isinstance(measure.get("source"), str):
        measure["sampling"] = default_sampling(measure["source"])
    return measure


def _source(table: dict[str, Any], folder: Path) -> dict[str, Any]:
    source = table.get("source")
    return {**table, "source": absolute(source, folder)} if isinstance(source, str) else {**table}
