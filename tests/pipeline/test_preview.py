"""Previews: Wanda's masks from one dense pass, against the whole dense model run once with hooks."""

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
import tiny_grid
import torch
from families import N_BLOCKS, build, draw
from torch import Tensor, nn
from transformers import PreTrainedModel

from pipeline import preview
from pipeline.anatomy import find_blocks, linears
from pipeline.masks import unpack
from pipeline.progress import Report, outcome
from pipeline.prune import prune
from pipeline.spec import CalibrationSpec, Grid, GridError, Wanda
from pipeline.spec.methods import WandaPreview

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def all_linears(model: PreTrainedModel) -> dict[str, nn.Linear]:
    return {
        f"{path}.{name}": linear
        for path, block in find_blocks(model).items()
        for name, linear in linears(block).items()
    }


@torch.no_grad()
def plain_norms(model: PreTrainedModel, tokens: Tensor) -> dict[str, Tensor]:
    """The definition: every sequence through the whole dense model; mean of squared norms over sequences, float64."""
    norms: dict[str, Tensor] = {}

    def add(name: str, inputs: Tensor) -> None:
        norms[name] = norms.get(name, 0) + inputs.double().reshape(-1, inputs.shape[-1]).square().sum(0) / len(tokens)

    found = all_linears(model)
    hooks = [
        linear.register_forward_pre_hook(lambda _, given, name=name: add(name, given[0]))
        for name, linear in found.items()
    ]
    for sequence in tokens:
        model(input_ids=sequence[None])
    for hook in hooks:
        hook.remove()
    return norms


def plain_mask(weight: Tensor, norms: Tensor, spec: WandaPreview) -> Tensor:
    """The smallest |weight| times norm of each row, or of each group of m in it, by full sorts."""
    scores = weight.detach().abs().double() * norms.sqrt()
    removed, size = spec.group or (int(weight.shape[1] * spec.sparsity), weight.shape[1])
    groups = scores.reshape(-1, size)
    mask = torch.zeros_like(groups, dtype=torch.bool)
    mask.scatter_(1, groups.argsort(dim=1)[:, :removed], True)
    return mask.reshape(weight.shape)


@pytest.mark.parametrize("family", ["llama", "gemma3_text", "cohere2", "phi3", "qwen3", "gpt_neox"])
@pytest.mark.parametrize("setting", [{"sparsity": 0.5}, {"sparsity": 0.3}, {"pattern": "2:4"}, {"pattern": "1:4"}])
def test_masks_are_those_of_the_dense_model_run_once(family: str, setting: dict[str, object]) -> None:
    spec = WandaPreview.model_validate({"name": "wanda_preview", **setting})
    tokens = draw(6)
    dense = build(family)
    norms, weights = plain_norms(dense, tokens), {name: one.weight for name, one in all_linears(dense).items()}
    model = build(family)
    n_wrong = n_all = 0
    for done in prune(model, tokens, spec, CPU):
        for name, mask in done.masks.items():
            wrong = unpack(mask) != plain_mask(weights[name], norms[name], spec)
            n_wrong, n_all = n_wrong + int(wrong.sum()), n_all + wrong.numel()
            assert torch.equal(all_linears(model)[name].weight, weights[name].masked_fill(unpack(mask), 0))
    assert n_all == sum(weight.numel() for weight in weights.values())
    assert n_wrong == 0


def test_it_is_not_the_sequential_result() -> None:
    tokens = draw(6)
    sequential = {
        name: mask
        for done in prune(build("llama"), tokens, Wanda(name="wanda"), CPU)
        for name, mask in done.masks.items()
    }
    spec = WandaPreview(name="wanda_preview")
    estimated = {name: mask for done in prune(build("llama"), tokens, spec, CPU) for name, mask in done.masks.items()}
    same = {name for name in estimated if estimated[name].sha256 == sequential[name].sha256}
    first = next(iter(find_blocks(build("llama"))))
    assert {name for name in estimated if name.startswith(f"{first}.")} <= same, (
        "nothing before the first block is pruned"
    )
    assert len(same) < len(estimated)


def test_settings_of_single_linears_and_blocks_hold() -> None:
    spec = WandaPreview(name="wanda_preview", skip_blocks=(0, -1), skip_linears=("down_proj",))
    done = list(prune(build("llama"), draw(4), spec, CPU))
    assert [bool(block.masks) for block in done] == [False, *[True] * (N_BLOCKS - 2), False]
    assert not any(name.endswith("down_proj") for block in done for name in block.masks)


