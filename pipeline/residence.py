"""Moving weights to the accelerator for a while and back. Only the block stream does so, too (and its prefetch)."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Moved:
    """A parameter away from home, and its version when it came."""

    parameter: nn.Parameter
    home: Tensor
    version: int

    @property
    def changed(self) -> bool:
        """Whether it was written to since."""
        return self.parameter._version != self.version


class Carrier(Protocol):
    """Copies weights while others are worked on."""

    def take(self, parameter: nn.Parameter) -> Tensor | None:
        """What the parameter is now, if it is on the device."""

    def is_home(self, parameter: nn.Parameter) -> bool:
        """Whether what the parameter is now was copied home."""


@contextmanager
def resident(
    modules: Iterable[nn.Module], device: torch.device, carrier: Carrier | None = None
) -> Iterator[list[Moved]]:
    """While open, the modules' own parameters and buffers (not their children's) are on `device`.

    Afterwards every parameter is the tensor it was before (mapped from disk, or in host memory); what was written to
    it in between is copied back, what was only read is not. Tied parameters stay tied.
    carrier: of what need not be copied now.
    """
    moved: list[Moved] = []
    buffers: list[tuple[nn.Module, str, torch.device]] = []
    try:
        for module in modules:
            for parameter in module.parameters(recurse=False):
                if parameter.device != device:
                    home = parameter.data
                    there = None if carrier is None else carrier.take(parameter)
                    there = home.to(device) if there is None else there
                    if there is not home:  # "cuda" is no other place than "cuda:0"
                        parameter.data = there
                        moved.append(Moved(parameter, home, parameter._version))
            for name, buffer in module.named_buffers(recurse=False):
                if buffer.device != device and (there := buffer.to(device)) is not buffer:
                    module._buffers[name] = there
                    buffers.append((module, name, buffer.device))
        yield moved
    finally:
        for one in reversed(moved):
            if one.changed and not (carrier and carrier.is_home(one.parameter)):
                one.home.copy_(one.parameter.data)
            one.parameter.data = one.home
        for module, name, origin in buffers:
            module._buffers[name] = module.get_buffer(name).to(origin)


def free_bytes(device: torch.device) -> int:
    """Of a GPU's memory, with what torch keeps of freed memory; 0 elsewhere."""
    if device.type != "cuda":
        return 0
    free, _ = torch.cuda.mem_get_info(device)
    return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
