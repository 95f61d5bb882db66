"""The vocabulary of grid files, free of torch: what a grid, a run, a calibration, a measure is, and their ids."""

from pipeline.spec.calibration import CalibrationSpec
from pipeline.spec.complaints import GridError
from pipeline.spec.grid import Grid
from pipeline.spec.measures import MeasureSpec, Perplexity
from pipeline.spec.methods import READS_NO_TEXT, Dense, Magnitude, MethodSpec, Wanda
from pipeline.spec.run import RunSpec

__all__ = [
    "READS_NO_TEXT",
    "CalibrationSpec",
    "Dense",
    "Grid",
    "GridError",
    "Magnitude",
    "MeasureSpec",
    "MethodSpec",
    "Perplexity",
    "RunSpec",
    "Wanda",
]
