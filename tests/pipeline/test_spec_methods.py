"""What a grid may say of methods: settings, their labels and ids, sparsities by block and linear, mistakes."""

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from pipeline.spec import GPTQ, Grid, GridError, MethodSpec, RunSpec, SparseGPT, Wanda
from pipeline.spec.changing import Changing, Pruning
from pipeline.spec.methods import METHODS

GRID = """
name = "second-order"
arithmetic = "exact"
[axes]
model = ["demo"]
method = [
  { name = "dense" },
  { name = "sparsegpt", pattern = "2:4", override = [] },
  { name = "gptq", bits = 8, group_size = 0 },
]
calibration = ["de"]
[calibration]
source = "demo"
"""


def method(**settings: Any) -> Any:
    return TypeAdapter(MethodSpec).validate_python(settings)


def load(folder: Path, text: str) -> Grid:
    file = folder / "grid.toml"
    file.write_text(text, encoding="utf-8")
    return Grid.load(file)


def test_a_grid_passes_its_arithmetic_to_methods_that_read_text(tmp_path: Path) -> None:
    dense, sparse, rounded = load(tmp_path, GRID).runs()
    assert [run.arithmetic for run in (dense, sparse, rounded)] == ["fast", "exact", "exact"]
    assert dense.run_id.startswith("smollm2-135m-instruct-dense-")
    assert "-sparsegpt-2of4-de-s0-" in sparse.run_id
    assert "-gptq-8bit-row-de-s0-" in rounded.run_id


def test_exact_and_fast_are_two_runs() -> None:
    fast, exact = (RunSpec(model="demo", method=Wanda(name="wanda"), arithmetic=a) for a in ("fast", "exact"))
    assert fast.run_id == RunSpec(model="demo", method=Wanda(name="wanda")).run_id != exact.run_id


@pytest.mark.parametrize("name", [name for name in METHODS if name != "dense"])
def test_every_method_says_what_it_needs_and_does(name: str) -> None:
    kind = METHODS[name]
    assert issubclass(kind, Changing)
    assert isinstance(kind.reads_text, bool)
    assert isinstance(kind.keeps_weights, bool)
    settings = {"path": "somewhere", "sparsity": 0.5} if name == "checkpoint" else {}
    assert RunSpec(model="demo", method=method(name=name, **settings)).coordinates.pattern


def test_sparsity_by_block_and_linear() -> None:
    spec = method(
        name="wanda",
        skip_blocks=[0, -1],
        skip_linears=["o_proj"],
        override=[
            {"linears": ["down_proj"], "sparsity": 0.3},
            {"blocks": [1, -2], "sparsity": 0.4},
            {"blocks": [2], "linears": ["mlp.down_proj"], "sparsity": 0.1},
            {"blocks": [3], "linears": ["k_proj"], "sparsity": 0.0},
        ],
    )
    assert isinstance(spec, Pruning)

    def at(block: int, linear: str) -> float | None:
        found = spec.at(block, 6, linear)
        return None if found is None else found.target_sparsity

    assert [at(block, "self_attn.q_proj") for block in range(6)] == [None, 0.4, 0.5, 0.5, 0.4, None]
    assert [at(block, "mlp.down_proj") for block in range(6)] == [None, 0.4, 0.1, 0.3, 0.4, None]
    assert at(2, "self_attn.o_proj") is None
    assert (at(3, "self_attn.k_proj"), at(2, "self_attn.k_proj")) == (None, 0.5)  # 0 is dense
    assert at(2, "mlp.updown_proj") == 0.5  # the end of a name is whole words


@pytest.mark.parametrize("name", ["magnitude", "wanda", "wanda_preview", "sparsegpt", "ria", "wanda_update"])
@pytest.mark.parametrize("pattern", ["unstructured", "2:4", "1:4", "3:8"])
def test_what_is_written_into_a_runs_folder_can_be_read_back(name: str, pattern: str) -> None:
    run = RunSpec(model="m", method=method(name=name, pattern=pattern))
    again = RunSpec.model_validate(json.loads(json.dumps(run.model_dump(mode="json"))))
    assert (again, again.run_id) == (run, run.run_id)


def test_a_setting_said_twice_or_otherwise_is_the_same_run() -> None:
    quarter = method(name="wanda", pattern="1:4")
    for other in ({"pattern": "1:4", "sparsity": 0.25}, {"pattern": "01:04"}):
        assert method(name="wanda", **other).canonical() == quarter.canonical()
    assert quarter.target_sparsity == 0.25


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"name": "sparsegpt", "pattern": "2:4", "blocksize": 30}, "blocksize 30 is no multiple of the groups"),
        ({"name": "sparsegpt", "pattern": "3:5"}, "write blocksize = 125"),
        ({"name": "sparsegpt", "percdamp": -1}, "greater than or equal to 0"),
        ({"name": "gptq", "bits": 5}, "2, 3, 4 or 8"),
        ({"name": "gptq", "sparsity": 0.5}, "Extra inputs are not permitted"),
        ({"name": "wanda", "pattern": "2:4", "override": [{"sparsity": 0.1}]}, "has one sparsity"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        method(**settings)


def test_a_typo_in_an_override_is_told_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(
        GridError, match=r"axes\.method\[1\]\.override\[0\]\.linear: no such key; did you mean 'linears'"
    ):
        load(
            tmp_path,
            GRID.replace("override = []", 'override = [{ linear = ["q_proj"], sparsity = 0.1 }]').replace(
                'pattern = "2:4", ', ""
            ),
        )


def test_defaults_are_the_references() -> None:
    assert (SparseGPT(name="sparsegpt").blocksize, SparseGPT(name="sparsegpt").percdamp) == (128, 0.01)
    assert GPTQ(name="gptq").pattern == "4bit/g128"
