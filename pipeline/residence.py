"""Moving weights to the accelerator for a while and back: the only place beside the block stream that does."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


@contextmanager
def resident(modules: Iterable[nn.Module], device: torch.device) -> Iterator[None]:
    """While open, the modules' own parameters and buffers (not their children's) are on `device`.

    Afterwards every parameter is the tensor it was before (mapped from disk, or in host memory); what was written to
    it in between is copied back, what was only read is not. Tied parameters stay tied.
    """
    moved: list[tuple[nn.Parameter, Tensor, int]] = []
    buffers: list[tuple[nn.Module, str, torch.device]] = []
    try:
        for module in modules:
            for parameter in module.parameters(recurse=False):
                if parameter.device != device:
                    home = parameter.data
                    parameter.data = home.to(device)
                    moved.append((parameter, home, parameter._version))
            for name, buffer in module.named_buffers(recurse=False):
                if buffer.device != device:
                    module._buffers[name] = buffer.to(device)
                    buffers.append((module, name, buffer.device))
        yield
    finally:
        for parameter, home, version in reversed(moved):
            if parameter._version != version:
                home.copy_(parameter.data)
            parameter.data = home
        for module, name, origin in buffers:
            module._buffers[name] = module.get_buffer(name).to(origin)