@pytest.mark.parametrize("arithmetic", ["fast", "exact"])
def test_a_mix_is_the_sum_of_its_parts(arithmetic: str) -> None:
    model, one, other = build("llama"), draw(8, seed=1), draw(8, seed=2)
    parts = {
        "de": outcome(preview.dense_norms(model, one, CPU)),
        "en": outcome(preview.dense_norms(model, other, CPU)),
    }
    equal = preview.mixed(parts, {"de": 4, "en": 4})
    whole = outcome(preview.dense_norms(model, torch.cat([one, other]), CPU, arithmetic))  # type: ignore[arg-type]
    for name, norm in whole.items():
        torch.testing.assert_close(equal[name], norm, rtol=2e-6, atol=0)
        torch.testing.assert_close(
            norm.double(), plain_norms(model, torch.cat([one, other]))[name], rtol=2e-6, atol=0
        )
    thrice = outcome(preview.dense_norms(model, torch.cat([one, one, one, other]), CPU))
    mixed = preview.mixed(parts, {"de": 6, "en": 2})
    for name, norm in thrice.items():
        torch.testing.assert_close(mixed[name], norm, rtol=2e-6, atol=0)
    assert torch.equal(preview.mixed({"de": parts["de"]}, {"de": 8})[name], parts["de"][name])


def test_each_language_is_read_in_full() -> None:
    text = CalibrationSpec(languages="de*3+en", source="demo", samples=8, length=16, sampling="pack")
    assert preview.all_of_each(text).shares() == {"de": 8, "en": 8}
    few = text.model_copy(update={"languages": "de+en+sw", "samples": 2})
    assert preview.all_of_each(few).shares() == {"de": 2, "en": 2}, "a language without a share is not read"


def reports(passing: Iterator[Report]) -> int:
    return sum(1 for _ in passing)


def test_one_pass_is_kept_for_every_run_of_its_text() -> None:
    model, tokens = build("llama"), draw(4)
    known = {"model": "m", "revision": "1"}
    assert reports(preview.kept_norms(model, tokens, CPU, "fast", known)) == N_BLOCKS
    assert reports(preview.kept_norms(model, tokens, CPU, "fast", known)) == 0
    kept = outcome(preview.kept_norms(model, tokens, CPU, "fast", known))
    for name, norm in outcome(preview.dense_norms(model, tokens, CPU)).items():
        assert torch.equal(kept[name], norm)
    for other in (
        preview.kept_norms(model, tokens, CPU, "exact", known),
        preview.kept_norms(model, tokens.flip(0), CPU, "fast", known),
        preview.kept_norms(model, tokens, CPU, "fast", {**known, "revision": "2"}),
        preview.kept_norms(model.bfloat16(), tokens, CPU, "fast", known),
    ):
        assert reports(other) == N_BLOCKS
    for file in preview.folder().glob("*.safetensors"):
        file.write_bytes(b"torn")
    assert reports(preview.kept_norms(model, tokens, CPU, "fast", known)) == N_BLOCKS


GRID = tiny_grid.GRID.replace(
    '{ name = "wanda", sparsity = 0.5 }',
    '{ name = "wanda" }, { name = "wanda_preview" }, { name = "wanda_preview", pattern = "2:4" }',
).replace('["de", "en"]\n[cal', '["de", "en", "en+de", "de*3+en"]\n[cal')


def test_a_whole_grid_keeps_previews_apart(tmp_path: Path) -> None:
    place = tiny_grid.make(tmp_path / "place")
    place.write_grid(GRID)
    code, output = place.run()
    assert code == 0, output
    assert len(list((place.folder / "cache" / "calib-explorer" / "preview").glob("*.safetensors"))) == 2
    with duckdb.connect(str(place.store)) as store:
        runs = store.sql(
            "SELECT method, preview, count(*), bool_and(ends_with(setting, ' preview')) FROM runs "
            "WHERE source = 'run' AND method <> 'dense' GROUP BY ALL ORDER BY ALL"
        ).fetchall()
        shown = store.sql("SELECT DISTINCT method FROM by_language WHERE source = 'run' ORDER BY 1").fetchall()
        overlaps = store.sql(
            "SELECT DISTINCT method FROM mask_overlap WHERE kind = 'languages' ORDER BY 1"
        ).fetchall()
    assert runs == [("wanda", False, 4, False), ("wanda_preview", True, 8, True)]
    assert shown == [("dense",), ("wanda",)], "the paper's tables hold results alone"
    assert overlaps == [("wanda",), ("wanda_preview",)]


def test_one_file_of_tokens_has_no_languages_to_add(tmp_path: Path) -> None:
    (tmp_path / "t.npy").write_bytes(b"")
    data = {
        "name": "p",
        "axes": {"model": ["m"], "method": [{"name": "wanda_preview"}], "calibration": ["de", "de+en"]},
        "calibration": {"source": "tokens:t.npy", "samples": 4, "length": 16},
    }
    with pytest.raises(GridError, match="a preview adds up what it finds in each language"):
        Grid.parse(data, tmp_path / "p.toml")
