"""Overlap of packed masks equals that of plain sets; comparisons of runs are made once and found in the store."""

import json
import math
import re
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline import overlap
from pipeline.analyse import ANALYSES, analyse, main
from pipeline.mask_file import MaskFile
from pipeline.mask_reader import mapped_masks
from pipeline.masks import pack
from pipeline.overlap import overlaps
from pipeline.spec import CalibrationSpec, RunSpec, SparseGPT, Wanda
from store.folders import RunFolder, State
from store.ingest import ingest
from store.reader import open_reader

SHAPE = (24, 37)


def mask(seed: int, share: float = 0.5) -> torch.Tensor:
    return torch.rand(SHAPE, generator=torch.Generator().manual_seed(seed)) < share


def sets(*seeds: int) -> list[set[int]]:
    return [set(mask(seed).flatten().nonzero().flatten().tolist()) for seed in seeds]


def bits(*seeds: int) -> list[np.ndarray]:
    return [pack(mask(seed)).bits for seed in seeds]


@pytest.mark.parametrize("chunk", [8, 64, 2**18])
def test_overlaps_are_those_of_sets(monkeypatch: pytest.MonkeyPatch, chunk: int) -> None:
    monkeypatch.setattr(overlap, "CHUNK_BYTES", chunk)
    groups = {"de": bits(1, 2, 3), "en": bits(4, 5, 6)}
    within, across = overlaps(groups, [("de", "en"), ("en", "de"), ("de", "de")], SHAPE[0] * SHAPE[1])
    de, en = sets(1, 2, 3), sets(4, 5, 6)
    assert within["de"].n_intersection == len(set.intersection(*de))
    assert within["de"].n_union == len(set.union(*de))
    a, b = set.intersection(*de), set.intersection(*en)
    assert across["de", "en"].iou == len(a & b) / len(a | b)
    assert across["de", "en"] == across["en", "de"]
    assert across["de", "de"].iou == 1


def test_chance_is_that_of_independent_masks() -> None:
    half = np.full(8, 0b10101010, dtype=np.uint8)
    within, across = overlaps({"a": [half] * 3, "b": [half] * 3, "two": [half] * 2}, [("a", "b")], 64)
    assert within["two"].chance == pytest.approx(1 / 3)
    assert within["a"].chance == pytest.approx(1 / 7)
    assert across["a", "b"].chance == pytest.approx(1 / 15)


def test_empty_masks_have_no_iou() -> None:
    within, _ = overlaps({"none": [np.zeros(8, dtype=np.uint8)] * 2}, [], 64)
    assert math.isnan(within["none"].iou)
    assert within["none"].chance is None


def test_masks_are_mapped_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "masks.safetensors"
    with MaskFile(path) as file:
        file.add("model.layers.0.mlp.up_proj", pack(mask(1)))
        file.add("model.layers.1.mlp.up_proj", pack(mask(2)))
    found = mapped_masks(path)
    assert found["model.layers.1.mlp.up_proj"].shape == SHAPE
    assert found["model.layers.1.mlp.up_proj"].bits.tobytes() == pack(mask(2)).bits.tobytes()
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(ValueError, match="not a mask file"):
        mapped_masks(path)


def run(runs: Path, language: str, seed: int, method: str = "wanda", samples: int = 8) -> str:
    """A finished run with a mask of two linears."""
    text = CalibrationSpec(languages=language, source="demo", samples=samples, length=8, sampling="pack")
    chosen = Wanda(name="wanda", sparsity=0.5) if method == "wanda" else SparseGPT(name="sparsegpt", sparsity=0.5)
    spec = RunSpec(model="demo", method=chosen, calibration=text, seed=seed)
    folder = RunFolder.at(runs, spec.run_id).create({"run_id": spec.run_id, **spec.model_dump(mode="json")})
    with MaskFile(folder.masks) as file:
        for block in range(2):
            name = f"model.layers.{block}.mlp.up_proj"
            file.add(name, pack(mask(zlib.crc32(f"{language}{seed}{method}{samples}{block}".encode()))))
    folder.write_state(State(status="done"))
    return spec.run_id


