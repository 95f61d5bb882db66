"""Whole models, streamed: exact equals the oracle bit for bit, family by method; fast is close block by block."""

import copy
from functools import partial
from typing import Any

import pytest
import second_order_oracle as oracle
import torch
from families import FAMILIES, build, draw
from pydantic import TypeAdapter
from torch import Tensor, nn

from pipeline import methods
from pipeline.anatomy import find_blocks, linears
from pipeline.kernels.products import SWITCH
from pipeline.masks import unpack
from pipeline.methods import CannotPrune, Pruned
from pipeline.prune import prune
from pipeline.spec import GPTQ, RIA, MethodSpec, SparseGPT
from pipeline.stream import BlockStream
from pipeline.watch import watch

CPU = torch.device("cpu")
TOLD = ["llama", "qwen3", "gemma3_text", "cohere", "cohere2", "phi3", "mistral", "olmo2"]
"""The families that the issue names; the others are tried with two methods."""

SETTINGS: list[dict[str, Any]] = [
    {"name": "sparsegpt"},
    {"name": "sparsegpt", "pattern": "2:4", "blocksize": 16},
    {"name": "sparsegpt", "pattern": "4:8"},
    {"name": "sparsegpt", "sparsity": 0.3, "blocksize": 20},
    {"name": "gptq", "group_size": 16, "blocksize": 16},
    {"name": "gptq", "group_size": 0, "bits": 3},
    {"name": "gptq", "group_size": 8, "blocksize": 16, "act_order": True},
    {"name": "ria"},
    {"name": "ria", "pattern": "2:4"},
    {"name": "wanda_update"},
    {"name": "wanda_update", "pattern": "2:4"},
]


def spec(settings: dict[str, Any]) -> Any:
    return TypeAdapter(MethodSpec).validate_python(settings)


def plainly(method: Any, weight: Tensor, sums: oracle.Sums) -> tuple[Tensor, Tensor]:
    """One linear by the oracle."""
    if isinstance(method, SparseGPT):
        return oracle.sparsegpt(weight, sums, method.sparsity, method.group, method.blocksize)
    if isinstance(method, GPTQ):
        return oracle.gptq(
            weight, sums, method.bits, method.group_size, method.act_order, method.symmetric, method.blocksize
        )
    function = oracle.ria if isinstance(method, RIA) else oracle.wanda_update
    return function(weight, sums, method.sparsity, method.group)


def assert_exact(family: str, method: Any) -> None:
    tokens = draw(5)
    model, other = build(family), build(family)
    done = list(prune(model, tokens, method, CPU, arithmetic="exact"))
    expected = oracle.prune_model(other, tokens, lambda weight, sums: plainly(method, weight, sums))
    masks = {name: unpack(mask) for block in done for name, mask in block.masks.items()}
    assert masks.keys() == (set() if isinstance(method, GPTQ) else expected.keys())
    for name, mask in masks.items():
        assert torch.equal(mask, expected[name]), name
    theirs = dict(other.named_parameters())
    for name, parameter in model.named_parameters():
        assert torch.equal(parameter, theirs[name]), name


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize("family", TOLD)
def test_exact_equals_the_oracle(family: str, settings: dict[str, Any]) -> None:
    assert_exact(family, spec(settings))


@pytest.mark.parametrize("settings", [SETTINGS[0], SETTINGS[4]], ids=str)
@pytest.mark.parametrize("family", ["gpt_neox", "opt", "qwen2", "gemma2", "olmo3", "exaone4"])
def test_exact_equals_the_oracle_in_other_families(family: str, settings: dict[str, Any]) -> None:
    assert family in FAMILIES
    assert_exact(family, spec(settings))


