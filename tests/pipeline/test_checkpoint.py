"""Checkpoints pruned elsewhere: what their names say, what is taken, what is refused, a whole grid of them."""

import tomllib
from collections.abc import Callable
from typing import Any

import duckdb
import pytest
import tiny_grid
import torch
from families import build
from torch import Tensor
from torch.nn.functional import cross_entropy
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel

from pipeline.anatomy import find_blocks, linears
from pipeline.checkpoint import adopt
from pipeline.launch import one_run_grid
from pipeline.masks import read_masks, unpack
from pipeline.models import ModelError, load_weights
from pipeline.spec import Checkpoint, Grid, GridError, RunSpec
from pipeline.text import heldout_tokens
from store.folders import RunFolder

PUBLISHED = "multilingual-pruning/pruned-llama3-8b-instruct-wanda-0.5-unstructured-mc4-de-0"


def checkpoint(path: str = "elsewhere/model", **settings: Any) -> Checkpoint:
    return Checkpoint(name="checkpoint", path=path, **settings)


def prune_by_hand(
    model: PreTrainedModel, skip: str = "-", score: Callable[[Tensor], Tensor] = torch.abs
) -> dict[str, Tensor]:
    """Half of each row goes, the lowest scores; the masks by the linears' dotted names."""
    masks = {}
    for path, block in find_blocks(model).items():
        for name, linear in linears(block).items():
            if skip in f"{path}.{name}":
                continue
            scores = score(linear.weight.detach())
            mask = scores.argsort(dim=1).argsort(dim=1) < scores.shape[1] // 2
            linear.weight.data.masked_fill_(mask, 0)
            masks[f"{path}.{name}"] = mask
    return masks


@pytest.mark.parametrize(
    ("name", "place"),
    [
        (PUBLISHED, ("wanda", "unstructured", 0.5, "de", 0)),
        (f"{PUBLISHED}@v2", ("wanda", "unstructured", 0.5, "de", 0)),
        ("a/pruned-aya-23-35b-sparsegpt-0.5-2_4-mc4-en-de-42", ("sparsegpt", "2:4", 0.5, "de+en", 42)),
        ("/data/pruned-x-wanda-0.6-unstructured-fineweb-2-sw-1", ("wanda", "unstructured", 0.6, "sw", 1)),
        ("someone/llama-3-8b-halved", ("checkpoint", None, None, None, None)),
    ],
)
def test_a_name_tells_how_it_was_pruned(name: str, place: tuple[object, ...]) -> None:
    at = RunSpec(model="demo", method=checkpoint(name)).coordinates
    assert (at.method, at.pattern, at.sparsity, at.calibration, at.seed) == place


def test_what_is_said_in_the_grid_counts_more_than_the_name() -> None:
    run = RunSpec(model="demo", method=checkpoint(PUBLISHED, calibration="en+de", seed=3, of="sparsegpt"))
    assert run.run_id.startswith("smollm2-135m-instruct-checkpoint-sparsegpt-0.5-de+en-s3-")
    run = RunSpec(model="demo", method=checkpoint("/data/x", pattern="unstructured"))
    assert run.run_id.startswith("smollm2-135m-instruct-checkpoint-x-unstructured-")
    assert checkpoint("x", pattern="2:4").known.sparsity == 0.5
    assert checkpoint("x", sparsity=0.3).known.pattern == "unstructured"


@pytest.mark.parametrize("family", ["llama", "gemma2", "phi3", "gpt_neox"])
def test_zeros_are_the_mask_and_weights_are_taken(family: str) -> None:
    dense, other = build(family), build(family)
    masks = prune_by_hand(other, skip=".0.")
    for linear in (module for block in find_blocks(other).values() for module in linears(block).values()):
        linear.weight.data.mul_(1.5 if linear.weight.data.eq(0).any() else 1)  # kept weights too, as SparseGPT does
    blocks = list(adopt(dense, other, "theirs", checkpoint(sparsity=0.5)))
    assert {name: unpack(mask).tolist() for block in blocks for name, mask in block.masks.items()} == {
        name: mask.tolist() for name, mask in masks.items()
    }
    assert [len(block.masks) > 0 for block in blocks] == [False, True, True, True]
    for name, parameter in other.named_parameters():
        assert torch.equal(parameter, dense.get_parameter(name)), name


