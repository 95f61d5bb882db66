"""Blocks on an accelerator and back; needs one."""

import oracle
import pytest
import torch
from families import build, draw
from torch import Tensor

from pipeline.masks import unpack
from pipeline.prune import prune
from pipeline.residence import resident
from pipeline.spec import Wanda
from pipeline.stream import BlockStream

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")

CUDA = torch.device("cuda", 0)


def test_only_what_was_written_to_is_copied_back() -> None:
    model = build("llama")
    block = model.model.layers[0]
    homes = {name: value.data_ptr() for name, value in block.named_parameters()}
    with resident(block.modules(), CUDA), torch.no_grad():
        assert all(value.device == CUDA for value in block.parameters())
        block.mlp.up_proj.weight.mul_(2)
    assert {name: value.data_ptr() for name, value in block.named_parameters()} == homes
    assert torch.equal(block.mlp.up_proj.weight, build("llama").model.layers[0].mlp.up_proj.weight * 2)


@pytest.mark.parametrize("family", ["llama", "gemma3_text", "cohere2", "phi3", "bloom"])
def test_a_streamed_block_is_the_only_one_there(family: str) -> None:
    model, tokens = build(family), draw(5)
    stream = BlockStream(model, tokens, CUDA, batch=2)
    for block in stream:
        on_device = [value for value in model.parameters() if value.device == CUDA]
        assert {id(value) for value in on_device} == {id(value) for value in block.parameters()}
    logits = torch.cat([part.values.cpu() for part in stream.logits()])
    assert all(value.device.type == "cpu" for value in model.parameters())
    with torch.no_grad():
        assert torch.allclose(logits, model(input_ids=tokens).logits, atol=1e-4)


def test_wanda_on_the_device_is_nearly_the_oracle() -> None:
    model, plain, tokens = build("qwen3"), build("qwen3"), draw(5)
    masks: dict[str, Tensor] = {}
    for block in prune(model, tokens, Wanda(name="wanda"), CUDA):
        masks |= {name: unpack(mask) for name, mask in block.masks.items()}
    expected = oracle.wanda(plain, tokens, 0.5)
    same = sum(int((masks[name] == expected[name]).sum()) for name in masks)
    assert same > 0.995 * sum(mask.numel() for mask in masks.values())
    assert all(value.device.type == "cpu" for value in model.parameters())
    assert torch.equal(model.model.layers[0].mlp.up_proj.weight == 0, masks["model.layers.0.mlp.up_proj"])
