"""Measures, one file each, found by file name. A measure is a module with `observe(spec, windows, tokenizer)`, which
gives an observer of the walk through the blocks (pipeline/walk.py) that all measures of one text share."""

import importlib
import math
import pkgutil
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Literal, Protocol, runtime_checkable

import polars
from torch import Tensor, nn

from pipeline.spec.frozen import nearest
from pipeline.stream import Logits

OWN, DENSE = "own", "dense"
"""The two variants of a walk: the run's model, and the dense one where a measure compares with it."""


class NotANumber(ArithmeticError):
    """A measurement came out as NaN or infinity; says which, and where to look."""


@dataclass(frozen=True)
class Measured:
    """One number about one model, and over how many items (sequences, tokens, questions, weights) it was taken.

    language: "" for what concerns all languages. block: -1 for the whole model. Only an SNR may be infinite: that
    of a model that pruning did not change.
    """

    quantity: str
    unit: str
    better: Literal["lower", "higher", ""]
    language: str
    value: float
    n: int
    block: int = -1
    linear: str = ""

    def __post_init__(self) -> None:
        endless = self.value == math.inf and self.unit == "dB"
        if not math.isfinite(self.value) and not endless:
            where = self.language or "all languages"
            raise NotANumber(
                f"{self.quantity} in {where} is {self.value}: the model's logits are broken "
                "(weights that are not finite, or a dtype that overflows)"
            )


@dataclass(frozen=True)
class Step:
    """How far a measure is (0 to 1), what it is doing, and the measurements finished in this step."""

    fraction: float
    detail: str
    measured: tuple[Measured, ...] = ()


@dataclass(frozen=True)
class Found:
    """Rows of a table beside `measurement`, but for the evaluation that they belong to."""

    table: str
    rows: Sequence[Mapping[str, Any]] | polars.DataFrame


@runtime_checkable
class Walk(Protocol):
    """What an observer is told of the walk (pipeline/lockstep.py): the blocks' paths, the variants that there are,
    and while a block's forward runs, which of them runs and on which rows of the text."""

    @property
    def paths(self) -> Sequence[str]: ...
    @property
    def variants(self) -> Collection[str]: ...
    @property
    def running(self) -> str: ...
    @property
    def rows(self) -> slice: ...
    @property
    def n_features(self) -> int: ...
    def weight(self, variant: str, linear: nn.Linear) -> Tensor: ...


class Observer(Protocol):
    """What a measure does during a walk. `measured` is asked after it, and after `found`."""

    def watch(self, walk: Walk, index: int, block: nn.Module) -> AbstractContextManager[None]:
        """Around the batches of block `index`: hooks come and go here; `walk.running` tells them the variant."""

    def see(self, index: int, rows: slice, outputs: Mapping[str, Tensor]) -> None:
        """A batch has come through a block: its outputs, batch x length x features, by variant."""

    @property
    def logits_of(self) -> str:
        """The variant whose logits `predict` wants; "" where it wants none."""

    def predict(self, part: Logits) -> None:
        """Some of the logits of that variant."""

    def found(self) -> Iterator[Found]:
        """What goes into other tables."""

    def measured(self) -> Iterator[Measured]:
        """The numbers, each language's together."""


def load(name: str) -> ModuleType:
    """The measure of that name. Raises ValueError with the nearest one there is."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    if name not in names:
        raise ValueError(f"no measure '{name}'; {nearest(name, names)}")
    return importlib.import_module(f"{__name__}.{name}")
