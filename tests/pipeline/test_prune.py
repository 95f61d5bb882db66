"""Masks and weights equal those of the plain oracle bit for bit, in families of every kind of block."""

from typing import Any

import numpy as np
import oracle
import pytest
import torch
from families import LENGTH, N_BLOCKS, build, draw
from pydantic import TypeAdapter
from torch import Tensor, nn

from pipeline import methods
from pipeline.anatomy import find_blocks, linears
from pipeline.kernels import attention
from pipeline.kernels.products import SWITCH
from pipeline.masks import unpack
from pipeline.methods import CannotPrune
from pipeline.prune import BlockPruned, prune
from pipeline.spec import MethodSpec

CPU = torch.device("cpu")

FAMILIES = [
    "llama",
    "mistral",
    "qwen2",
    "qwen3",
    "gemma2",
    "gemma3_text",
    "cohere",
    "cohere2",
    "phi3",
    "gpt_neox",
    "olmo2",
    "olmo3",
    "opt",
    "exaone4",
]
SETTINGS: list[dict[str, Any]] = [
    {"sparsity": 0.5},
    {"sparsity": 0.3},
    {"sparsity": 0.9},
    {"pattern": "2:4"},
    {"pattern": "4:8"},
    {"pattern": "1:4"},
]


def spec(name: str, **settings: Any) -> Any:
    return TypeAdapter(MethodSpec).validate_python({"name": name, **settings})


def masks_of(done: list[BlockPruned]) -> dict[str, Tensor]:
    return {name: unpack(mask) for block in done for name, mask in block.masks.items()}


def assert_same(model: nn.Module, masks: dict[str, Tensor], other: nn.Module, others: dict[str, Tensor]) -> None:
    assert masks.keys() == others.keys()
    for name in masks:
        assert torch.equal(masks[name], others[name]), name
    theirs = dict(other.named_parameters())
    for name, parameter in model.named_parameters():
        assert torch.equal(parameter, theirs[name]), name


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize("family", FAMILIES)
def test_wanda_equals_the_oracle(family: str, settings: dict[str, Any]) -> None:
    tokens, wanda = draw(5), spec("wanda", **settings)
    model, other = build(family), build(family)
    masks = masks_of(list(prune(model, tokens, wanda, CPU, arithmetic="exact")))
    assert_same(model, masks, other, oracle.wanda(other, tokens, wanda.sparsity, wanda.group))


@pytest.mark.parametrize("settings", SETTINGS[:4], ids=str)
@pytest.mark.parametrize("family", FAMILIES[:4])
def test_magnitude_equals_the_oracle(family: str, settings: dict[str, Any]) -> None:
    magnitude = spec("magnitude", **settings)
    model, other = build(family), build(family)
    masks = masks_of(list(prune(model, None, magnitude, CPU)))
    assert_same(model, masks, other, oracle.magnitude(other, magnitude.sparsity, magnitude.group))


@pytest.mark.parametrize("family", ["llama", "gemma3_text", "opt", "cohere2"])
def test_batches_do_not_change_wanda(family: str) -> None:
    """Sums run over sequences one by one whatever the batch; here the forward is the same bit for bit, too."""
    one, many = build(family), build(family)
    masks = [masks_of(list(prune(m, draw(5), spec("wanda"), CPU, batch=b))) for m, b in ((one, 1), (many, 3))]
    assert_same(one, masks[0], many, masks[1])


def test_each_block_is_told_as_it_is_done() -> None:
    model = build("llama")
    names = [[f"{path}.{name}" for name in linears(block)] for path, block in find_blocks(model).items()]
    for index, done in enumerate(prune(model, draw(3), spec("wanda"), CPU)):
        assert (done.index, done.n_blocks, done.path) == (index, N_BLOCKS, f"model.layers.{index}")
        assert list(done.masks) == names[index]
        assert done.n_removed * 2 == done.n_weights
        for name, mask in done.masks.items():
            assert torch.equal(model.get_parameter(f"{name}.weight") == 0, unpack(mask))
        rows = done.summaries()
        assert rows[0].linear == "self_attn.q_proj"
        assert rows[0].path == names[index][0]
        assert (rows[0].n_rows, rows[0].n_columns, rows[0].n_removed) == (32, 32, 512)
        for later in names[index + 1 :]:
            assert all((model.get_parameter(f"{name}.weight") != 0).all() for name in later)


def test_a_kept_weight_may_be_zero() -> None:
    """The mask says what was removed, not where zeros are."""
    model = build("llama")
    weight = model.model.layers[0].self_attn.q_proj.weight
    weight.data[:, :20] = 0
    first = next(iter(prune(model, draw(3), spec("wanda"), CPU)))
    mask = unpack(first.masks["model.layers.0.self_attn.q_proj"])
    assert mask.sum(dim=1).tolist() == [16] * 32
    assert mask[:, :16].all()  # of equal scores the lowest columns go first
    assert (weight[:, 16:20] == 0).all()


def test_skipped_blocks_stay_dense_and_still_pass_pruned_inputs_on() -> None:
    model, untouched = build("qwen3"), build("qwen3")
    done = list(prune(model, draw(3), spec("wanda", skip_blocks=(0, -1)), CPU))
    assert [len(block.masks) for block in done] == [0, 7, 7, 0]
    for index in (0, 3):
        assert all(
            map(torch.equal, model.model.layers[index].parameters(), untouched.model.layers[index].parameters())
        )


