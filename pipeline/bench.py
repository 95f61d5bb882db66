"""The model on a worker's bench: loaded once, made dense again before each run."""

from dataclasses import dataclass, field

import psutil
import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from pipeline import models
from pipeline.anatomy import find_blocks, linears
from pipeline.models import Loaded
from pipeline.spec.run import DType
from pipeline.text import Tokens

COPY_SHARE = 0.4
"""Of the free memory, for a copy of the dense weights; a model that needs more is loaded again for each run."""


@dataclass
class Bench:
    """At most one model, with a copy of the weights that pruning changes.

    windows: held-out tokens of the model's tokenizer, by text and language.
    """

    loaded: Loaded | None = None
    windows: dict[tuple[str, str], Tokens] = field(default_factory=dict)
    _of: tuple[str, DType] | None = None
    _dense: dict[str, Tensor] = field(default_factory=dict)
    _touched: bool = False

    def take(self, name: str, dtype: DType) -> Loaded:
        """The dense model. Raises ModelError."""
        same = self._of == (name, dtype) and self.loaded is not None
        if not same or (self._touched and not self._dense):
            self._clear()
            self.loaded = models.load(name, dtype)
            self._of = (name, dtype)
        elif self._touched:
            self._restore()
        self._touched = False
        assert self.loaded is not None
        return self.loaded

    def change(self) -> None:
        """Announce that the weights of the model are going to be changed."""
        assert self.loaded is not None
        if not self._dense:
            prunable = _prunable(self.loaded.model)
            needed = sum(linear.weight.numel() * linear.weight.element_size() for linear in prunable.values())
            if needed < COPY_SHARE * psutil.virtual_memory().available:
                self._dense = {name: linear.weight.detach().clone() for name, linear in prunable.items()}
        self._touched = True

    def dense(self) -> dict[str, Tensor]:
        """The dense weights of all linears inside blocks, by their dotted paths. Where there was no room for a copy,
        the model is loaded a second time. Raises ModelError."""
        assert self.loaded is not None
        assert self._of is not None
        if self._touched and not self._dense:
            again = models.load(*self._of).model
            return {name: linear.weight.detach() for name, linear in _prunable(again).items()}
        return self._dense or {name: linear.weight.detach() for name, linear in _prunable(self.loaded.model).items()}

    @torch.no_grad()
    def _restore(self) -> None:
        assert self.loaded is not None
        for name, linear in _prunable(self.loaded.model).items():
            linear.weight.copy_(self._dense[name])

    def _clear(self) -> None:
        """Let go of the old model before the new one comes."""
        self.loaded, self._of = None, None
        self._dense.clear()
        self.windows.clear()
        self._touched = False


def _prunable(model: PreTrainedModel) -> dict[str, nn.Linear]:
    return {
        f"{path}.{name}": linear
        for path, block in find_blocks(model).items()
        for name, linear in linears(block).items()
    }


BENCH = Bench()
"""The one of this process."""
