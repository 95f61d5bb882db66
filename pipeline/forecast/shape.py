"""What of a model decides memory, disk and time, from its configuration alone: it is built without its weights."""

from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import AutoConfig, AutoModelForCausalLM, PretrainedConfig

from pipeline import hub
from pipeline.anatomy import find_blocks, linears
from pipeline.forecast.place import Place
from pipeline.models import ModelError
from pipeline.spec.run import DType

LAST = ("o_proj", "out_proj", "down_proj", "c_proj", "fc2", "dense", "dense_4h_to_h", "wo", "w2")
"""Names of linears that end a part of a block, and so read a tensor of their own."""


@dataclass(frozen=True)
class Linear:
    """A linear of a block."""

    name: str
    rows: int
    columns: int

    @property
    def n_weights(self) -> int:
        return self.rows * self.columns

    @property
    def reads(self) -> tuple[str, int]:
        """Equal for linears that are handed the same tensor."""
        part, _, name = self.name.rpartition(".")
        return (self.name if name in LAST else part), self.columns


@dataclass(frozen=True)
class Shape:
    """A model as it is loaded. itemsize: bytes of a weight, own_itemsize: in the checkpoint. mapped: weights stay in
    the checkpoint's files, which is so unless they become another dtype. linears: of the largest block."""

    n_parameters: int
    itemsize: int
    own_itemsize: int
    mapped: bool
    n_blocks: int
    n_features: int
    n_tokens: int
    linears: tuple[Linear, ...]
    n_prunable: int
    tokenizer: int

    @property
    def n_bytes(self) -> int:
        """Of the checkpoint's weights."""
        return self.n_parameters * self.own_itemsize


def shape(place: Place, dtype: DType) -> Shape:
    """The shape of a model. Raises ModelError, and UnsupportedModel as pruning it would."""
    config = _config(place)
    own = _dtype(str(config.dtype or "float32"))
    wanted = own if dtype == "auto" else _dtype(dtype)
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config, dtype=wanted, trust_remote_code=False)
    blocks = find_blocks(model, empty=True)
    sizes = {path: sum(linear.weight.numel() for linear in linears(block).values()) for path, block in blocks.items()}
    largest = linears(blocks[max(sizes, key=lambda path: sizes[path])])
    text = config.get_text_config()
    return Shape(
        n_parameters=sum(parameter.numel() for parameter in model.parameters()),
        itemsize=wanted.itemsize,
        own_itemsize=own.itemsize,
        mapped=wanted == own,
        n_blocks=len(blocks),
        n_features=text.hidden_size,
        n_tokens=text.vocab_size,
        linears=tuple(Linear(name, *linear.weight.shape) for name, linear in largest.items()),
        n_prunable=sum(sizes.values()),
        tokenizer=place.tokenizer,
    )


def _dtype(name: str) -> torch.dtype:
    """ "bfloat16" or "torch.bfloat16"."""
    found: torch.dtype = getattr(torch, name.removeprefix("torch."))
    return found


def _config(place: Place) -> PretrainedConfig:
    try:
        return AutoConfig.from_pretrained(place.config, revision=place.revision, trust_remote_code=False)
    except (OSError, ValueError) as error:
        if not Path(place.config).is_dir() and (why := hub.unreachable()):
            raise ModelError(f"memory and masks can be told once it is here; {why}") from error
        words = " ".join(str(error).split())[:200]
        raise ModelError(f"no configuration of {place.name} to go by: {words}") from error
