"""The model that a run's record tells of, and whether one that is made again is that one.

Pruning gives the same weights only from the same model and text, on the same kind of machine, with the same number of
threads, versions and products. Where a run has measurements, or its model is handed on, anything else is an error.
"""

import hashlib
import json
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from pipeline.anatomy import linears
from pipeline.kernels.products import SWITCH, products_of, word_for
from pipeline.models import Loaded
from pipeline.prune import BlockPruned
from pipeline.record import AnotherModel, noted
from pipeline.text import Tokens
from store.folders import RunFolder

PRODUCTS = "float32 products of"
"""The entry in a record's versions that says how float32 was multiplied while pruning."""

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Recorded:
    """What is known of a run's model; of a run that is free to become any, nothing.

    row, here: columns of table `run` as recorded and as they would be here. masks: SHA-256 by block and linear.
    remedy: what to do about another model, said at the end of a message.
    """

    row: Row = field(default_factory=dict)
    here: Row = field(default_factory=dict)
    masks: Mapping[tuple[int, str], str] = field(default_factory=dict)
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    remedy: str = ""

    @classmethod
    def of(cls, folder: RunFolder, row: Row, here: Row, device: torch.device, remedy: str = "") -> "Recorded":
        """What the run's folder and its row of table `run` tell."""
        masks = {(mask["block"], mask["linear"]): mask["sha256"] for mask in noted(folder, "mask_summary")}
        return cls(row, here, masks, device, remedy)

    @property
    def differences(self) -> str:
        """Where the run's model was made, and what is different here."""
        made, here = (f"on {at.get('device')} with {at.get('threads')} threads" for at in (self.row, self.here))
        told = [f"The run was made {made}" + ("" if made == here else f", here it is {here}")]
        there, now = ({"host": at.get("host"), **versions_in(at)} for at in (self.row, self.here))
        told += [f"{name} {there.get(name)} there, {now[name]} here" for name in now if there.get(name) != now[name]]
        return "; ".join([*told, *filter(None, [self.products])])

    @property
    def products(self) -> str:
        """How float32 is multiplied here, where the run's was multiplied otherwise; and how to have it as there."""
        there, here = versions_in(self.row).get(PRODUCTS), products_of(self.device)
        if there in (None, here):
            return ""
        word = word_for(there, self.device)
        able = f"{SWITCH}={word} gives" if word else f"{SWITCH} not set gives"
        how = "this machine cannot do them" if word is None else f"{able} those of there"
        return f"{PRODUCTS} {there} there, {here} here ({how})"

    @property
    def knows_weights(self) -> bool:
        """Whether there is anything that pruned weights can be checked against."""
        return bool(self.masks or self.row.get("weights_sha256"))

    def check_model(self, loaded: Loaded) -> None:
        """Raise AnotherModel unless the dense model is the one that the run had."""
        if (known := self.row.get("model_revision")) not in (None, loaded.revision):
            raise AnotherModel(
                f"{loaded.name} is another one now: the run has revision {known}, here is {loaded.revision} "
                f"({loaded.source}){self.remedy}"
            )

    def check_text(self, tokens: Tokens, source: str) -> None:
        """Raise AnotherModel unless the calibration text is the one that the run had."""
        if (known := self.row.get("calibration_sha256")) not in (None, tokens.sha256):
            raise AnotherModel(
                f"the calibration text from {source} is another one now (SHA-256 of its tokens "
                f"{tokens.sha256[:12]}, in the run {known[:12]}). {self.differences}{self.remedy}"
            )

    def remaking(self, model: PreTrainedModel) -> "Remaking":
        """To follow the dense model as it is pruned."""
        return Remaking(self, model)


@dataclass
class Remaking:
    """A model on its way. Show it every block when it is pruned, then ask for the `result`.

    A block is hashed when the next one is shown, and so its weights are at home again.
    n_masks: those compared so far.
    """

    recorded: Recorded
    model: PreTrainedModel
    n_masks: int = 0
    _sha256: "hashlib._Hash" = field(default_factory=hashlib.sha256)
    _worker: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "hash"))
    _under_way: "Future[None] | None" = None
    _last: str | None = None

    def add(self, block: BlockPruned) -> None:
        """Raises AnotherModel for a mask that is not the run's."""
        self._hash_last()
        self._last = block.path
        if self.recorded.masks or not self.recorded.row.get("weights_sha256"):
            self._check_masks(block)

    def result(self) -> str:
        """SHA-256 of the weights, as table `run` keeps it. Raises AnotherModel where it is not the run's."""
        if self.n_masks != (n_expected := len(self.recorded.masks)):
            raise self._another(f"{self.n_masks} linears were pruned, and {n_expected} when the run was made")
        self._hash_last()
        self._settle()
        found, known = self._sha256.hexdigest(), self.recorded.row.get("weights_sha256")
        if known not in (None, found):
            raise self._another(
                f"the pruned weights are not those that the run had (SHA-256 {found[:12]}, in the run {known[:12]})"
            )
        return found

    def _hash_last(self) -> None:
        if self._last is None:
            return
        found = linears(self.model.get_submodule(self._last))
        weights = {f"{self._last}.{name}": linear.weight.data.contiguous() for name, linear in found.items()}
        self._settle()
        if self.recorded.device.type == "cpu":
            self._hash(weights)
        else:  # a GPU prunes meanwhile, and the host has little to do
            self._under_way = self._worker.submit(self._hash, weights)

    def _hash(self, weights: Mapping[str, Tensor]) -> None:
        for name, weight in weights.items():
            self._sha256.update(name.encode())
            self._sha256.update(weight.view(torch.uint8).flatten().numpy().data)

    def _settle(self) -> None:
        if self._under_way is not None:
            self._under_way.result()

    def _check_masks(self, block: BlockPruned) -> None:
        if not self.recorded.row:
            return
        for mask in block.summaries():
            if self.recorded.masks.get((mask.block, mask.linear)) != mask.sha256:
                raise self._another(f"the mask of {mask.path} is not the one that the run had")
            self.n_masks += 1

    def _another(self, what: str) -> AnotherModel:
        return AnotherModel(
            f"{what}: pruning gives the same model only on the same kind of machine, with the same number of threads "
            f"and versions. {self.recorded.differences}{self.recorded.remedy}"
        )


def versions_in(row: Row) -> dict[str, str]:
    """The versions of a row, which are JSON once they were written."""
    versions = row.get("versions") or {}
    return dict(json.loads(versions) if isinstance(versions, str) else versions)
