"""The vocabulary of grid files, free of torch: what a grid, a run, a calibration, a measure is, and their ids."""

from pipeline.spec.calibration import CalibrationSpec
from pipeline.spec.complaints import GridError
from pipeline.spec.grid import Grid
from pipeline.spec.measures import (
    LAPE,
    LSAR,
    Activations,
    Fidelity,
    Heldout,
    MeasureSpec,
    Perplexity,
    Weights,
)
from pipeline.spec.methods import (
    GPTQ,
    READS_NO_TEXT,
    RIA,
    Checkpoint,
    Dense,
    Magnitude,
    MethodSpec,
    SparseGPT,
    Wanda,
    WandaUpdate,
)
from pipeline.spec.run import Arithmetic, Coordinates, RunSpec

__all__ = [
    "GPTQ",
    "LAPE",
    "LSAR",
    "READS_NO_TEXT",
    "RIA",
    "Activations",
    "Arithmetic",
    "CalibrationSpec",
    "Checkpoint",
    "Coordinates",
    "Dense",
    "Fidelity",
    "Grid",
    "GridError",
    "Heldout",
    "Magnitude",
    "MeasureSpec",
    "MethodSpec",
    "Perplexity",
    "RunSpec",
    "SparseGPT",
    "Wanda",
    "WandaUpdate",
    "Weights",
]
