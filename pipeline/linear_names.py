"""Whether the blocks and linears that a method's settings name are the model's."""

from collections.abc import Mapping

from torch import nn

from pipeline.anatomy import linears
from pipeline.spec.changing import Changing, Pruning, is_linear
from pipeline.spec.frozen import nearest


def check_names(spec: Changing, blocks: Mapping[str, nn.Module]) -> None:
    """Raise ValueError where the settings name a block or a linear that the model does not have."""
    listed = [("skip_blocks", spec.skip_blocks, "skip_linears", spec.skip_linears)]
    if isinstance(spec, Pruning):
        listed += [("override.blocks", o.blocks or (), "override.linears", o.linears or ()) for o in spec.override]
    names = sorted({name for block in blocks.values() for name in linears(block)})
    for of_blocks, indices, of_linears, wanted in listed:
        for index in indices:
            if not -len(blocks) <= index < len(blocks):
                raise ValueError(
                    f"{of_blocks}: there is no block {index}; the model has blocks 0 to {len(blocks) - 1}"
                )
        for name in wanted:
            if not any(is_linear(linear, (name,)) for linear in names):
                raise ValueError(f"{of_linears}: no linear '{name}' in the model's blocks; {nearest(name, names)}")
