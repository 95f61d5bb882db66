"""Tokens of a run and of a measure: shares, provenance, bytes, exact token files, and the cache."""

import json
import logging
import multiprocessing
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_tokenizer import tiny_tokenizer

from pipeline.spec import CalibrationSpec, Perplexity
from pipeline.text import TextError, calibration_tokens, heldout_tokens, overlap, sampler
from pipeline.text import cache as kept


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    return kept.folder()


def spec(languages: str = "de", source: str = "demo", samples: int = 7, length: int = 32) -> CalibrationSpec:
    return CalibrationSpec(languages=languages, source=source, samples=samples, length=length, sampling="pack")


def measure(source: str = "demo", samples: int = 3, length: int = 32, bos: bool = False) -> Perplexity:
    return Perplexity(
        name="perplexity",
        languages=("de", "zh"),
        source=source,
        samples=samples,
        length=length,
        sampling="pack",
        bos=bos,
    )


def test_languages_follow_one_another_in_listed_order_with_their_shares() -> None:
    tokenizer = tiny_tokenizer()
    mixed = calibration_tokens(spec("zh+de*2"), 0, tokenizer)
    assert mixed.languages == ("zh",) * 3 + ("de",) * 4
    assert mixed.ids.dtype == torch.int64
    assert mixed.ids.shape == (7, 32)
    alone = calibration_tokens(spec("de", samples=4), 0, tokenizer)
    assert torch.equal(mixed.ids[3:], alone.ids), "a language's text does not depend on its company"
    assert {document.language for document in mixed.documents} == {"zh", "de"}


def test_a_language_whose_share_is_nothing_is_left_out() -> None:
    assert calibration_tokens(spec("en+de+zh", samples=2), 0, tiny_tokenizer()).languages == ("en", "de")


def test_bytes_are_those_of_the_decoded_text_without_special_tokens() -> None:
    tokenizer = tiny_tokenizer()
    tokens = heldout_tokens(measure(samples=8, length=300, bos=True), "de", tokenizer)
    for row, n_bytes in zip(tokens.ids.tolist(), tokens.n_bytes, strict=True):
        assert n_bytes == len(tokenizer.decode([token for token in row if token > 1]).encode())
    assert (tokens.ids[:, 0] == tokenizer.bos_token_id).all()
    assert (tokens.ids == tokenizer.eos_token_id).any()


def test_calibration_and_held_out_text_of_the_demo_share_no_document() -> None:
    tokenizer = tiny_tokenizer()
    calibration, heldout = (
        calibration_tokens(spec(samples=100), 0, tokenizer),
        heldout_tokens(measure(), "de", tokenizer),
    )
    assert not overlap(calibration, heldout)
    assert overlap(heldout, heldout) == heldout.documents


def test_a_directory_used_for_both_shows_in_the_overlap(tmp_path: Path) -> None:
    (tmp_path / "de.txt").write_text("\n\n".join(f"{n} der Hund läuft" * 9 for n in range(40)), encoding="utf-8")
    tokenizer = tiny_tokenizer()
    whole = calibration_tokens(spec(source=str(tmp_path), samples=60), 0, tokenizer)
    assert overlap(whole, heldout_tokens(measure(str(tmp_path)), "de", tokenizer))
    apart = calibration_tokens(spec(source=f"{tmp_path}#calibration", samples=40), 0, tokenizer)
    assert not overlap(apart, heldout_tokens(measure(f"{tmp_path}#heldout"), "de", tokenizer))


def test_too_little_text_is_told_in_numbers() -> None:
    with pytest.raises(TextError, match=r"de has \d+ sequences of 4096 tokens in demo/calibration, 500 are needed"):
        calibration_tokens(spec(samples=500, length=4096), 0, tiny_tokenizer())
    with pytest.raises(TextError, match=r"in demo/heldout, 500 are needed; lower samples or length"):
        heldout_tokens(measure(samples=500, length=4096), "de", tiny_tokenizer())


# exact tokens


def saved(file: Path, array: np.ndarray) -> str:
    np.save(file, array)
    return f"tokens:{file}"


def test_a_token_file_is_used_row_by_row_as_it_is(tmp_path: Path) -> None:
    array = np.arange(2, 2 + 10 * 32).reshape(10, 32).astype(np.uint16) % 300
    source = saved(tmp_path / "rows.npy", array)
    tokens = calibration_tokens(spec("en+de", source, samples=5), 3, tiny_tokenizer())
    assert np.array_equal(tokens.ids.numpy(), array[:5])
    assert tokens.languages == ("en", "en", "en", "de", "de")
    assert tokens.documents[3].id == "rows.npy[3]"
    assert np.array_equal(heldout_tokens(measure(source), "zh", tiny_tokenizer()).ids.numpy(), array[:3])


