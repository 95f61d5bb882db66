"""Where a block's FFN neurons are: the module that applies their non-linearity, and the linear that reads them.

Found by structure, so that fused projections (Phi 3), parallel blocks (Cohere) and FFNs without a gate (OPT,
GPT-NeoX: the activation itself) need no code of their own. A block has one module of transformers' activation
functions; it is the FFN's.
"""

import inspect

from torch import nn
from transformers.activations import ACT2CLS

from pipeline.anatomy import UnsupportedModel, linears


def activation_of(path: str, block: nn.Module) -> nn.Module:
    """The module whose output is act(gate). Raises UnsupportedModel where a block has none, or several."""
    found = {name: module for name, module in block.named_modules() if type(module) in _kinds()}
    if len(found) != 1:
        told = ", ".join(f"{name} ({type(module).__name__})" for name, module in found.items()) or "none"
        raise UnsupportedModel(
            f"{path}: FFN neurons are counted at the one activation function of a block; found {told}"
        )
    return next(iter(found.values()))


def reader_of(path: str, block: nn.Module, n_neurons: int, n_features: int) -> nn.Linear:
    """The down projection, which reads `n_neurons` and gives hidden states. Raises UnsupportedModel if unclear."""
    size = (n_neurons, n_features)
    fitting = {
        name: linear for name, linear in linears(block).items() if (linear.in_features, linear.out_features) == size
    }
    if len(fitting) != 1:
        told = ", ".join(fitting) or "none"
        raise UnsupportedModel(f"{path}: the down projection reads {n_neurons} and gives {n_features}; found {told}")
    return next(iter(fitting.values()))


def _kinds() -> set[type]:
    entries = [entry[0] if isinstance(entry, tuple) else entry for entry in ACT2CLS.values()]
    return {entry for entry in entries if inspect.isclass(entry)}
