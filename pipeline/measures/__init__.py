"""Measures, one file each, found by file name. A measure is a module with `measure(...)`, a generator of Steps."""

import importlib
import math
import pkgutil
from dataclasses import dataclass
from types import ModuleType
from typing import Literal

from pipeline.spec.frozen import nearest


class NotANumber(ArithmeticError):
    """A measurement came out as NaN or infinity; says which, and where to look."""


@dataclass(frozen=True)
class Measured:
    """One number about one model, and over how many items (sequences, tokens, questions) it was taken."""

    quantity: str
    unit: str
    better: Literal["lower", "higher"]
    language: str
    value: float
    n: int

    def __post_init__(self) -> None:
        if not math.isfinite(self.value):
            raise NotANumber(
                f"{self.quantity} in {self.language} is {self.value}: the model's logits are broken "
                "(weights that are not finite, or a dtype that overflows)"
            )


@dataclass(frozen=True)
class Step:
    """How far a measure is (0 to 1), what it is doing, and the measurements finished in this step."""

    fraction: float
    detail: str
    measured: tuple[Measured, ...] = ()


def load(name: str) -> ModuleType:
    """The measure of that name. Raises ValueError with the nearest one there is."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    if name not in names:
        raise ValueError(f"no measure '{name}'; {nearest(name, names)}")
    return importlib.import_module(f"{__name__}.{name}")
