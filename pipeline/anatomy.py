"""Where a Hugging Face decoder keeps its blocks and the linears inside them, and what we cannot stream.

`linear` is a weight matrix inside a block, by its dotted name. Embeddings, norms and the head belong to no block.
"""

from torch import nn
from transformers import PreTrainedModel
from transformers.modeling_layers import GradientCheckpointingLayer


class UnsupportedModel(ValueError):
    """A model that cannot be streamed block by block; says what is in the way, and where."""


def find_blocks(model: PreTrainedModel, *, empty: bool = False) -> dict[str, nn.Module]:
    """The model's blocks in order, by their dotted path ("model.layers.0").

    Blocks are the only non-empty ModuleList of GradientCheckpointingLayer under the decoder.
    empty: whether the model may be without weights (meta device).
    Raises UnsupportedModel for encoder-decoders, several or no such lists, weights not loaded, and blocks with
    weights outside nn.Linear.
    """
    kind = type(model).__name__
    if model.config.is_encoder_decoder:
        raise UnsupportedModel(f"{kind} is an encoder-decoder; only decoders can be streamed")
    decoder = model.get_decoder()
    lists = [module for module in decoder.modules() if _holds_blocks(module)]
    if len(lists) != 1:
        raise UnsupportedModel(
            f"{kind} has {len(lists)} lists of blocks (ModuleList of GradientCheckpointingLayer) under its decoder "
            f"{type(decoder).__name__}; exactly one is needed"
        )
    path = next(name for name, module in model.named_modules() if module is lists[0])
    blocks = {f"{path}.{name}": block for name, block in lists[0].named_children()}
    for name, block in blocks.items():
        _check(name, block, kind, empty=empty)
    return blocks


def linears(block: nn.Module) -> dict[str, nn.Linear]:
    """The block's nn.Linear modules by dotted name ("self_attn.q_proj"); a module used twice is listed once."""
    return {name: module for name, module in block.named_modules() if isinstance(module, nn.Linear)}


def _holds_blocks(module: nn.Module) -> bool:
    if not isinstance(module, nn.ModuleList) or len(module) == 0:
        return False
    return all(isinstance(child, GradientCheckpointingLayer) for child in module)


def _check(path: str, block: nn.Module, kind: str, *, empty: bool) -> None:
    """Refuse what pruning would silently skip or break."""
    inside = {id(linear.weight) for linear in linears(block).values()}
    outside: list[tuple[str, nn.Parameter]] = []
    for name, parameter in block.named_parameters():
        if parameter.is_meta and not empty:
            raise UnsupportedModel(
                f"{kind}: {path}.{name} is not loaded (meta device); load the model without offloading"
            )
        if id(parameter) in inside and not parameter.is_floating_point():
            raise UnsupportedModel(
                f"{kind}: {path}.{name} is packed as {parameter.dtype}; load the model without quantisation"
            )
        if parameter.ndim >= 2 and id(parameter) not in inside:
            outside.append((name, parameter))
    if outside:
        name, parameter = max(outside, key=lambda entry: entry[1].numel())
        owner = type(block.get_submodule(name.rpartition(".")[0])).__name__
        shape = "x".join(map(str, parameter.shape))
        fused = ": fused experts" if parameter.ndim == 3 and "expert" in owner.lower() else ""
        raise UnsupportedModel(
            f"{kind}: {path}.{name} ({shape}) is a weight of {owner}{fused}; pruning would leave it as it is, "
            "because it is not in an nn.Linear"
        )
    if not inside:
        raise UnsupportedModel(f"{kind}: {path} holds no nn.Linear: there is nothing to prune")
