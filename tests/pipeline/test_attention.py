"""Causal attention of our own against its definition in float64, and when it takes the place of torch's."""

import math
from typing import Any

import pytest
import torch
from families import build
from test_kernels import needs_compiler
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from pipeline.kernels import attention
from pipeline.kernels.attention import causal_attention
from pipeline.kernels.products import fast_products

pytestmark = needs_compiler

CPU = torch.device("cpu")
SHAPES = [
    (1, 9, 3, 512, 64), (2, 4, 4, 77, 40), (1, 2, 1, 1, 16), (3, 2, 2, 8, 5), (1, 4, 2, 513, 96), (1, 3, 1, 1100, 64),
    (1, 2, 1, 65, 256), (1, 1, 1, 33, 33),
]  # fmt: skip
"""batch, heads, groups, length, depth"""


def inputs(batch: int, heads: int, groups: int, length: int, depth: int, dtype: torch.dtype) -> tuple[Tensor, ...]:
    """Queries, keys and values as a model has them: tokens outside, heads inside."""
    generator = torch.Generator().manual_seed(7)
    drawn = (torch.randn(batch, length, n, depth, generator=generator) for n in (heads, groups, groups))
    return tuple(tensor.to(dtype).transpose(1, 2) for tensor in drawn)


def definition(query: Tensor, key: Tensor, value: Tensor, scale: float) -> Tensor:
    """Head by head, token by token, in float64."""
    result = torch.zeros_like(query, dtype=torch.float64)
    batch, heads, length, _ = query.shape
    per_group = heads // key.shape[1]
    for b in range(batch):
        for h in range(heads):
            q, k, v = (t.double() for t in (query[b, h], key[b, h // per_group], value[b, h // per_group]))
            for t in range(length):
                result[b, h, t] = torch.softmax(scale * (k[: t + 1] @ q[t]), 0) @ v[: t + 1]
    return result


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 2e-6), (torch.bfloat16, 4e-3)])
def test_equals_its_definition(shape: tuple[int, ...], dtype: torch.dtype, tolerance: float) -> None:
    query, key, value = inputs(*shape, dtype)  # type: ignore[call-arg]
    found = causal_attention(query, key, value, 0.3)
    assert found is not None
    assert (found.shape, found.dtype) == (query.shape, dtype)
    expected = definition(query, key, value, 0.3)
    assert float((found.double() - expected).norm() / expected.norm()) < tolerance
    assert float((found.double() - expected).abs().max()) < 10 * tolerance


def test_large_scores_leave_one_token() -> None:
    """Where float32's exponential would overflow or vanish; a score of 1,000 is known to 1e-4."""
    query, key, value = inputs(1, 2, 2, 600, 32, torch.float32)
    found = causal_attention(200 * query, key, value, 1.0)
    assert found is not None
    assert torch.allclose(found.double(), definition(200 * query, key, value, 1.0), atol=5e-3)


def test_no_token_sees_a_later_one() -> None:
    query, key, value = inputs(1, 2, 1, 100, 16, torch.float32)
    before = causal_attention(query, key, value, 0.25)
    key[:, :, 60:], value[:, :, 60:] = 1e4, 1e4
    after = causal_attention(query, key, value, 0.25)
    assert before is not None
    assert after is not None
    assert torch.equal(before[:, :, :60], after[:, :, :60])
    assert not torch.isclose(before[:, :, 60:], after[:, :, 60:]).any()