def test_a_block_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="there is no block 7; the model has blocks 0 to 3"):
        list(prune(build("llama"), draw(2), spec("wanda", skip_blocks=(7,)), CPU))


def test_groups_that_do_not_fit_name_the_linear() -> None:
    message = r"model\.layers\.0\.mlp\.down_proj: 2:4 needs groups of 4 columns, and 30 is no multiple of 4"
    with pytest.raises(CannotPrune, match=message):
        list(prune(build("llama", intermediate_size=30), draw(2), spec("wanda", pattern="2:4"), CPU))


def test_a_broken_model_names_the_linear() -> None:
    model = build("llama")
    model.model.layers[1].self_attn.o_proj.weight.data[0, 0] = torch.nan
    with pytest.raises(CannotPrune, match=r"model\.layers\.1\.self_attn\.o_proj: .*NaN"):
        list(prune(model, draw(2), spec("wanda"), CPU))


@pytest.mark.parametrize("name", ["sparsegpt", "wanda_update"])
def test_an_update_too_large_for_the_dtype_names_the_linear(name: str) -> None:
    model = build("llama").half()
    weight = model.model.layers[0].mlp.down_proj.weight.data
    weight.copy_(torch.full_like(weight, 60_000.0))  # what is removed is added to what is kept: above 65,504
    with pytest.raises(CannotPrune, match=r"layers\.0\.mlp\.down_proj: its new weights hold NaN or infi.* raise"):
        list(prune(model, draw(3), spec(name), CPU))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("name", ["wanda", "magnitude"])
def test_half_precision_keeps_its_dtype_and_its_kept_weights(name: str, dtype: torch.dtype) -> None:
    model, dense = build("llama").to(dtype), build("llama").to(dtype)
    masks = masks_of(list(prune(model, draw(3), spec(name), CPU)))
    for path, mask in masks.items():
        weight, before = model.get_parameter(f"{path}.weight"), dense.get_parameter(f"{path}.weight")
        assert weight.dtype == dtype
        assert torch.equal(weight, before.masked_fill(mask, 0))
        assert 0.49 < mask.float().mean() < 0.55


def test_statistics_are_float32_whatever_the_model() -> None:
    statistics = methods.load("wanda").Statistics(8, CPU, "fast")  # type: ignore[misc,call-arg]
    inputs = torch.full((3, 50, 8), 200.0, dtype=torch.float16)  # its squares overflow float16
    statistics.add(inputs)
    assert statistics.mean_square_norm.dtype == torch.float32  # type: ignore[attr-defined]
    assert torch.allclose(statistics.mean_square_norm, torch.tensor(50 * 200.0**2))  # type: ignore[attr-defined]


def test_dense_prunes_nothing_and_text_is_asked_for_where_needed() -> None:
    assert list(prune(build("llama"), None, spec("dense"), CPU)) == []
    with pytest.raises(ValueError, match="reads calibration text"):
        list(prune(build("llama"), None, spec("wanda"), CPU))


def test_magnitude_never_runs_the_model() -> None:
    model = build("llama")
    model.model.embed_tokens.weight.data.fill_(torch.nan)
    assert sum(block.n_removed for block in prune(model, None, spec("magnitude"), CPU)) > 0


def test_a_method_that_does_not_exist_is_told_the_nearest() -> None:
    with pytest.raises(ValueError, match="no method 'wandda'; did you mean 'wanda'"):
        methods.load("wandda")


def test_embeddings_norms_and_head_stay_as_they_are() -> None:
    model, dense = build("gemma2"), build("gemma2")
    inside = set(masks_of(list(prune(model, draw(2, LENGTH), spec("wanda"), CPU))))
    for name, parameter in model.named_parameters():
        if name.removesuffix(".weight") not in inside:
            assert torch.equal(parameter, dense.get_parameter(name)), name


def test_a_loop_left_early_leaves_a_model_that_runs() -> None:
    model = build("llama")
    walk = prune(model, draw(3), spec("wanda"), CPU)
    next(walk)
    walk.close()  # type: ignore[attr-defined]
    assert not any("forward" in vars(module) or module._forward_pre_hooks for module in model.modules())
    with torch.no_grad():
        assert np.isfinite(model(input_ids=draw(1)).logits.numpy()).all()


@pytest.mark.parametrize(("arithmetic", "asked"), [("exact", "highest"), ("fast", "medium")])
def test_only_fast_arithmetic_changes_how_forwards_multiply(
    arithmetic: Any, asked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SWITCH, "bfloat16")
    plain, calls = attention.causal_attention, []
    monkeypatch.setattr(attention, "causal_attention", lambda *a: calls.append(arithmetic) or plain(*a))
    model, seen = build("llama"), set()
    for _, block in find_blocks(model).items():
        block.register_forward_pre_hook(lambda *_: seen.add(torch.get_float32_matmul_precision()))
    for _ in prune(model, draw(2), spec("wanda"), CPU, arithmetic=arithmetic):
        assert torch.get_float32_matmul_precision() == "highest"
    assert asked in seen
    assert arithmetic == "fast" or seen == {"highest"}
    assert set(calls) <= {"fast"}
    assert bool(calls) == (arithmetic == "fast")