def test_a_token_file_for_each_language(tmp_path: Path) -> None:
    for number, language in enumerate(("de", "en")):
        saved(tmp_path / f"{language}.npy", np.full((4, 8), number + 5, dtype=np.int32))
    tokens = calibration_tokens(spec("en+de", f"tokens:{tmp_path}/{{language}}.npy", 5, 8), 0, tiny_tokenizer())
    assert tokens.ids[:, 0].tolist() == [6, 6, 6, 5, 5]
    with pytest.raises(TextError, match=r"no file .*/sw\.npy"):
        calibration_tokens(spec("sw", f"tokens:{tmp_path}/{{language}}.npy", 2, 8), 0, tiny_tokenizer())


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((7, 16), dtype=np.int32), "holds sequences of 16 tokens, 32 are asked for"),
        (np.zeros((6, 32), dtype=np.int32), "holds 6 sequences, 7 are needed"),
        (np.full((7, 32), 5000), "holds token 5000, the model's tokenizer knows 0 to"),
        (np.full((7, 32), -1), "holds token -1"),
        (np.zeros((7, 32)), r"an integer array of samples x length is wanted, found float64 \(7, 32\)"),
        (np.zeros(7, dtype=np.int32), r"found int32 \(7,\)"),
    ],
)
def test_a_token_file_that_does_not_fit_is_told(tmp_path: Path, array: np.ndarray, message: str) -> None:
    with pytest.raises(TextError, match=message):
        calibration_tokens(spec(source=saved(tmp_path / "rows.npy", array)), 0, tiny_tokenizer())


def test_a_file_that_is_no_array_and_a_bos_before_exact_tokens_are_told(tmp_path: Path) -> None:
    (tmp_path / "rows.npy").write_bytes(b"nothing of the kind")
    with pytest.raises(TextError, match="not a NumPy array file"):
        calibration_tokens(spec(source=f"tokens:{tmp_path}/rows.npy"), 0, tiny_tokenizer())
    with pytest.raises(TextError, match="leave bos out"):
        heldout_tokens(measure(f"tokens:{tmp_path}/rows.npy", bos=True), "de", tiny_tokenizer())


# the cache


@pytest.fixture
def draws(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The languages that were really drawn."""
    from pipeline.text import tokens

    said: list[str] = []

    def noted(source: object, request: sampler.Request, tokenizer: object) -> sampler.Drawn:
        said.append(request.language)
        return sampler.draw(source, request, tokenizer)

    monkeypatch.setattr(tokens, "draw", noted)
    return said


def test_the_second_time_comes_from_the_cache_and_equals_the_first(cache: Path, draws: list[str]) -> None:
    tokenizer = tiny_tokenizer()
    first, again = (calibration_tokens(spec("en+de"), 0, tokenizer) for _ in range(2))
    assert draws == ["en", "de"]
    assert torch.equal(first.ids, again.ids)
    assert (first.documents, first.n_bytes, first.sha256) == (again.documents, again.n_bytes, again.sha256)
    record = json.loads(next(cache.glob("*.json")).read_text(encoding="utf-8"))
    assert record["known"]["text"]["source"] == "demo"
    assert record["documents"][0]["sha256"]


def test_whatever_changes_the_tokens_changes_the_key(tmp_path: Path, draws: list[str]) -> None:
    texts = tmp_path / "de.txt"
    texts.write_text("\n\n".join(f"{n} der Hund läuft" * 9 for n in range(40)), encoding="utf-8")
    plain = spec(source=str(tmp_path))
    variants = [
        (plain, 0, tiny_tokenizer()),
        (plain, 1, tiny_tokenizer()),
        (plain, 0, tiny_tokenizer(bos_in_front=True)),
        (plain.model_copy(update={"bos": True}), 0, tiny_tokenizer()),
        (plain.model_copy(update={"samples": 8}), 0, tiny_tokenizer()),
        (plain.model_copy(update={"sampling": "window"}), 0, tiny_tokenizer()),
        (spec(), 0, tiny_tokenizer()),
    ]
    for asked, seed, tokenizer in variants * 2:
        calibration_tokens(asked, seed, tokenizer)
    assert len(draws) == len(variants)
    texts.write_text(texts.read_text(encoding="utf-8") + "\n\nnoch ein Absatz", encoding="utf-8")
    calibration_tokens(plain, 0, tiny_tokenizer())
    assert len(draws) == len(variants) + 1, "a local file counts by its content"


@pytest.mark.parametrize("suffix", [".npy", ".json"])
@pytest.mark.parametrize("damage", [b"", b"garbage", None])
def test_a_damaged_entry_is_made_again(
    cache: Path, draws: list[str], caplog: pytest.LogCaptureFixture, suffix: str, damage: bytes | None
) -> None:
    tokenizer = tiny_tokenizer()
    first = calibration_tokens(spec(), 0, tokenizer)
    file = next(cache.glob(f"*{suffix}"))
    content = file.read_bytes()
    file.write_bytes(content[:-1] + b"\x07" if damage is None else damage)
    with caplog.at_level(logging.WARNING):
        again = calibration_tokens(spec(), 0, tokenizer)
    assert torch.equal(first.ids, again.ids)
    assert draws == ["de", "de"]
    assert "made again" in caplog.text
    assert file.read_bytes() == content


def test_a_cache_that_cannot_be_written_costs_no_run(
    cache: Path, draws: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    cache.parent.parent.mkdir(parents=True, exist_ok=True)
    cache.parent.write_text("a file where the folder should be")
    calibration_tokens(spec(), 0, tiny_tokenizer())
    assert draws == ["de"]
    assert "cannot be used" in caplog.text


def test_two_processes_draw_once(cache: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        other = pool.apply_async(_sha256, (0,))
        assert _sha256(0) == other.get()
    assert len(list(cache.glob("*.npy"))) == 1
    assert not list(cache.glob("*.tmp"))


def _sha256(seed: int) -> str:
    return calibration_tokens(spec(), seed, tiny_tokenizer()).sha256
