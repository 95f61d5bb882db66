"""Settings that say which linears stay dense and how much others lose: bit for bit what plain rules make of them."""

from collections.abc import Callable
from typing import Any

import pytest
import second_order_oracle as oracle
import torch
from families import N_BLOCKS, build, draw
from oracle import blocks, linears_of, lowest_in_rows
from pydantic import TypeAdapter
from torch import Tensor, nn

from pipeline.masks import unpack
from pipeline.prune import prune
from pipeline.spec import MethodSpec

Rule = Callable[[Tensor, oracle.Sums, float], tuple[Tensor, Tensor]]
"""New weight and mask of a linear for a sparsity."""


def wanda(weight: Tensor, sums: oracle.Sums, sparsity: float) -> tuple[Tensor, Tensor]:
    mask = lowest_in_rows(torch.abs(weight) * torch.sqrt(sums.squares.reshape(1, -1)), sparsity)
    return torch.where(mask, 0.0, weight), mask


def magnitude(weight: Tensor, sums: oracle.Sums, sparsity: float) -> tuple[Tensor, Tensor]:  # noqa: ARG001
    size = torch.abs(weight)
    mask = size <= torch.sort(size.flatten())[0][int(size.numel() * sparsity)]
    return torch.where(mask, 0.0, weight), mask


RULES: dict[str, Rule] = {
    "wanda": wanda,
    "magnitude": magnitude,
    "sparsegpt": lambda weight, sums, sparsity: oracle.sparsegpt(weight, sums, sparsity, None, 128),
    "ria": lambda weight, sums, sparsity: oracle.ria(weight, sums, sparsity, None),
    "wanda_update": lambda weight, sums, sparsity: oracle.wanda_update(weight, sums, sparsity, None),
    "gptq": lambda weight, sums, _: oracle.gptq(weight, sums, 4, 128, False, False, 128),
}
SKIPS: dict[str, Any] = {"skip_blocks": [-1], "skip_linears": ["q_proj", "mlp.up_proj"]}
OVERRIDES = [
    {"blocks": [-2], "sparsity": 0.0},
    {"linears": ["down_proj"], "sparsity": 0.75},
    {"blocks": [1, -2], "linears": ["down_proj", "self_attn.o_proj"], "sparsity": 0.25},
]


def skipped(block: int, name: str) -> bool:
    """What SKIPS says of a linear of a Llama."""
    return block == N_BLOCKS - 1 or name in ("self_attn.q_proj", "mlp.up_proj")


def overridden(block: int, name: str) -> float | None:
    """What OVERRIDES says of it: a sparsity of 0 leaves it dense."""
    if block in (1, N_BLOCKS - 2) and name in ("mlp.down_proj", "self_attn.o_proj"):
        return 0.25
    if name == "mlp.down_proj":
        return 0.75
    return None if block == N_BLOCKS - 2 else 0.5


@torch.no_grad()
def plainly(model: nn.Module, rule: Rule, sparsity: Callable[[int, str], float | None]) -> dict[str, Tensor]:
    """Prune in place by a rule where a linear has a sparsity; the masks by path."""
    masks: dict[str, Tensor] = {}
    for index, (path, block) in enumerate(blocks(model)):
        sums = oracle.input_sums(model, block, draw(4))
        for name, linear in linears_of(block):
            if (share := sparsity(index, name)) is not None:
                linear.weight.data, masks[f"{path}.{name}"] = rule(linear.weight.data, sums[name], share)
    return masks


def assert_as_defined(name: str, settings: dict[str, Any], sparsity: Callable[[int, str], float | None]) -> None:
    spec: Any = TypeAdapter(MethodSpec).validate_python({"name": name, **settings})
    model, other = build("llama"), build("llama")
    done = list(prune(model, draw(4), spec, torch.device("cpu"), arithmetic="exact"))
    expected = plainly(other, RULES[name], sparsity)
    masks = {path: unpack(mask) for block in done for path, mask in block.masks.items()}
    assert masks.keys() == (set() if name == "gptq" else expected.keys())
    for path, mask in masks.items():
        assert torch.equal(mask, expected[path]), path
    for path, parameter in model.named_parameters():
        assert torch.equal(parameter, other.get_parameter(path)), path


@pytest.mark.parametrize("name", list(RULES))
def test_linears_left_dense(name: str) -> None:
    assert_as_defined(name, SKIPS, lambda block, linear: None if skipped(block, linear) else 0.5)


@pytest.mark.parametrize("name", [name for name in RULES if name != "gptq"])
def test_other_sparsities(name: str) -> None:
    assert_as_defined(name, {"override": OVERRIDES}, overridden)


@pytest.mark.parametrize("name", [name for name in RULES if name != "gptq"])
def test_skips_and_sparsities_together(name: str) -> None:
    settings = {**SKIPS, "sparsity": 0.5, "override": OVERRIDES}
    assert_as_defined(name, settings, lambda at, linear: None if skipped(at, linear) else overridden(at, linear))
