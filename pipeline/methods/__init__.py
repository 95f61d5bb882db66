"""Pruning methods, one file each. A method is a module with two names, found by its file name:

`Statistics(columns, device, arithmetic)`: running sums over a linear's inputs (pipeline.watch.InputStatistics), or
None if it reads no text. `arithmetic`: see RunSpec.
`prune(spec, weight, statistics)`: the pruned weight of one linear and what was removed from it.

`dense` is the model as it is and has no file.

tensor legend: rows x columns (of a weight: outputs x inputs)
"""

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, cast, runtime_checkable

from jaxtyping import Bool, Float
from torch import Tensor

from pipeline.spec.frozen import nearest
from pipeline.watch import InputStatistics


class CannotPrune(ValueError):
    """A linear that a method cannot prune as asked; says why and what to do."""


BROKEN = "its weights hold NaN or infinity; was the model broken before?"
"""What second-order methods say of such a weight."""


@dataclass(frozen=True)
class Pruned:
    """A linear after pruning. The mask says which weights were removed (True), since a kept weight may be 0; a method
    that removes none has no mask."""

    weight: Float[Tensor, "rows columns"]
    mask: Bool[Tensor, "rows columns"] | None


@runtime_checkable
class Method(Protocol):
    """What a method's module offers."""

    Statistics: Callable[..., InputStatistics] | None

    def prune(self, spec: Any, weight: Float[Tensor, "rows columns"], statistics: Any) -> Pruned:
        """Prune one linear. Raises CannotPrune."""


def load(name: str) -> Method:
    """The method of that name. Raises ValueError with the nearest one there is."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    if name not in names:
        raise ValueError(f"no method '{name}'; {nearest(name, names)}")
    return cast(Method, importlib.import_module(f"{__name__}.{name}"))
