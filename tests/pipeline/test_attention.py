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
from pipeline.kernels.attention import FastAttention, causal_attention

pytestmark = needs_compiler

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


def test_what_is_no_number_stays_visible() -> None:
    for which in range(3):
        tensors = inputs(1, 1, 1, 40, 16, torch.float32)
        tensors[which][:, :, 10, 3] = float("nan")
        found = causal_attention(*tensors, 0.25)
        assert found is not None
        assert found[:, :, 10].isnan().any(), which


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


REFUSED: list[dict[str, Any]] = [
    {"is_causal": False},
    {"is_causal": False, "attn_mask": torch.ones(64, 64).tril().bool()},
    {"dropout_p": 0.5},
]


@pytest.mark.parametrize("arguments", REFUSED)
def test_what_it_cannot_do_is_left_to_torch(arguments: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attention, "causal_attention", lambda *_: pytest.fail("not for this one"))
    query, key, value = inputs(1, 2, 2, 64, 16, torch.float32)
    torch.manual_seed(0)
    expected = scaled_dot_product_attention(query, key, value, **{"is_causal": True, **arguments})
    torch.manual_seed(0)
    with FastAttention():
        found = scaled_dot_product_attention(query, key, value, **{"is_causal": True, **arguments})
        double = scaled_dot_product_attention(query.double(), key.double(), value.double(), is_causal=True)
        longer = scaled_dot_product_attention(query[:, :, :9], key, value, is_causal=True)
        learning = scaled_dot_product_attention(query.clone().requires_grad_(), key, value, is_causal=True)
    assert torch.equal(found, expected)
    assert double.dtype == torch.float64
    assert longer.shape[2] == 9
    assert learning.requires_grad


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
        with FastAttention():
            found = model(input_ids=tokens).logits
    assert torch.allclose(found, expected, rtol=1e-4, atol=1e-5 * float(expected.abs().max()))
    assert calls


def test_scale_and_groups_are_torchs() -> None:
    query, key, value = inputs(1, 6, 2, 50, 16, torch.float32)
    with FastAttention():
        found = scaled_dot_product_attention(query, key, value, is_causal=True, enable_gqa=True)
        scaled = scaled_dot_product_attention(query, key, value, is_causal=True, scale=0.7, enable_gqa=True)
    assert torch.allclose(found.double(), definition(query, key, value, 1 / math.sqrt(16)), atol=1e-5)
    assert torch.allclose(scaled.double(), definition(query, key, value, 0.7), atol=1e-5)
