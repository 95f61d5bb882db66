"""Perplexity and bits per byte equal plain whole-model forwards, one sequence at a time."""

import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from families import LENGTH, VOCABULARY, build, draw
from torch import Tensor, nn

from pipeline import measures
from pipeline.measures import Measured, NotANumber
from pipeline.measures.perplexity import decoded_bytes, measure

CPU = torch.device("cpu")


class Letters:
    """A tokenizer whose tokens are letters of one, two and three bytes; 0 to 2 are special."""

    def decode(self, token_ids: list[int], *, skip_special_tokens: bool, clean_up_tokenization_spaces: bool) -> str:
        assert skip_special_tokens
        assert not clean_up_tokenization_spaces
        return "".join("aß語"[token % 3] for token in token_ids if token > 2)


def values(steps: list[measures.Step]) -> dict[tuple[str, str], Measured]:
    return {(m.language, m.quantity): m for step in steps for m in step.measured}


@torch.no_grad()
def plain_losses(model: nn.Module, tokens: Tensor) -> list[float]:
    """Mean loss of each sequence."""
    losses = []
    for sequence in tokens:
        logits = model(input_ids=sequence[None], use_cache=False).logits[0]
        losses.append(F.cross_entropy(logits[:-1].double(), sequence[1:]).item())
    return losses


@pytest.mark.parametrize("family", ["llama", "gemma2", "cohere", "gemma3_text", "granite", "opt", "bloom"])
def test_equals_plain_forwards(family: str) -> None:
    model = build(family)
    windows = {"de": draw(3, seed=1), "zh": draw(2, seed=2), "sw": draw(1, seed=3)}
    found = values(list(measure(model, windows, Letters(), CPU)))
    assert len(found) == 6
    for language, tokens in windows.items():
        losses = plain_losses(model, tokens)
        perplexity, bits = found[language, "perplexity"], found[language, "bits_per_byte"]
        assert perplexity.value == pytest.approx(math.exp(sum(losses) / len(losses)), rel=1e-6)
        total = sum(losses) * (LENGTH - 1)
        assert bits.value == pytest.approx(total / math.log(2) / decoded_bytes(Letters(), tokens), rel=1e-6)
        assert (perplexity.unit, perplexity.better, perplexity.n) == ("ppl", "lower", len(tokens))
        assert (bits.unit, bits.better, bits.n) == ("bits/byte", "lower", len(tokens))


def test_languages_together_equal_each_alone() -> None:
    model = build("qwen3")
    windows = {"de": draw(3, seed=1), "zh": draw(2, seed=2)}
    together = values(list(measure(model, windows, Letters(), CPU, batch=2)))
    for language in windows:
        alone = values(list(measure(model, {language: windows[language]}, Letters(), CPU, batch=1)))
        for key, one in alone.items():
            assert together[key].value == pytest.approx(one.value, rel=1e-6)


def test_a_uniform_model_has_the_vocabulary_as_perplexity() -> None:
    model = build("llama")
    model.lm_head.weight.data.zero_()
    found = values(list(measure(model, {"en": draw(2)}, Letters(), CPU)))
    assert found["en", "perplexity"].value == pytest.approx(VOCABULARY)


def test_bytes_are_those_of_the_whole_windows_without_special_tokens() -> None:
    tokens = torch.tensor([[1, 3, 4, 5], [5, 5, 3, 2]])  # special a ß 語, 語 語 a special
    assert decoded_bytes(Letters(), tokens) == (1 + 2 + 3) + (3 + 3 + 1)


def test_progress_rises_to_one_and_names_what_is_done() -> None:
    steps = list(measure(build("llama"), {"en": draw(4), "de": draw(4)}, Letters(), CPU))
    fractions = [step.fraction for step in steps]
    assert fractions == sorted(fractions)
    assert fractions[0] == 0
    assert fractions[-1] == 1
    assert steps[1].detail == "block 2 of 4"
    assert [step.detail for step in steps if step.measured] == ["en", "de"]


@pytest.mark.parametrize("value", [torch.nan, 1e30])
def test_a_broken_model_is_an_error_and_no_number(value: float) -> None:
    model = build("llama")
    model.lm_head.weight.data[5] = value
    with pytest.raises(NotANumber, match=r"perplexity in en is (nan|inf): the model's logits are broken"):
        list(measure(model, {"en": draw(2)}, Letters(), CPU))


def test_half_precision_is_reduced_in_float32() -> None:
    model = build("llama").to(torch.bfloat16)
    tokens = draw(4)
    found = values(list(measure(model, {"en": tokens}, Letters(), CPU)))
    losses = plain_losses(model, tokens)
    assert found["en", "perplexity"].value == pytest.approx(math.exp(sum(losses) / 4), rel=1e-6)


def test_windows_of_one_token_predict_nothing() -> None:
    with pytest.raises(ValueError, match="at least 2 tokens"):
        list(measure(build("llama"), {"en": draw(2, 1)}, Letters(), CPU))


def test_windows_of_two_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="en 24, de 12"):
        list(measure(build("llama"), {"en": draw(2), "de": draw(2, 12)}, Letters(), CPU))


def test_a_measure_is_found_by_its_name() -> None:
    module: Any = measures.load("perplexity")
    assert module.measure is not None
    with pytest.raises(ValueError, match="no measure 'perplexty'; did you mean 'perplexity'"):
        measures.load("perplexty")
