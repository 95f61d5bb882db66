"""Sequences drawn from documents: what is in them, that a seed decides it, and that too little text ends in words."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest
import torch
from tiny_tokenizer import tiny_tokenizer

from pipeline.text.document import Split, Text, TextError
from pipeline.text.sampler import Request, draw

WORDS = ["der", "hund", "läuft", "durch", "den", "wald", "und", "the", "dog", "runs", "狗", "雨", "树", "林", "кот"]


@dataclass(frozen=True)
class Shelf:
    """A source of made-up documents: number i has `sizes[i]` words."""

    sizes: tuple[int, ...]
    in_memory: bool = True

    def documents(self, language: str, split: Split, rng: random.Random) -> Iterator[Text]:  # noqa: ARG002
        for index, size in enumerate(self.sizes):
            chosen = random.Random(f"{language}{split}{index}").choices(WORDS, k=size)
            yield Text(f"d{index}", " ".join(chosen))

    def identity(self, language: str, split: Split) -> dict[str, str]:
        return {"source": "shelf", "language": language, "split": split}


REQUEST = Request("shelf", "de", "calibration", samples=6, length=16, sampling="pack", bos=False, seed=0)


@pytest.mark.parametrize("sampling", ["pack", "window"])
@pytest.mark.parametrize("in_memory", [True, False])
@pytest.mark.parametrize("bos", [True, False])
def test_the_seed_decides_the_tokens(sampling: str, in_memory: bool, bos: bool) -> None:
    shelf = Shelf((30,) * 12, in_memory)
    request = replace(REQUEST, sampling=sampling, bos=bos)
    tokenizer = tiny_tokenizer()
    first = draw(shelf, request, tokenizer)
    random.seed(5)
    torch.manual_seed(5)
    again = draw(shelf, request, tokenizer)
    other = draw(shelf, replace(request, seed=1), tokenizer)
    assert torch.equal(first.ids, again.ids)
    assert first.documents == again.documents
    if in_memory or sampling == "window":
        assert not torch.equal(first.ids, other.ids)
    assert first.ids.shape == (6, 16)
    assert bool((first.ids[:, 0] == tokenizer.bos_token_id).all()) == bos


def test_packing_is_documents_in_some_order_each_once_each_ended() -> None:
    shelf, tokenizer = Shelf((9, 3, 40, 5, 20, 7, 11)), tiny_tokenizer()
    drawn = draw(shelf, REQUEST, tokenizer)
    texts = {text.id: text for text in shelf.documents("de", "calibration", random.Random())}
    assert len({document.id for document in drawn.documents}) == len(drawn.documents)
    joined = [
        token
        for document in drawn.documents
        for token in [*tokenizer(texts[document.id].text)["input_ids"], tokenizer.eos_token_id]
    ]
    assert drawn.ids.flatten().tolist() == joined[: 6 * 16]
    assert len(joined) - drawn.documents[-1].n_tokens < 6 * 16, "a document that gave no token is not named"
    assert [document.sha256 for document in drawn.documents] == [texts[d.id].sha256 for d in drawn.documents]


def row_of(row: list[int], whole: dict[str, list[int]]) -> str:
    """The document that a window is of."""
    return next(
        name for name, ids in whole.items() if any(ids[begin : begin + 16] == row for begin in range(len(ids) - 16))
    )


@pytest.mark.parametrize("in_memory", [True, False])
def test_a_window_is_a_piece_of_one_document_that_is_longer(in_memory: bool) -> None:
    shelf = Shelf((2, 30, 3, 30, 60, 2, 30, 30, 30, 30, 30), in_memory)
    tokenizer = tiny_tokenizer(bos_in_front=True)
    drawn = draw(shelf, replace(REQUEST, sampling="window"), tokenizer)
    texts = list(shelf.documents("de", "calibration", random.Random()))
    encoded = [tokenizer(text.text)["input_ids"] for text in texts]
    for row in drawn.ids.tolist():
        assert any(
            ids[begin : begin + 16] == row for ids in encoded for begin in range(len(ids) - 16) if len(ids) > 16
        ), "no document holds this window, or only at its very end, which the reference never takes"
    assert all(document.n_tokens > 16 for document in drawn.documents)
    whole = {text.id: ids for text, ids in zip(texts, encoded, strict=True)}
    firsts = [whole[at.id][at.first_token or 0 :][:16] for at in drawn.documents]
    assert all(at.first_token is not None for at in drawn.documents)
    assert firsts == list({row_of(row, whole): row for row in reversed(drawn.ids.tolist())}.values())[::-1]


def test_windows_repeat_documents_as_the_reference_does() -> None:
    drawn = draw(Shelf((1, 200, 1)), replace(REQUEST, sampling="window", samples=20), tiny_tokenizer())
    assert len(drawn.documents) == 1
    assert len({tuple(row) for row in drawn.ids.tolist()}) > 5


def test_windows_fall_evenly_on_the_documents_that_are_long_enough() -> None:
    drawn = draw(Shelf((1, 40, 1, 40, 40, 1)), replace(REQUEST, sampling="window", samples=300), tiny_tokenizer())
    assert sorted(document.id for document in drawn.documents) == ["d1", "d3", "d4"]


def test_a_bos_of_the_tokenizer_stands_only_where_a_window_begins_its_document() -> None:
    tokenizer = tiny_tokenizer(bos_in_front=True)
    drawn = draw(Shelf((12,)), replace(REQUEST, sampling="window", samples=60), tokenizer)
    starts = drawn.ids[:, 0] == tokenizer.bos_token_id
    assert 0 < int(starts.sum()) < 60
    assert not bool((drawn.ids[:, 1:] == tokenizer.bos_token_id).any())
    with_bos = draw(Shelf((12,)), replace(REQUEST, sampling="window", samples=60, bos=True), tokenizer)
    assert int((with_bos.ids == tokenizer.bos_token_id).sum()) == 60, "never two"


@pytest.mark.parametrize(
    ("shelf", "changes", "message"),
    [
        (Shelf((9, 3)), {}, r"de has \d sequences of 16 tokens in shelf/calibration, 6 are needed; lower samples"),
        (Shelf(()), {}, r"de has 0 sequences of 16 tokens in shelf/calibration, 6 are needed"),
        (
            Shelf((1, 2)),
            {"sampling": "window"},
            r"0 windows of 16 tokens .* the longest of its 2 documents has \d+ tok",
        ),
        (Shelf(()), {"sampling": "window"}, r"0 windows of 16 tokens"),
        (
            Shelf((1, 30, 1), in_memory=False),
            {"sampling": "window"},
            r"de has 1 sequences of 16 tokens in shelf/calibration \(one from each of its 3 documents",
        ),
        (Shelf((9, 3), in_memory=False), {}, r"de has \d sequences of 16 tokens"),
    ],
)
def test_too_little_text_says_how_much_there_is(shelf: Shelf, changes: dict, message: str) -> None:
    with pytest.raises(TextError, match=message):
        draw(shelf, replace(REQUEST, **changes), tiny_tokenizer())


def test_the_number_of_sequences_told_is_the_number_that_can_be_had() -> None:
    shelf, tokenizer = Shelf((30,) * 5), tiny_tokenizer()
    with pytest.raises(TextError) as caught:
        draw(shelf, replace(REQUEST, samples=1000), tokenizer)
    there = int(str(caught.value).split()[2])
    assert draw(shelf, replace(REQUEST, samples=there), tokenizer).ids.shape[0] == there
    with pytest.raises(TextError):
        draw(shelf, replace(REQUEST, samples=there + 1), tokenizer)


def test_a_tokenizer_without_the_token_that_is_needed_is_told() -> None:
    with pytest.raises(TextError, match="no EOS token"):
        draw(Shelf((30,) * 9), REQUEST, tiny_tokenizer(eos=None))
    with pytest.raises(TextError, match="no BOS token; set bos = false"):
        draw(Shelf((30,) * 9), replace(REQUEST, bos=True), tiny_tokenizer(bos=None))
