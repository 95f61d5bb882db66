"""Text that a model writes itself: against a plain loop, openings, seeds, shares, and the cache."""

import itertools
import math
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from families import build
from tiny_tokenizer import tiny_tokenizer
from transformers import PreTrainedModel

from pipeline.models import Loaded
from pipeline.progress import Report
from pipeline.scoring.runner import Runner
from pipeline.spec import CalibrationSpec
from pipeline.spec.sources import openings
from pipeline.text import TextError, Tokens, author, self_calibration
from pipeline.text.author import Sheet, Style
from pipeline.text.self_calibration import Author, self_calibration_tokens

END = 5


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def loaded(family: str = "llama", bos_in_front: bool = False) -> Loaded:
    tokenizer = tiny_tokenizer(bos_in_front)
    model = build(family, vocab_size=len(tokenizer) + 7, eos_token_id=1)
    return Loaded(model, tokenizer, "tiny", "directory:tiny", "1", "")


def spec(languages: str = "de", samples: int = 5, length: int = 24, **more: object) -> CalibrationSpec:
    told = {
        "languages": languages,
        "source": "self",
        "samples": samples,
        "length": length,
        "sampling": "pack",
        **more,
    }
    return CalibrationSpec.model_validate(told)


def told(asked: CalibrationSpec, by: Loaded, seed: int = 0) -> tuple[Tokens, list[Report]]:
    """The text, and the reports on the way to it."""
    writing = self_calibration_tokens(asked, seed, Author(by, torch.device("cpu")))
    reports: list[Report] = []
    while True:
        try:
            reports.append(next(writing))
        except StopIteration as end:
            return end.value, reports


# sampling, against a loop that runs one document at a time without a cache


class Dice(random.Random):
    """Random numbers told in advance."""

    def __init__(self, numbers: Iterator[float]) -> None:
        super().__init__(0)
        self.numbers = numbers

    def random(self) -> float:
        return next(self.numbers)


def numbers(row: int) -> Iterator[float]:
    return ((math.sin(row * 91.7 + step * 13.3) + 1) / 2.0001 for step in range(10_000))


@torch.no_grad()
def plain(model: PreTrainedModel, row: int, length: int, style: Style, starts: list[list[int]]) -> list[int]:
    """One sequence, one document after the other, the whole document through the model for every token."""
    dice, sequence, place = numbers(row), [], 0
    while len(sequence) < length:
        document = list(starts[place % len(starts)])
        n_given = len(document)
        while len(document) < length - len(sequence):
            read = torch.tensor([[*style.front, *document]])
            share = min((len(document) - n_given) / 10, 1.0)
            temperature = style.temperature[0] * (1 - share) + style.temperature[1] * share
            logits = model(input_ids=read).logits[0, -1, : style.size].double()
            below = (logits / temperature).softmax(-1).cumsum(-1)
            document.append(int((below <= next(dice) * below[-1]).sum()))
            if document[-1] in style.ends:
                break
        sequence += document
        place += 1
    return sequence[:length]


@pytest.mark.parametrize("family", ["llama", "gemma3_text", "cohere2", "opt", "gpt_neox"])
@pytest.mark.parametrize("front", [(), (1,)])
def test_side_by_side_is_what_each_document_alone_would_be(family: str, front: tuple[int, ...]) -> None:
    model = build(family)
    style = Style(front, {END, 6, 7, 8, 9, 10, 11, 12}, 90, (2.0, 0.7))
    starts = [[20, 21, 22], [30], [40, 41]]
    sheets = [
        Sheet(itertools.cycle(starts[row:] + starts[:row]), Dice(numbers(row)), length)
        for row, length in enumerate((40, 33, 40))
    ]
    progress = list(author.write(Runner(model, torch.device("cpu")), sheets, style))
    assert progress[-1] == 113
    for row, sheet in enumerate(sheets):
        alone = plain(model, row, sheet.length, style, starts[row:] + starts[:row])
        assert sheet.tokens == alone, f"sequence {row}"
    assert sum(len(sheet.begins) for sheet in sheets) > 6, "documents end, or nothing is tested"


def test_the_temperature_goes_from_the_first_to_the_final_one_in_ten_tokens() -> None:
    style = Style((), (), 90, (2.0, 1.0))
    assert [style.temperature_at(place) for place in (0, 1, 5, 10, 11, 500)] == [2.0, 1.9, 1.5, 1.0, 1.0, 1.0]


@torch.no_grad()
def test_temperature_zero_takes_the_likeliest() -> None:
    model = build("llama")
    sheet = Sheet(itertools.cycle([[20, 21]]), random.Random(0), 12)
    list(author.write(Runner(model, torch.device("cpu")), [sheet], Style((), (), 90, (0.0, 0.0))))
    for place in range(2, 12):
        logits = model(input_ids=torch.tensor([sheet.tokens[:place]])).logits[0, -1, :90]
        assert sheet.tokens[place] == int(logits.argmax())


