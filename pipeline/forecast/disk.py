"""Bytes on disk that a grid's runs will take."""

from dataclasses import dataclass

from pipeline.forecast.shape import Shape
from pipeline.plan import Todo
from pipeline.spec import Dense, MeasureSpec
from pipeline.spec.methods import Changing, Checkpoint, Pruning

STORE = 1_500_000
"""An empty results.duckdb with its paper's numbers."""

SEGMENT = 5_000
"""Of a run's journal, by table: a Parquet file of few rows; and as much in results.duckdb."""

ROW = 50
"""More rows of one: compressed."""


@dataclass(frozen=True)
class Disk:
    """Bytes. masks, results: stay in runs/ and beside it. tokens: stay in the cache. scratch: while a worker has the
    model. download: fetched; model: what that becomes in the cache."""

    masks: int = 0
    results: int = 0
    tokens: int = 0
    scratch: int = 0
    download: int = 0
    model: int = 0

    def __add__(self, other: "Disk") -> "Disk":
        return Disk(*(getattr(self, name) + getattr(other, name) for name in vars(self)))


def of_run(todo: Todo, shape: Shape) -> Disk:
    """What a run leaves behind."""
    method = todo.run.method
    prunes = isinstance(method, (Pruning, Checkpoint)) and not todo.masks_ready
    masks = n_pruned(method, shape) // 8 if prunes else 0
    linears = len(shape.linears) * shape.n_blocks
    rows = linears if prunes else 0
    rows += sum(len(measure.languages) * _rows(measure, shape) for measure in todo.missing)
    if todo.run.calibration is not None:
        rows += todo.run.calibration.samples
    n_segments = 3 + len({measure.name for measure in todo.missing}) + len(todo.tasks)
    return Disk(masks=masks, results=2 * (SEGMENT * n_segments + ROW * rows))


def n_pruned(method: Dense | Changing, shape: Shape) -> int:
    """Weights that get a mask or another value."""
    if isinstance(method, Dense):
        return 0
    in_block = sum(linear.n_weights for linear in shape.linears)
    chosen = sum(
        linear.n_weights
        for index in range(shape.n_blocks)
        for linear in shape.linears
        if method.at(index, shape.n_blocks, linear.name) is not None
    )
    return round(shape.n_prunable * chosen / (in_block * shape.n_blocks))


def _rows(measure: MeasureSpec, shape: Shape) -> int:
    """Numbers of a measure in a language."""
    linears = len(shape.linears) * shape.n_blocks
    units = shape.n_blocks * max(linear.rows for linear in shape.linears)
    return {"perplexity": 2, "fidelity": 6 * shape.n_blocks, "lsar": 4 * shape.n_blocks, "weights": linears}.get(
        measure.name, units
    )
