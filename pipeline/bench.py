"""The model on a worker's bench: loaded once, made dense again before each run.

Its dense weights are the checkpoint's files, mapped. What a run changes lies in a scratch file, mapped too, and is
made block by block: neither must fit into memory.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from torch import Tensor, nn
from transformers import PreTrainedModel

from pipeline import models
from pipeline.anatomy import find_blocks, linears
from pipeline.models import Loaded
from pipeline.scratch import LINE, Scratch
from pipeline.spec.run import DType
from pipeline.text import Tokens


@dataclass
class Bench:
    """At most one model, and a place for the weights that pruning changes.

    folder: on whose disk the scratch file lies.
    windows: held-out tokens of the model's tokenizer, by text and language.
    """

    folder: Path = Path()
    loaded: Loaded | None = None
    windows: dict[tuple[str, str], Tokens] = field(default_factory=dict)
    _of: tuple[str, DType] | None = None
    _dense: dict[str, Tensor] = field(default_factory=dict)
    _changed: dict[str, Tensor] = field(default_factory=dict)
    _scratch: Scratch | None = None

    def take(self, name: str, dtype: DType) -> Loaded:
        """The dense model. Raises ModelError."""
        if self._of == (name, dtype) and self.loaded is not None:
            self._wear({name: self._dense[name] for name in self._changed})
            return self.loaded
        self._clear()
        self.loaded = models.load(name, dtype)
        self._of = (name, dtype)
        return self.loaded

    def change(self, index: int | None = None) -> None:
        """Let the linears of block `index` be overwritten (None: of all blocks).

        Until the model is taken again, they are copies of the dense ones in the scratch file. Call it while the block
        is at home (pipeline/residence.py). Raises OSError where the disk is full.
        """
        assert self.loaded is not None
        paths = list(find_blocks(self.loaded.model))
        within = tuple(f"{path}." for path in (paths if index is None else paths[index : index + 1]))
        dense = self.dense()
        if self._scratch is None:
            self._scratch = Scratch(self.folder, self.scratch_bytes())
        chosen = [name for name in dense if name.startswith(within)]
        for name in chosen:
            if name in self._changed:
                self._changed[name].copy_(dense[name])
            else:
                self._changed[name] = self._scratch.copy(dense[name])
        self._wear({name: self._changed[name] for name in chosen})

    def scratch_bytes(self) -> int:
        """The size of the scratch file once there is one."""
        return sum(weight.nbytes + LINE for weight in self.dense().values())

    def dense(self) -> dict[str, Tensor]:
        """The dense weights of all linears inside blocks, by their dotted paths."""
        assert self.loaded is not None
        if not self._dense:
            self._dense = {name: linear.weight.data for name, linear in _prunable(self.loaded.model).items()}
        return self._dense

    def hand_over(self) -> dict[str, Tensor]:
        """The weights of the model on the bench, the caller's from now on; the bench goes on with the dense one."""
        weights = {**self.dense(), **self._changed}
        self._wear({name: self._dense[name] for name in self._changed})
        self._changed, self._scratch = {}, None
        return weights

    @contextmanager
    def wearing(self, weights: dict[str, Tensor]) -> Iterator[None]:
        """While open, the model on the bench is one that was handed over; then it is the dense one."""
        dense = self.dense()
        self._wear(weights)
        try:
            yield
        finally:
            self._wear(dense)

    def _wear(self, weights: dict[str, Tensor]) -> None:
        assert self.loaded is not None
        for name, weight in weights.items():
            self.loaded.model.get_submodule(name).weight.data = weight

    def _clear(self) -> None:
        """Let go of the old model before the new one comes."""
        self.loaded, self._of, self._scratch = None, None, None
        self._dense, self._changed = {}, {}
        self.windows.clear()


def _prunable(model: PreTrainedModel) -> dict[str, nn.Linear]:
    return {
        f"{path}.{name}": linear
        for path, block in find_blocks(model).items()
        for name, linear in linears(block).items()
    }


BENCH = Bench()
"""The one of this process."""