def test_runs_are_compared_once_and_the_store_tells(tmp_path: Path) -> None:
    runs, store = tmp_path / "runs", tmp_path / "results.duckdb"
    for language in ("de", "en", "zh"):
        for seed in (0, 1, 2):
            run(runs, language, seed)
    assert analyse(runs) == 3 + 3
    assert analyse(runs) == 0
    run(runs, "de", 0, method="sparsegpt")
    run(runs, "de", 0, samples=16)
    assert analyse(runs) == 1 + 1
    assert not (runs / ANALYSES / "spec.json").exists()
    ingest(store, runs)
    with open_reader(store, runs) as db:
        table = "SELECT linear, de, en, zh, chance FROM table16 WHERE method = 'wanda'"
        ((linear, *values),) = db.execute(table).fetchall()
        assert linear == "ffn.up"
        assert all(0.05 < value < 0.3 for value in values)
        kinds = (
            "SELECT kind, calibration, other, count(*) FROM figure2 WHERE kind IN ('methods', 'runs') GROUP BY ALL"
        )
        assert sorted(db.execute(kinds).fetchall()) == [
            ("methods", "sparsegpt-0.5", "wanda-0.5", 2),
            ("runs", "de 16x8", "de 8x8", 2),
        ]


def test_the_command_needs_no_torch(tmp_path: Path) -> None:
    run(tmp_path / "runs", "de", 0)
    run(tmp_path / "runs", "de", 1)
    program = f"""
import json, sys
from pipeline.analyse import main
code = main(["--store", {str(tmp_path / "results.duckdb")!r}])
main(["--store", {str(tmp_path / "results.duckdb")!r}, "de-s0", "de-s1"])
print(json.dumps([code, "torch" in sys.modules]))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[0] == "1 new comparisons of masks"
    assert json.loads(done.stdout.splitlines()[-1]) == [0, False]


def test_any_two_runs_are_compared_on_demand(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs, store = tmp_path / "runs", tmp_path / "results.duckdb"
    a, b = run(runs, "de", 0), run(runs, "sw", 1, method="sparsegpt", samples=16)
    for _ in range(2):
        assert main(["--store", str(store), "wanda", "sw-s1"]) == 0
    seeds = [
        (zlib.crc32(f"de0wanda8{block}".encode()), zlib.crc32(f"sw1sparsegpt16{block}".encode())) for block in (0, 1)
    ]
    pairs = [sets(*two) for two in seeds]
    iou = [len(first & second) / len(first | second) for first, second in pairs]
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == [a, b]
    assert lines[4].split()[:2] == ["mlp.up_proj", f"{sum(iou) / 2:.4f}"]
    ends = [f"{value:.4f} (  {block})" for value, block in sorted(zip(iou, (0, 1), strict=True))]
    assert lines[4].endswith("   ".join(ends))
    whole = sum(len(x & y) for x, y in pairs) / sum(len(x | y) for x, y in pairs)
    assert lines[2].startswith(f"IoU {whole:.4f} ")
    with open_reader(store, runs) as db:
        kept = db.execute(
            "SELECT calibration, other, block, iou FROM figure2 WHERE kind = 'pair' ORDER BY block"
        ).fetchall()
    assert kept == [(a, b, block, iou[block]) for block in (0, 1)]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["de-s0", "fr"], "no run 'fr' in .*; did you mean"),
        (["de-s0", "wanda-0.5-de-s0"], "are one run"),
        (["de-s0", "en-s0"], r"wanda-0.5-en-s0-\w+ has no mask: it is dense, or only quantised"),
        (["de-s0", "zh-s0"], "is not finished"),
        (["de-s0"], "name two runs to compare, or none"),
        (["de-s0", "en-s0", "--floor"], "leave out the two, or --floor"),
    ],
)
def test_what_cannot_be_compared_is_told(
    names: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = tmp_path / "runs"
    run(runs, "de", 0)
    RunFolder.at(runs, run(runs, "en", 0)).masks.unlink()
    RunFolder.at(runs, run(runs, "zh", 0)).write_state(State(status="interrupted"))
    assert main(["--store", str(tmp_path / "results.duckdb"), *names]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert re.search(message, line)
