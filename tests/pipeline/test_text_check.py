"""What can be wrong with a grid's text before any is read, and the plainest form of a list of languages."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_tokenizer import tiny_tokenizer

from pipeline.spec import CalibrationSpec, Grid, GridError
from pipeline.text import calibration_tokens


def grid(folder: Path, text: dict[str, Any], measure: dict[str, Any] | None = None, **axes: Any) -> Grid:
    data = {
        "name": "t",
        "axes": {"model": ["m"], "method": [{"name": "wanda"}], "calibration": ["de"]} | axes,
        "calibration": {"source": "demo", "samples": 4, "length": 16} | text,
        "measure": [] if measure is None else [{"name": "perplexity", "samples": 4, "length": 16} | measure],
    }
    return Grid.parse(data, folder / "t.toml")


def test_no_language_of_a_mix_goes_without_a_sequence(tmp_path: Path) -> None:
    with pytest.raises(GridError, match=r"calibration\[1\]: 2 samples leave none for zh; raise calibration.samples"):
        grid(tmp_path, {"samples": 2}, calibration=["de", "en+de+zh"])
    assert len(list(grid(tmp_path, {"samples": 3}, calibration=["de", "en+de+zh"]).runs())) == 2


def test_one_file_of_tokens_is_one_calibration(tmp_path: Path) -> None:
    (tmp_path / "t.npy").write_bytes(b"")
    one = {"source": "tokens:t.npy"}
    assert len(list(grid(tmp_path, one, calibration=["de+en"]).runs())) == 1
    with pytest.raises(GridError, match="is the same text whatever the languages; give each language a file"):
        grid(tmp_path, one, calibration=["de", "en"])
    with pytest.raises(GridError, match=r"axes.seed: .* is the same text whatever the seed"):
        grid(tmp_path, one, seed=[0, 1])
    with pytest.raises(GridError, match=r"axes.seed"):
        grid(tmp_path, {"source": "tokens:{language}.npy"}, calibration=["de", "en"], seed=[0, 1])
    each = grid(tmp_path, {"source": "tokens:{language}-{seed}.npy"}, calibration=["de", "en"], seed=[0, 1])
    assert len(list(each.runs())) == 4


def test_one_file_of_tokens_measures_one_language(tmp_path: Path) -> None:
    (tmp_path / "t.npy").write_bytes(b"")
    assert grid(tmp_path, {}, {"source": "tokens:t.npy", "languages": ["de"]}).measure
    with pytest.raises(GridError, match=r"measure\[0\].languages: .* is the same text whatever the language"):
        grid(tmp_path, {}, {"source": "tokens:t.npy", "languages": ["de", "en"]})


def test_a_token_file_for_each_language_and_seed(tmp_path: Path) -> None:
    for number, name in enumerate(("de-0", "en-0", "de-1", "en-1")):
        np.save(tmp_path / f"{name}.npy", np.full((4, 8), number + 5))
    spec = CalibrationSpec(
        languages="en+de", source=f"tokens:{tmp_path}/{{language}}-{{seed}}.npy", samples=2, length=8, sampling="pack"
    )
    assert [calibration_tokens(spec, seed, tiny_tokenizer()).ids[:, 0].tolist() for seed in (0, 1)] == [
        [6, 5],
        [8, 7],
    ]


@pytest.mark.parametrize(
    ("listed", "plain", "label"),
    [
        ("en*2 + de*2", "en+de", "de+en"),
        ("de*6+en*2", "de*3+en", "de*3+en"),
        ("en+de*2", "en+de*2", "de*2+en"),
        ("de*5", "de", "de"),
    ],
)
def test_equal_shares_are_the_same_calibration(tmp_path: Path, listed: str, plain: str, label: str) -> None:
    (run,) = grid(tmp_path, {"samples": 12}, calibration=[listed]).runs()
    (other,) = grid(tmp_path, {"samples": 12}, calibration=[plain]).runs()
    assert run.run_id == other.run_id
    assert run.coordinates.calibration == label
