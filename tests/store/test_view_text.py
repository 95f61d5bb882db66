"""Views as lines of text."""

import pytest

from store.view import View, match

LLAMAS = ["Meta-Llama-3-8B-Instruct", "Llama-3.1-8B-Instruct", "aya-23-8B"]


@pytest.mark.parametrize(
    "text",
    [
        "perplexity",
        "perplexity?method=wanda",
        "perplexity?model=llama-3-8b-instruct&method=wanda&sparsity=0.5&source=paper&norm=row&base=dense",
        "acc?task=arc&pattern=4bit/g128&setting=demo 64x256&evaluation=task-1",
        "snr?setting=100%25 %26 more",
    ],
)
def test_a_view_survives_being_written_and_read(text: str) -> None:
    assert str(View.parse(text)) == text
    assert View.parse(str(View.parse(text))) == View.parse(text)


def test_short_forms() -> None:
    assert View.parse("ppl?sparsity=50%") == View("perplexity", sparsity=0.5)
    assert View.parse("belebele?method=wanda") == View("acc", "belebele", method="wanda")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("perplexity?modle=x", "no key 'modle' in a view; did you mean 'model'?"),
        ("perplexity?source=papers", "no source 'papers'; did you mean 'paper'?"),
        ("perplexity?norm=colum", "no normalisation 'colum'; did you mean 'column'?"),
        ("perplexity?wanda", "'wanda' in the view 'perplexity?wanda' is no key=value"),
        ("perplexity?sparsity=half", "sparsity 'half' is no number; write 0.5 or 50%"),
        ("perplexity?sparsity=50", "sparsity '50' is not in 0 <= sparsity < 1; write 0.5 or 50%"),
        ("a b", "'a b' is no quantity; write 'perplexity?model=...&method=...'"),
    ],
)
def test_mistakes_are_told_with_the_nearest_valid_name(text: str, message: str) -> None:
    with pytest.raises(ValueError, match="'") as caught:
        View.parse(text)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("name", "means"),
    [
        ("llama-3-8b-instruct", "Meta-Llama-3-8B-Instruct"),
        ("LLAMA-3-", "Meta-Llama-3-8B-Instruct"),
        ("aya", "aya-23-8B"),
        ("3.1", "Llama-3.1-8B-Instruct"),
    ],
)
def test_names_may_be_shortened(name: str, means: str) -> None:
    assert match(name, LLAMAS, "model") == means


def test_a_short_name_must_mean_one_thing() -> None:
    with pytest.raises(ValueError, match=r"model 'llama' fits several: Meta-Llama-3-8B-Instruct, Llama-3\.1"):
        match("llama", LLAMAS, "model")
    with pytest.raises(ValueError, match="no model 'ayo-23-8b'; did you mean 'aya-23-8B'"):
        match("ayo-23-8b", LLAMAS, "model")
