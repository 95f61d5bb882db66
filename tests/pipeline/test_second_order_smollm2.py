"""The demo model's first blocks: exact is the oracle bit for bit, fast is close. All blocks: tests/benchmarks."""

from collections.abc import Iterator
from typing import Any

import pytest
import second_order_oracle as oracle
import torch
from pydantic import TypeAdapter
from torch import Tensor

from pipeline import models, text
from pipeline.masks import unpack
from pipeline.prune import prune
from pipeline.spec import GPTQ, CalibrationSpec, MethodSpec

pytestmark = pytest.mark.demo

CPU = torch.device("cpu")
N_BLOCKS = 2


@pytest.fixture(scope="module")
def loaded() -> models.Loaded:
    try:
        found = models.load("demo")
    except models.ModelError as error:
        pytest.skip(f"no demo model: {error}")
    found.model.model.layers = found.model.model.layers[:N_BLOCKS]
    return found


@pytest.fixture
def model(loaded: models.Loaded) -> Iterator[Any]:
    """The dense model; whatever a test does to it is undone by `restore`."""
    dense = {name: value.clone() for name, value in loaded.model.model.layers.named_parameters()}
    yield loaded.model
    restore(loaded.model, dense)


def restore(model: Any, dense: dict[str, Tensor]) -> None:
    with torch.no_grad():
        for name, value in model.model.layers.named_parameters():
            value.copy_(dense[name])


@pytest.mark.parametrize(
    "settings",
    [{"name": "sparsegpt"}, {"name": "sparsegpt", "pattern": "2:4"}, {"name": "gptq"}],
    ids=str,
)
def test_exact_is_the_oracle_and_fast_is_close(settings: dict[str, Any], model: Any, loaded: models.Loaded) -> None:
    method: Any = TypeAdapter(MethodSpec).validate_python(settings)
    dense = {name: value.clone() for name, value in model.model.layers.named_parameters()}
    both = CalibrationSpec(languages="de+zh", source="demo", samples=8, length=128, sampling="pack")
    tokens = text.calibration_tokens(both, 0, loaded.tokenizer).ids
    masks = {}
    weights = {}
    for arithmetic in ("fast", "exact"):
        restore(model, dense)
        done = list(prune(model, tokens, method, CPU, arithmetic=arithmetic))
        masks[arithmetic] = {name: unpack(mask) for block in done for name, mask in block.masks.items()}
        weights[arithmetic] = {name: value.clone() for name, value in model.model.layers.named_parameters()}
    restore(model, dense)
    expected = oracle.prune_model(model, tokens, lambda weight, sums: plainly(method, weight, sums))
    for name, value in model.model.layers.named_parameters():
        assert torch.equal(weights["exact"][name], value), name
    for name, mask in masks["exact"].items():
        assert torch.equal(mask, expected[name]), name
    if not isinstance(method, GPTQ):
        both_removed = sum(int((masks["fast"][name] & mask).sum()) for name, mask in masks["exact"].items())
        either = sum(int((masks["fast"][name] | mask).sum()) for name, mask in masks["exact"].items())
        assert both_removed / either > (0.95 if method.group is None else 0.9)  # a small change tips a group


def plainly(method: Any, weight: Tensor, sums: oracle.Sums) -> tuple[Tensor, Tensor]:
    if method.name == "gptq":
        return oracle.gptq(weight, sums, method.bits, method.group_size, False, False, method.blocksize)
    return oracle.sparsegpt(weight, sums, method.sparsity, method.group, method.blocksize)