def test_a_setting_that_names_no_linear_of_the_model_is_told() -> None:
    with pytest.raises(ValueError, match=r"no linear 'down_prj' .* did you mean 'mlp\.down_proj'"):
        next(adopt(build("llama"), build("llama"), "theirs", checkpoint(skip_linears=["down_prj"])))


def test_half_precision_on_the_way_is_no_other_model() -> None:
    dense, other = build("llama").bfloat16(), build("llama").bfloat16()
    masks = prune_by_hand(other, skip=".0.")
    for model in (dense, other):
        model.get_parameter("model.layers.0.mlp.up_proj.weight").data[0, 0] = 1e-9  # 0 in float16
    found = list(adopt(dense, other.half(), "theirs", checkpoint(sparsity=0.5)))
    assert other.get_parameter("model.layers.0.mlp.up_proj.weight")[0, 0] == 0
    assert {name for block in found for name in block.masks} == masks.keys()
    assert dense.dtype == torch.bfloat16


def _quantise(model: PreTrainedModel) -> None:
    for block in find_blocks(model).values():
        for linear in linears(block).values():
            linear.weight.data = linear.weight.data.div(0.1).floor().add(0.5).mul(0.1)


def _train(model: PreTrainedModel) -> None:
    prune_by_hand(model)
    model.model.norm.weight.data.mul_(1.01)


def _leave(model: PreTrainedModel) -> None:
    """As it is."""


