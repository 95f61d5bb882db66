"""Blocks on an accelerator and back. "cpu:0" stands in for one: torch copies to it as to another device."""

import oracle
import pytest
import torch
from families import build, draw
from torch import nn

from pipeline.devices import Device
from pipeline.masks import unpack
from pipeline.prune import prune
from pipeline.residence import resident
from pipeline.spec import Magnitude, Wanda
from pipeline.stream import BlockStream
from pipeline.work import target

STAND_IN = torch.device("cpu", 0)
CUDA = pytest.param(
    torch.device("cuda", 0), marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
)
DEVICES = pytest.mark.parametrize("device", [STAND_IN, CUDA])
FAMILIES = pytest.mark.parametrize("family", ["llama", "gemma3_text", "cohere2", "phi3", "bloom"])


def places(model: nn.Module) -> dict[str, int]:
    """Where every parameter lies in memory."""
    return {name: value.data_ptr() for name, value in model.named_parameters()}


@DEVICES
def test_only_what_was_written_to_is_copied_back(device: torch.device) -> None:
    block, dense = build("llama").model.layers[0], build("llama").model.layers[0]
    at_home = places(block)
    with resident(block.modules(), device), torch.no_grad():
        assert not set(places(block).values()) & set(at_home.values())
        block.mlp.up_proj.weight.mul_(2)
        block.mlp.gate_proj.weight.data.mul_(2)  # behind autograd's back: not noticed
    assert places(block) == at_home
    assert torch.equal(block.mlp.up_proj.weight, dense.mlp.up_proj.weight * 2)
    assert torch.equal(block.mlp.gate_proj.weight, dense.mlp.gate_proj.weight)


@DEVICES
def test_tied_weights_stay_tied(device: torch.device) -> None:
    model = build("gemma2")
    at_home = places(model)
    with resident(model.modules(), device), torch.no_grad():
        assert model.lm_head.weight is model.model.embed_tokens.weight
        model.lm_head.weight.mul_(2)
    assert model.lm_head.weight is model.model.embed_tokens.weight
    assert places(model) == at_home
    assert torch.equal(model.lm_head.weight, build("gemma2").lm_head.weight * 2)


@FAMILIES
@DEVICES
def test_a_streamed_block_is_the_only_one_there(family: str, device: torch.device) -> None:
    model, tokens = build(family), draw(5)
    at_home = places(model)
    stream = BlockStream(model, tokens, device, batch=2)
    for path, block in zip(stream.blocks, stream, strict=True):
        here = {name for name, place in places(model).items() if place != at_home[name]}
        assert here == {f"{path}.{name}" for name, _ in block.named_parameters()}
    logits = torch.cat([part.values.cpu() for part in stream.logits()])
    assert places(model) == at_home
    with torch.no_grad():
        assert torch.allclose(logits, model(input_ids=tokens).logits, atol=1e-4)


@FAMILIES
@DEVICES
def test_pruning_there_changes_the_weights_here(family: str, device: torch.device) -> None:
    model, plain, tokens = build(family), build(family), draw(5)
    at_home = places(model)
    found = {
        name: unpack(mask)
        for block in prune(model, tokens, Wanda(name="wanda"), device)
        for name, mask in block.masks.items()
    }
    expected = oracle.wanda(plain, tokens, 0.5)
    same = sum(int((found[name] == expected[name]).sum()) for name in expected)
    n_weights = sum(mask.numel() for mask in expected.values())
    assert same == n_weights if device.type == "cpu" else same > 0.99 * n_weights
    assert places(model) == at_home
    for name, mask in found.items():
        assert torch.equal(model.get_parameter(f"{name}.weight") == 0, mask)


@DEVICES
def test_pruning_without_text_there_changes_the_weights_here(device: torch.device) -> None:
    model, plain = build("llama"), build("llama")
    at_home = places(model)
    list(prune(model, None, Magnitude(name="magnitude"), device))
    oracle.magnitude(plain, 0.5)
    assert places(model) == at_home
    assert all(torch.equal(value, plain.get_parameter(name)) for name, value in model.named_parameters())


def test_a_claimed_gpu_has_the_name_that_its_tensors_give(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tensor on "cuda" says that it is on "cuda:0", which would be another place: twins would move it again."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert target(Device("cuda", "GPU-aaa", 3)) == torch.device("cuda", 0)
    assert target(Device("cpu", "cpu-0", 0)) == torch.zeros(0).device