# a run's text


def test_counts_shares_openings_and_documents() -> None:
    by = loaded()
    tokens, reports = told(spec("zh+de*2", samples=7, length=30), by)
    assert tokens.ids.shape == (7, 30)
    assert tokens.languages == ("zh",) * 3 + ("de",) * 4
    ours = {language: file.read_text(encoding="utf-8").splitlines() for language, file in openings("self").items()}
    for row, language in zip(tokens.ids.tolist(), tokens.languages, strict=True):
        assert by.tokenizer.decode(row).startswith(tuple(ours[language]))
    assert sum(document.n_tokens for document in tokens.documents) == tokens.ids.numel()
    assert all(document.id.split(" ", 1)[1] in ours[document.language] for document in tokens.documents)
    fractions = [report.fraction for report in reports]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    assert {report.detail.split(",")[0] for report in reports} == {"writing zh", "writing de"}


def test_a_seed_decides_and_company_does_not() -> None:
    by = loaded()
    first, other = told(spec("de"), by)[0], told(spec("de"), by, seed=1)[0]
    assert not torch.equal(first.ids, other.ids)
    assert torch.equal(told(spec("en+de", samples=10), by)[0].ids[5:], first.ids)


def test_it_is_written_once_and_again_without_a_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    by = loaded()
    first, reports = told(spec(), by)
    again, silent = told(spec(), by)
    assert reports
    assert not silent, "nothing is written"
    assert torch.equal(again.ids, first.ids)
    assert again.documents == first.documents
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "another"))
    assert torch.equal(told(spec(), by)[0].ids, first.ids)


def test_another_model_and_other_settings_are_written_afresh(tmp_path: Path) -> None:
    (tmp_path / "de.txt").write_text("Es war einmal", encoding="utf-8")
    told(spec(), loaded())
    assert told(spec(), replace(loaded(), revision="2"))[1]
    assert told(spec(), replace(loaded(), source="directory:other"))[1]
    assert told(spec(temperature=(2.0, 1.0)), loaded())[1]
    assert told(spec(source=f"self:{tmp_path}"), loaded())[1]
    assert not told(spec(), loaded())[1]


def test_few_at_a_time_when_memory_is_short(monkeypatch: pytest.MonkeyPatch) -> None:
    by = loaded()
    assert self_calibration.side_by_side(by.model, 24, torch.device("cpu")) == 64
    monkeypatch.setattr(self_calibration, "CACHE_BYTES", {"cpu": 2 * 4 * 2 * 8 * 4 * 24 * 2 + 1})
    assert self_calibration.side_by_side(by.model, 24, torch.device("cpu")) == 2
    tokens, reports = told(spec(samples=5), by)
    assert tokens.ids.shape == (5, 24)
    assert reports[-1].fraction == 1.0
    writing, calls = author.write, []

    def short(runner: Runner, sheets: list[Sheet], style: Style) -> Iterator[int]:
        calls.append(len(sheets))
        if len(sheets) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return writing(runner, sheets, style)

    monkeypatch.setattr(self_calibration, "write", short)
    assert torch.equal(told(spec(samples=5), by, 3)[0].ids, told(spec(samples=5), by, 3)[0].ids)
    assert calls == [2, 1, 1, 1, 1, 1]


def test_a_bos_is_read_where_the_tokenizer_puts_one_and_kept_where_asked() -> None:
    by = loaded(bos_in_front=True)
    without, having = told(spec(), by)[0], told(spec(bos=True), by)[0]
    assert not (without.ids == 0).any(1).all()
    assert (having.ids[:, 0] == 0).all()
    assert having.ids.shape == without.ids.shape
    assert torch.equal(having.ids[:, 1:], without.ids[:, :-1])


def test_openings_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "fr.txt").write_text("Il était une fois\n\nLe chat\n", encoding="utf-8")
    by = loaded()
    tokens, _ = told(spec("fr+de", source=f"self:{tmp_path}"), by)
    begins = {by.tokenizer.decode(row)[:4] for row in tokens.ids[:3].tolist()}
    assert begins == {"Il é", "Le c"}
    with pytest.raises(TextError, match="no openings in 'sv'; there are ar, de, en, es, fr, ru, sw, zh"):
        told(spec("sv", source=f"self:{tmp_path}"), by)


def test_longer_than_the_context_is_told() -> None:
    with pytest.raises(TextError, match="sequences of 65 tokens are longer than the model's context, 64"):
        told(spec(length=65), loaded())