@pytest.mark.parametrize(
    ("change", "settings", "message"),
    [
        (_leave, {}, "theirs is not pruned: its linears are those of the dense model"),
        (_quantise, {}, "not pruned: its weights differ from the dense model's, but none is 0; a quantised model"),
        (_train, {}, r"or was trained further: model\.norm\.weight, which pruning leaves alone"),
        (prune_by_hand, {"sparsity": 0.7}, r"said to have a sparsity of 0\.7, but 50\.\d% .* write sparsity = 0\.50"),
        (prune_by_hand, {"pattern": "2:4"}, r"layers\.0\.self_attn\.q_proj has groups of 4 .* it is said to be 2:4"),
    ],
)
def test_what_is_no_pruned_checkpoint_is_refused(
    change: Callable[[PreTrainedModel], object], settings: dict[str, Any], message: str
) -> None:
    other = build("llama")
    change(other)
    with pytest.raises(ModelError, match=message):
        list(adopt(build("llama"), other, "theirs", checkpoint(**settings)))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_hidden_layers": 3}, r"lacks 9 of the dense model's weights, as model\.layers\.3\."),
        (
            {"attention_bias": True},
            r"has 16 weights that the dense model lacks, as model\.layers\.0\.self",
        ),
        (
            {"intermediate_size": 40},
            r"gate_proj\.weight is 40x32 there and 48x32 in the dense model \(12 d",
        ),
    ],
)
def test_another_model_is_refused_with_what_differs(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        list(adopt(build("llama"), build("llama", **settings), "theirs", checkpoint()))


GRID = tiny_grid.GRID.replace(
    '{ name = "wanda", sparsity = 0.5 }]',
    """{ name = "wanda", sparsity = 0.5 },
  { name = "checkpoint", path = "others/pruned-m-wanda-0.5-unstructured-text-de-0" },
  { name = "checkpoint", path = "others/mine", of = "wanda", sparsity = 0.5, calibration = "en", seed = 0 }]""",
)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> tiny_grid.Place:
    """The grid, done: two checkpoints beside runs of our own."""
    place = tiny_grid.make(tmp_path_factory.mktemp("checkpoints"))
    for name, score in (("pruned-m-wanda-0.5-unstructured-text-de-0", torch.abs), ("mine", torch.neg)):
        model = AutoModelForCausalLM.from_pretrained(place.folder / "model")
        prune_by_hand(model, score=score)
        model.save_pretrained(place.folder / "others" / name)  # without a tokenizer: the dense model's is used
    place.write_grid(GRID)
    code, output = place.run()
    assert code == 0, output
    return place


def ask(place: tiny_grid.Place, query: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(place.store), read_only=True) as connection:
        return connection.execute(query).fetchall()


def test_a_checkpoint_is_a_run_among_others(place: tiny_grid.Place) -> None:
    columns = "method, pattern, sparsity, calibration, seed, calibration_source, numerics, setting"
    found = ask(place, f"SELECT {columns} FROM runs WHERE setting LIKE '%checkpoint others%' ORDER BY calibration")
    revision = found[0][-1].rpartition(" ")[2]
    assert found == [
        ("wanda", "unstructured", 0.5, "de", 0, "text", None, f"text float32 checkpoint others {revision}"),
        ("wanda", "unstructured", 0.5, "en", 0, None, None, f"float32 checkpoint others {revision}"),
    ]
    ((note, reached),) = ask(
        place, "SELECT note, sparsity_reached FROM run WHERE calibration = 'en' AND note IS NOT NULL"
    )
    assert note.startswith("checkpoint of directory:")
    assert reached == 0.5


def test_its_masks_are_its_zeros_and_its_numbers_its_own(
    place: tiny_grid.Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    ((run_id,),) = ask(place, "SELECT run_id FROM run WHERE run_id LIKE 'model-checkpoint-wanda-0.5-en-s0-%'")
    own = AutoModelForCausalLM.from_pretrained(place.folder / "others" / "mine")
    for name, mask in read_masks(RunFolder.at(place.runs, run_id).masks):
        assert torch.equal(unpack(mask), own.get_parameter(f"{name}.weight") == 0)
    monkeypatch.setenv("XDG_CACHE_HOME", place.environment()["XDG_CACHE_HOME"])
    tokenizer = AutoTokenizer.from_pretrained(place.folder / "model")
    (measure,) = Grid.load(place.grid).measure
    for language in ("de", "en"):
        ids = heldout_tokens(measure, language, tokenizer).ids
        with torch.no_grad():
            losses = cross_entropy(own(ids).logits[:, :-1].transpose(1, 2), ids[:, 1:], reduction="none")
        wanted = f"quantity = 'perplexity' AND language = '{language}' AND run_id = '{run_id}'"
        ((value,),) = ask(place, f"SELECT value FROM metrics WHERE {wanted}")
        assert value == pytest.approx(losses.mean(dim=1).mean().exp().item(), rel=1e-5)


def test_the_explorer_can_have_more_measured_but_no_other_calibration(place: tiny_grid.Place) -> None:
    ((run_id,),) = ask(place, "SELECT run_id FROM run WHERE run_id LIKE 'model-checkpoint-wanda-0.5-en-s0-%'")
    assert [run.run_id for run in one_run_grid(place.runs, run_id, "en").runs()] == [run_id]
    with pytest.raises(GridError, match="is a checkpoint from elsewhere: for others, name them in a grid file"):
        one_run_grid(place.runs, run_id, "de")


def test_masks_are_compared_with_our_own_and_with_each_other(place: tiny_grid.Place) -> None:
    found = ask(place, "SELECT DISTINCT kind, label_a, label_b, method FROM mask_overlap ORDER BY ALL")
    assert ("checkpoints", "de 8x64", "checkpoint others", "wanda") in found
    assert ("checkpoints", "en 8x64", "checkpoint others", "wanda") in found
    assert ("languages", "de", "en", "wanda") in found


def test_what_cannot_be_found_or_told_apart_is_told(place: tiny_grid.Place) -> None:
    twice = GRID.replace("others/mine", "others/mine2").replace('"en", seed = 0', '"de", seed = 0')
    with pytest.raises(GridError, match=r"axes\.method\[3\]: .*mine2' and .* have the same method, sparsity"):
        Grid.parse(tomllib.loads(twice), place.grid)
    with pytest.raises(ModelError, match="'someone/not-there': no such directory, not fetched before, and HF_HUB"):
        load_weights("someone/not-there")
    with pytest.raises(ModelError, match="text is no model: it has no config"):
        load_weights(str(place.folder / "text"))
