"""What happens inside the model, block by block: curves, overlap of masks, neurons."""

from dataclasses import dataclass

import duckdb

from store.slices import Slice
from store.sql import select


@dataclass(frozen=True)
class Point:
    """One block of a curve; mean over n_seeds runs, in the quantity's unit."""

    calibration: str
    language: str
    block: int
    mean: float
    n_seeds: int


@dataclass(frozen=True)
class Overlap:
    """IoU of two masks in one linear, and what independent masks of that size would have."""

    linear: str
    block: int
    iou: float
    chance: float | None


@dataclass(frozen=True)
class Box:
    """The values of one group of neurons; group 1 has the dense model's lowest LAPE."""

    group: int
    low: float
    q1: float
    median: float
    q3: float
    high: float
    neurons: int | None = None


@dataclass(frozen=True)
class Bin:
    """Neighbouring neurons of one block: mean and highest activation probability."""

    block: int
    bin: int
    mean: float
    highest: float


def curves(
    connection: duckdb.DuckDBPyConnection, slice_: Slice, quantity: str, calibrations: list[str], language: str
) -> list[Point]:
    """A quantity over depth for some calibrations of a slice, in one evaluation language, newest evaluation."""
    parameters = {
        "model": slice_.model,
        "method": slice_.method,
        "pattern": slice_.pattern,
        "sparsity": slice_.sparsity,
        "setting": slice_.setting,
        "quantity": quantity,
        "calibrations": calibrations,
        "language": language,
    }
    return [Point(*row) for row in select(connection, "curves", parameters)]


def overlaps(
    connection: duckdb.DuckDBPyConnection, model: str, method: str, a: str, b: str | None = None
) -> list[Overlap]:
    """Overlap of the masks of calibrations `a` and `b`; of the seeds of `a` where `b` is None."""
    kind = "seeds" if b is None else "languages"
    parameters = {"model": model, "method": method, "kind": kind, "a": a, "b": b}
    return [Overlap(*row) for row in select(connection, "overlap", parameters)]


def lape_boxes(
    connection: duckdb.DuckDBPyConnection,
    dense: str,
    pruned: str,
    evaluation: str,
    groups: int = 50,
    keep: int = 15,
) -> list[Box]:
    """Box plots of a pruned run's LAPE in `groups` groups sorted by the dense run's, the first `keep` of them
    (paper, figure 3: 50 groups of 2 %, the lowest 30 %). Neurons without LAPE in the dense run are left out."""
    parameters = {"dense": dense, "pruned": pruned, "evaluation": evaluation, "groups": groups, "keep": keep}
    return [Box(*row) for row in select(connection, "lape_box", parameters)]


def neurons(
    connection: duckdb.DuckDBPyConnection, run_id: str, evaluation: str, language: str, bins: int = 100
) -> list[Bin]:
    """How active a run's neurons are in one language, in `bins` bins a block."""
    parameters = {"run_id": run_id, "evaluation": evaluation, "language": language, "bins": bins}
    return [Bin(*row) for row in select(connection, "neurons", parameters)]
