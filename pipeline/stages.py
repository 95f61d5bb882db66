"""What a run will cost before it starts: its stages in order, each with the seconds expected.

Work is tokens x passes x weights. Only the proportions matter for long: `Pace` corrects by measured speed.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from pipeline.spec import Checkpoint, Dense, MeasureSpec, RunSpec
from pipeline.spec.calibration import parse_languages
from pipeline.spec.sources import is_self
from pipeline.spec.tasks import Task
from pipeline.together import walks

PRUNE_PASSES = {True: 2.4, False: 5.0}
"""Two passes of the calibration tokens through each block, running sums and sorting; Hessians and solving where the
method updates the weights that it keeps."""

PREVIEW_PASSES = 1.2
"""Of a preview, whose pass over a language is kept for other runs."""

WRITE_PASSES = 4.0
"""Of calibration text that the model writes: a token at a time, many sequences side by side."""

MEASURE_PASSES, DENSE_PASSES = 1.3, 1.1
"""One pass and the head; the dense model's pass where a measure compares, shared by the runs measured together."""

TASK_PASSES, TASK_S = 1.5, 2.0
"""Of a task's items: their prompts and choices once, with padding; and reading them."""

START_S = 4.0
"""Importing torch and transformers."""

CONVERT_S = 20.0
"""Converting a demo model, where that was not done yet."""

NETWORK_BYTES_A_SECOND = 30e6
DISK_BYTES_A_SECOND = 300e6
OPERATIONS_A_SECOND = {"cpu": 60e9, "cuda": 50e12}
"""Of one core; of one GPU."""

DEMO_PARAMETERS = {"demo": 135e6, "demo-gemma": 270e6}


@dataclass(frozen=True)
class Stage:
    """name: "load", "calibrate", "prune", "apply", or a measure's. seconds: expected on a typical machine."""

    name: str
    seconds: float


@dataclass(frozen=True)
class Machine:
    """What the expectation knows of the machine: kind of device and threads of a worker."""

    kind: str
    threads: int

    def seconds(self, tokens: int, parameters: float) -> float:
        """One pass of `tokens` through `parameters` weights."""
        units = self.threads if self.kind == "cpu" else 1
        return 2 * tokens * parameters / (OPERATIONS_A_SECOND[self.kind] * units)


def stages(
    run: RunSpec,
    missing: tuple[MeasureSpec, ...],
    machine: Machine,
    *,
    masks_ready: bool,
    model_ready: bool,
    tasks: tuple[Task, ...] = (),
    n_together: int = 1,
) -> tuple[Stage, ...]:
    """The stages of a run of which `missing` and `tasks` are still to be measured.

    masks_ready: they can be applied instead of pruning. model_ready: a worker has the model already.
    n_together: pruned runs that are measured beside the same dense pass.
    """
    parameters = parameters_of(run.model)
    load = parameters * 4 / DISK_BYTES_A_SECOND
    found = [Stage("load", 0.3 * load if model_ready else START_S + load + fetching(run.model))]
    if run.calibration is not None and not masks_ready:
        n_texts = len(parse_languages(run.calibration.languages)) if run.method.preview else 1
        tokens = run.calibration.samples * run.calibration.length * n_texts
        writing = WRITE_PASSES * machine.seconds(tokens, parameters) if is_self(run.calibration.source) else 0.0
        found.append(Stage("calibrate", 0.2 + tokens / 100e3 + writing))
        keeps = isinstance(run.method, Dense) or run.method.keeps_weights
        passes = PREVIEW_PASSES if run.method.preview else PRUNE_PASSES[keeps]
        found.append(Stage("prune", passes * machine.seconds(tokens, parameters)))
    elif not isinstance(run.method, Dense):
        other = load + fetching(run.method.path) if isinstance(run.method, Checkpoint) else 0.0
        found.append(Stage("apply" if masks_ready else "prune", 0.2 + parameters / 50e6 + other))
    for name, same in walks(missing).items():
        seconds = 0.0
        for together in same:
            text = together[0]
            compares = any(measure.compares for measure in together) and not isinstance(run.method, Dense)
            passes = MEASURE_PASSES + (DENSE_PASSES / n_together if compares else 0.0)
            seconds += passes * machine.seconds(len(text.languages) * text.samples * text.length, parameters)
        found.append(Stage(name, seconds))
    for name in dict.fromkeys(task.name for task in tasks):
        n_tokens = sum(len(task.places) * task.samples * task.length for task in tasks if task.name == name)
        found.append(Stage(name, TASK_S + TASK_PASSES * machine.seconds(n_tokens, parameters)))
    return tuple(found)


def fetching(model: str) -> float:
    """Seconds until the model is on this machine: 0 where it seems to be."""
    parameters = parameters_of(model)
    if Path(model).is_dir():
        return 0.0
    if model in DEMO_PARAMETERS:
        converted = (platformdirs.user_cache_path("calib-explorer") / "models").glob("*/model.safetensors")
        if any(abs(file.stat().st_size / (4 * parameters) - 1) < 0.3 for file in converted):
            return 0.0
        return CONVERT_S + 0.7 * parameters / NETWORK_BYTES_A_SECOND
    home = Path(os.environ.get("HF_HOME", Path.home() / ".cache" / "huggingface"))
    hub = Path(os.environ.get("HF_HUB_CACHE", home / "hub"))
    if (hub / f"models--{model.partition('@')[0].replace('/', '--')}").is_dir():
        return 0.0
    return 2 * parameters / NETWORK_BYTES_A_SECOND


def parameters_of(model: str) -> float:
    """How many weights a model has, as far as it is known; else a guess."""
    return known_parameters(model) or 1e9


def known_parameters(model: str) -> float | None:
    """How many weights a model has, from what is at hand without loading it: files, or "8B" in its name."""
    if model in DEMO_PARAMETERS:
        return DEMO_PARAMETERS[model]
    folder = Path(model)
    if folder.is_dir():
        return max(1e3, sum(file.stat().st_size for file in folder.glob("*.safetensors")) / 2)
    size = re.search(r"(?<![\d.])(\d+(?:\.\d+)?)([bm])(?![a-z])", model.lower())
    return None if size is None else float(size[1]) * {"b": 1e9, "m": 1e6}[size[2]]
