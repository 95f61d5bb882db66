"""Pruning as the references' scripts do it, written plainly: what the benchmark compares with.

One sequence at a time through each block, a hook and a Hessian for every linear, full sorts, a Python loop over
columns, two buffers of hidden states, torch's default settings. Llama-like models only.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import second_order_oracle as oracle
import torch
from oracle import linears_of, lowest_in_groups, lowest_in_rows
from torch import Tensor, nn

Seconds = dict[str, float]


class Caught(Exception):
    """The first block has been called."""


def rules(method: Any) -> oracle.Prune:
    """New weight and mask of a linear for a method's settings."""
    if method.name == "sparsegpt":
        return lambda w, sums: oracle.sparsegpt(w, sums, method.sparsity, method.group, method.blocksize)
    if method.name == "gptq":
        return lambda w, sums: oracle.gptq(w, sums, method.bits, method.group_size, False, False, method.blocksize)
    return lambda w, sums: wanda(w, sums, method.sparsity, method.group)


def wanda(weight: Tensor, sums: oracle.Sums, sparsity: float, group: tuple[int, int] | None) -> tuple[Tensor, Tensor]:
    metric = torch.abs(weight) * torch.sqrt(sums.squares.reshape(1, -1))
    mask = lowest_in_rows(metric, sparsity) if group is None else lowest_in_groups(metric, *group)
    weight = weight.clone()
    weight[mask] = 0
    return weight, mask


@torch.no_grad()
def prune(model: Any, tokens: Tensor, method: Any) -> tuple[dict[str, Tensor], Seconds]:
    """Prune in place. Masks by path, and the seconds of each phase."""
    seconds = dict.fromkeys(("forward", "statistics", "update"), 0.0)
    masks: dict[str, Tensor] = {}
    rule = rules(method)
    inputs, arguments = catch(model, tokens)
    outputs = torch.zeros_like(inputs)
    for index, block in enumerate(model.model.layers):
        with gathering(block, method.name, seconds) as sums, clock(seconds, "forward", minus="statistics"):
            for j in range(len(inputs)):
                outputs[j] = block(inputs[j][None], **arguments)[0]
        with clock(seconds, "update"):
            for name, linear in linears_of(block):
                weight, masks[f"model.layers.{index}.{name}"] = rule(linear.weight.data.float(), sums[name])
                linear.weight.data = weight.to(linear.weight.dtype)
        with clock(seconds, "forward"):
            for j in range(len(inputs)):
                outputs[j] = block(inputs[j][None], **arguments)[0]
        inputs, outputs = outputs, inputs
    return masks, seconds


def catch(model: Any, tokens: Tensor) -> tuple[Tensor, dict[str, Any]]:
    """The first block's inputs, and what else it is called with (the same for every block of a Llama)."""
    rows: list[Tensor] = []
    seen: dict[str, Any] = {}

    def hook(module: nn.Module, positional: tuple[Any, ...], keywords: dict[str, Any]) -> None:  # noqa: ARG001
        rows.append(positional[0])
        seen.update(keywords)
        raise Caught

    handle = model.model.layers[0].register_forward_pre_hook(hook, with_kwargs=True)
    for sequence in tokens:
        try:
            model(input_ids=sequence[None], use_cache=False)
        except Caught:
            continue
    handle.remove()
    return torch.cat(rows), seen


@contextmanager
def gathering(block: nn.Module, method: str, seconds: Seconds) -> Iterator[dict[str, Any]]:
    """Sums of every linear, by name, while open: a Hessian, or for Wanda the norms alone."""
    sums: dict[str, Any] = {}
    handles = []
    for name, linear in linears_of(block):
        n = linear.in_features
        sums[name] = Norms(n) if method == "wanda" else Hessian(n)
        handles.append(linear.register_forward_hook(adding(sums[name], seconds)))
    try:
        yield sums
    finally:
        for handle in handles:
            handle.remove()


def adding(sums: Any, seconds: Seconds) -> Callable[..., None]:
    def hook(module: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> None:  # noqa: ARG001
        with clock(seconds, "statistics"):
            sums.add(inputs[0].reshape(-1, inputs[0].shape[-1]))

    return hook


class Norms:
    """Wanda's running mean."""

    def __init__(self, columns: int) -> None:
        self.squares, self.count = torch.zeros(columns), 0

    def add(self, sequence: Tensor) -> None:
        self.squares *= self.count / (self.count + 1)
        self.count += 1
        self.squares += torch.norm(sequence.t().float(), p=2, dim=1) ** 2 / self.count


class Hessian:
    """The running mean of SparseGPT and GPTQ."""

    def __init__(self, columns: int) -> None:
        self.hessian, self.count = torch.zeros(columns, columns), 0

    def add(self, sequence: Tensor) -> None:
        self.hessian *= self.count / (self.count + 1)
        self.count += 1
        x = (2 / self.count) ** 0.5 * sequence.t().float()
        self.hessian += x.matmul(x.t())


@contextmanager
def clock(seconds: Seconds, phase: str, minus: str = "") -> Iterator[None]:
    """Add the time spent inside to a phase, without what another phase took of it."""
    started, other = time.perf_counter(), seconds.get(minus, 0.0)
    yield
    seconds[phase] += time.perf_counter() - started - (seconds.get(minus, 0.0) - other)
