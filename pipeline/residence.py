"""Moving weights to the accelerator for a while and back. Only the block stream does so, too (and its prefetch)."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Protocol

import torch
from torch import Tensor, nn


class Fetched(Protocol):
    """Parameters' data that are on the device already."""

    def take(self, parameter: nn.Parameter) -> Tensor | None:
        """What the parameter is now, if it is there."""


@contextmanager
def resident(modules: Iterable[nn.Module], device: torch.device, fetched: Fetched | None = None) -> Iterator[None]:
    """While open, the modules' own parameters and buffers (not their children's) are on `device`.

    Afterwards every parameter is the tensor it was before (mapped from disk, or in host memory); what was written to
    it in between is copied back, what was only read is not. Tied parameters stay tied.
    fetched: what need not be copied now.
    """
    moved: list[tuple[nn.Parameter, Tensor, int]] = []
    buffers: list[tuple[nn.Module, str, torch.device]] = []
    try:
        for module in modules:
            for parameter in module.parameters(recurse=False):
                if parameter.device != device:
                    home = parameter.data
                    there = None if fetched is None else fetched.take(parameter)
                    there = home.to(device) if there is None else there
                    if there is not home:  # "cuda" is no other place than "cuda:0"
                        parameter.data = there
                        moved.append((parameter, home, parameter._version))
            for name, buffer in module.named_buffers(recurse=False):
                if buffer.device != device and (there := buffer.to(device)) is not buffer:
                    module._buffers[name] = there
                    buffers.append((module, name, buffer.device))
        yield
    finally:
        for parameter, home, version in reversed(moved):
            if parameter._version != version:
                home.copy_(parameter.data)
            parameter.data = home
        for module, name, origin in buffers:
            module._buffers[name] = module.get_buffer(name).to(origin)


def free_bytes(device: torch.device) -> int:
    """Of a GPU's memory, with what torch keeps of freed memory; 0 elsewhere."""
    if device.type != "cuda":
        return 0
    free, _ = torch.cuda.mem_get_info(device)
    return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
