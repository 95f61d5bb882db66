"""The demo model: Wanda's masks and weights equal the oracle's bit for bit, and perplexity the plain one's."""

import copy
import math

import oracle
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from pipeline import models, text
from pipeline.masks import unpack
from pipeline.measures.perplexity import measure
from pipeline.prune import prune
from pipeline.spec import CalibrationSpec, Wanda
from pipeline.stream import BlockStream

pytestmark = pytest.mark.demo

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def loaded() -> models.Loaded:
    try:
        return models.load("demo")
    except models.ModelError as error:
        pytest.skip(f"no demo model: {error}")


@pytest.fixture
def tokens(loaded: models.Loaded) -> Tensor:
    german = CalibrationSpec(languages="de", source="demo", samples=4, length=128, sampling="pack")
    return text.calibration_tokens(german, 0, loaded.tokenizer).ids


def test_logits_and_perplexity_are_the_models_own(loaded: models.Loaded, tokens: Tensor) -> None:
    model = loaded.model
    with torch.no_grad():
        own = torch.cat([model(input_ids=sequence[None], use_cache=False).logits for sequence in tokens])
    stream = BlockStream(model, tokens, CPU, batch=1)
    assert len(list(stream)) == 30
    for part in stream.logits(tokens.shape[1] * own.shape[2]):
        assert torch.equal(part.values, own[part.rows, part.positions])
    losses = [F.cross_entropy(logits[:-1], ids[1:]).item() for logits, ids in zip(own, tokens, strict=True)]
    *_, last = measure(model, {"de": tokens}, loaded.tokenizer, CPU)
    assert last.measured[0].value == pytest.approx(math.exp(sum(losses) / len(losses)), rel=1e-5)
    assert 1 < last.measured[1].value < 3  # bits per byte of German


def test_wanda_equals_the_oracle(loaded: models.Loaded, tokens: Tensor) -> None:
    ours, plain = copy.deepcopy(loaded.model), copy.deepcopy(loaded.model)
    done = list(prune(ours, tokens, Wanda(name="wanda", sparsity=0.5), CPU, arithmetic="exact"))
    assert 2 * sum(block.n_removed for block in done) == sum(block.n_weights for block in done) == 106_168_320
    expected = oracle.wanda(plain, tokens, 0.5)
    found = {name: unpack(mask) for block in done for name, mask in block.masks.items()}
    assert found.keys() == expected.keys()
    assert sum(int((found[name] != expected[name]).sum()) for name in found) == 0
    assert all(torch.equal(weight, plain.get_parameter(name)) for name, weight in ours.named_parameters())