@pytest.mark.parametrize("wrong", [float("nan"), float("inf")])
@pytest.mark.parametrize("token", [10, 37])
@pytest.mark.parametrize("which", [0, 1, 2])
def test_what_is_no_number_stays_visible(which: int, token: int, wrong: float) -> None:
    tensors = inputs(1, 1, 1, 40, 16, torch.float32)
    tensors[which][:, :, token, 3] = wrong
    found = causal_attention(*tensors, 0.25)
    assert found is not None
    assert not found[:, :, token].isfinite().all()
    assert found[:, :, : token // 8 * 8].isfinite().all()


def test_scores_far_below_zero_count() -> None:
    query, key = torch.full((1, 1, 20, 4), 1e16), torch.full((1, 1, 20, 4), -1e16)
    value = made(1, 1, 20, 4)
    found = causal_attention(query, key, value, 1.0)
    assert found is not None
    assert torch.allclose(found.double(), definition(query, key, value, 1.0), atol=1e-5)


def test_the_number_of_threads_changes_nothing() -> None:
    found, before = [], torch.get_num_threads()
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            found.append(causal_attention(*inputs(2, 6, 2, 300, 64, torch.float32), 0.125))
    finally:
        torch.set_num_threads(before)
    assert torch.equal(found[0], found[1])
    assert torch.equal(found[0], found[2])


def made(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(8)).to(dtype)


SAME = made(1, 2, 64, 16)
REFUSED: dict[str, tuple[tuple[Tensor, ...], dict[str, Any]]] = {
    "not causal": ((SAME, SAME, SAME), {"is_causal": False}),
    "a mask": ((SAME, SAME, SAME), {"is_causal": False, "attn_mask": torch.ones(64, 64).tril().bool()}),
    "dropout": ((SAME, SAME, SAME), {"dropout_p": 0.5}),
    "float64": ((SAME.double(), SAME.double(), SAME.double()), {}),
    "fewer queries": ((SAME[:, :, :9], SAME, SAME), {}),
    "wider values": ((SAME, SAME, made(1, 2, 64, 24)), {}),
    "three dimensions": ((SAME[0], SAME[0], SAME[0]), {}),
    "learning queries": ((SAME.clone().requires_grad_(), SAME, SAME), {}),
    "learning values": ((SAME, SAME, SAME.clone().requires_grad_()), {}),
    "no numbers": ((SAME.to("meta"), SAME.to("meta"), SAME.to("meta")), {}),
}


@pytest.mark.parametrize("why", REFUSED)
def test_what_it_cannot_do_is_left_to_torch(why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attention, "causal_attention", lambda *_: pytest.fail("not for this one"))
    tensors, arguments = REFUSED[why]
    torch.manual_seed(0)
    expected = scaled_dot_product_attention(*tensors, **{"is_causal": True, **arguments})
    torch.manual_seed(0)
    with fast_products(CPU, torch.float32):
        found = scaled_dot_product_attention(*tensors, **{"is_causal": True, **arguments})
    assert (found.shape, found.dtype, found.requires_grad) == (expected.shape, expected.dtype, expected.requires_grad)
    assert found.is_meta or torch.equal(found, expected)


@pytest.mark.parametrize(
    "tensors",
    [
        (SAME, SAME, SAME.bfloat16()),
        (SAME, SAME.to("meta"), SAME),
        (made(1, 4, 64, 16), SAME, SAME),
        (made(1, 3, 64, 16), SAME, SAME),
    ],
    ids=["mixed dtypes", "mixed devices", "groups not asked for", "groups that don't divide"],
)
def test_what_torch_refuses_stays_torchs_to_refuse(tensors: tuple[Tensor, ...]) -> None:
    with fast_products(CPU, torch.float32), pytest.raises((RuntimeError, ValueError)):
        scaled_dot_product_attention(*tensors, is_causal=True)
    with fast_products(CPU, torch.float32), pytest.raises((RuntimeError, ValueError)):
        scaled_dot_product_attention(made(1, 3, 64, 16), SAME, SAME, is_causal=True, enable_gqa=True)


def test_inputs_may_lie_in_memory_in_any_way() -> None:
    """Every second number, tokens within heads, values unlike keys; and nothing beside them is read."""
    shape = (2, 2, 70, 24)
    query, key, value = (
        made(2, 2, 70, 48)[..., ::2],
        made(2, 70, 2, 24).transpose(1, 2),
        made(2, 2, 90, 24)[:, :, :70],
    )
    guarded = torch.full((2, 2, 90, 24), float("nan"))
    guarded[:, :, :70] = value
    found = causal_attention(query, key, guarded[:, :, :70], 0.2)
    assert found is not None
    assert found.shape == shape
    assert torch.allclose(found.double(), definition(query, key, value, 0.2), atol=1e-5)


def test_torchs_defaults_do_not_matter() -> None:
    expected = causal_attention(SAME, SAME, SAME, 0.25)
    before = torch.get_default_dtype()
    try:
        torch.set_default_dtype(torch.bfloat16)
        found = causal_attention(SAME, SAME, SAME, 0.25)
    finally:
        torch.set_default_dtype(before)
    assert expected is not None
    assert found is not None
    assert torch.equal(found, expected)


def test_without_openmp_torch_keeps_many_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    kernels = attention.library("attention", "fast")
    assert kernels is not None
    monkeypatch.setattr(kernels, "attention_is_parallel", lambda: 0)
    for threads, ours in [(1, True), (2, True), (3, False)]:
        monkeypatch.setattr(torch, "get_num_threads", lambda threads=threads: threads)
        assert (causal_attention(SAME, SAME, SAME, 0.25) is not None) == ours


@pytest.mark.parametrize("family", ["llama", "gemma3_text", "cohere", "olmo2", "qwen3"])
def test_a_model_answers_as_before(family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """And it is used: all of these call torch's without a mask somewhere."""
    calls = []
    plain = attention.causal_attention
    monkeypatch.setattr(attention, "causal_attention", lambda *a: calls.append(1) or plain(*a))
    model = build(family)
    tokens = torch.randint(0, model.config.get_text_config().vocab_size, (2, 40))
    with torch.no_grad():
        expected = model(input_ids=tokens).logits
        with fast_products(CPU, torch.float32):
            found = model(input_ids=tokens).logits
    assert torch.allclose(found, expected, rtol=1e-4, atol=1e-5 * float(expected.abs().max()))
    assert calls


def test_scale_and_groups_are_torchs() -> None:
    query, key, value = inputs(1, 6, 2, 50, 16, torch.float32)
    with fast_products(CPU, torch.float32):
        found = scaled_dot_product_attention(query, key, value, is_causal=True, enable_gqa=True)
        scaled = scaled_dot_product_attention(query, key, value, is_causal=True, scale=0.7, enable_gqa=True)
    assert torch.allclose(found.double(), definition(query, key, value, 1 / math.sqrt(16)), atol=1e-5)
    assert torch.allclose(scaled.double(), definition(query, key, value, 0.7), atol=1e-5)