@pytest.mark.parametrize("settings", [{"name": "wanda"}, *(SETTINGS[at] for at in (0, 1, 4, 9))], ids=str)
@pytest.mark.parametrize("family", TOLD)
def test_fast_is_close_on_the_same_inputs(
    family: str, settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Teacher forcing: both prune each block as the exact run left those before it, fast with its own forwards,
    batches and, where the processor has AMX, products."""
    monkeypatch.delenv(SWITCH)
    method = spec(settings)
    module = methods.load(method.name)
    model, tokens = build(family), draw(24)
    exact, fast = BlockStream(model, tokens, CPU, batch=1), BlockStream(model, tokens, CPU, fast=True)
    agree, shares, either = 0, [], 0
    for block, _ in zip(exact, fast, strict=True):
        fast._hidden.write(slice(None), exact._hidden.read(slice(None)))
        kept = pruned(method, module, exact, block, "exact")
        for name, other in pruned(method, module, fast, block, "fast").items():
            own = kept[name]
            if own.mask is not None and other.mask is not None:
                agree += int((own.mask & other.mask).sum())
                either += int((own.mask | other.mask).sum())
            shares.append(torch.isclose(own.weight, other.weight, atol=1e-3).float().mean())
            linears(block)[name].weight.data.copy_(own.weight)
    assert isinstance(method, GPTQ) or agree / either > 0.999
    assert torch.stack(shares).mean() > 0.999


def pruned(method: Any, module: Any, stream: BlockStream, block: nn.Module, arithmetic: str) -> dict[str, Pruned]:
    """What becomes of the linears of the stream's current block, which stays as it is."""
    kind = partial(module.Statistics, arithmetic=arithmetic)
    with watch(linears(block), kind, stream.length) as statistics:
        for _ in stream.run(block):
            pass
    with torch.no_grad():
        return {name: module.prune(method, own.weight, statistics[name]) for name, own in linears(block).items()}


def test_a_run_is_the_same_twice() -> None:
    for settings in SETTINGS[0], SETTINGS[5]:
        one, two = build("llama"), build("llama")
        for model in (one, two):
            list(prune(model, draw(6), spec(settings), CPU))
        for name, parameter in one.named_parameters():
            assert torch.equal(parameter, two.get_parameter(name))


def test_the_error_names_the_linear() -> None:
    model = build("llama")
    method = SparseGPT(name="sparsegpt", percdamp=0.0)
    with pytest.raises(CannotPrune, match=r"^model\.layers\.0\.self_attn\.q_proj: the Hessian .* percdamp = 0 "):
        list(prune(model, draw(1, length=8), method, CPU))


def test_half_precision_models_are_pruned_with_float32_statistics() -> None:
    for dtype in (torch.bfloat16, torch.float16):
        model = build("llama").to(dtype)
        done = list(prune(model, draw(6), SparseGPT(name="sparsegpt"), CPU))
        assert sum(block.n_removed for block in done) / sum(block.n_weights for block in done) == pytest.approx(
            0.5, abs=0.01
        )
        assert all(parameter.dtype == dtype and parameter.isfinite().all() for parameter in model.parameters())


def test_sparsities_differ_by_block_and_linear_where_asked() -> None:
    method = spec(
        {
            "name": "sparsegpt",
            "skip_linears": ["o_proj"],
            "skip_blocks": [-1],
            "override": [{"blocks": [0], "sparsity": 0.25}, {"linears": ["mlp.down_proj"], "sparsity": 0.75}],
        }
    )
    model = build("llama")
    dense = copy.deepcopy(model)
    done = list(prune(model, draw(8), method, CPU))
    reached = {name: mask.n_removed / mask.n_weights for block in done for name, mask in block.masks.items()}
    assert not any("o_proj" in name or "layers.3" in name for name in reached)
    assert reached["model.layers.0.self_attn.q_proj"] == pytest.approx(0.25, abs=0.01)
    assert reached["model.layers.0.mlp.down_proj"] == pytest.approx(0.75, abs=0.01)
    assert reached["model.layers.1.self_attn.q_proj"] == pytest.approx(0.5, abs=0.01)
    for path, block in find_blocks(dense).items():
        for name, linear in linears(block).items():
            if f"{path}.{name}" not in reached:
                assert torch.equal(linear.weight, model.get_parameter(f"{path}.{name}.weight"))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"skip_linears": ["q_prj"]}, "skip_linears: no linear 'q_prj' in the model's blocks; did you mean"),
        ({"override": [{"blocks": [4], "sparsity": 0.1}]}, "override.blocks: there is no block 4"),
        ({"override": [{"linears": ["gate"], "sparsity": 0.1}]}, "override.linears: no linear 'gate'"),
    ],
)
def test_names_that_the_model_does_not_have_are_told(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        list(prune(build("llama"), draw(2), spec({"name": "sparsegpt", **settings}), CPU))
