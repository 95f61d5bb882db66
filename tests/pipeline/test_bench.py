"""The model on the bench: its dense weights stay what they are, and those that pruning changes take no memory."""

import sys
from pathlib import Path

import medium_model
import pytest
import torch
from medium_model import MIB, anonymous

from pipeline.bench import Bench
from pipeline.prune import prune
from pipeline.scratch import LINE, Scratch
from pipeline.spec import Wanda


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return medium_model.on_a_bench(tmp_path)


def values(bench: Bench) -> dict[str, torch.Tensor]:
    assert bench.loaded is not None
    return {name: value.detach().clone() for name, value in bench.loaded.model.named_parameters()}


def test_a_changed_model_is_dense_again_when_it_is_taken_again(bench: Bench) -> None:
    before = values(bench)
    for _ in range(2):
        bench.change()
        assert bench.loaded is not None
        for linear in (module for module in bench.loaded.model.model.layers.modules() if hasattr(module, "weight")):
            if linear.weight.ndim == 2:
                linear.weight.data.zero_()
        assert not bench.loaded.model.model.layers[3].mlp.up_proj.weight.any()
        assert all(torch.equal(weight, before[f"{name}.weight"]) for name, weight in bench.dense().items())
        bench.take(*bench._of)  # type: ignore[misc]
        after = values(bench)
        assert all(torch.equal(value, before[name]) for name, value in after.items())


def test_only_the_linears_of_the_block_asked_for_are_laid_out(bench: Bench) -> None:
    assert bench.loaded is not None
    at_home = {name: value.data_ptr() for name, value in bench.loaded.model.named_parameters()}
    bench.change(1)
    moved = {name for name, value in bench.loaded.model.named_parameters() if value.data_ptr() != at_home[name]}
    assert len(moved) == 7
    assert all(name.startswith("model.layers.1.") and name.endswith("proj.weight") for name in moved)
    for name in moved:  # matrix products may round differently elsewhere
        assert bench.loaded.model.get_parameter(name).data_ptr() % LINE == at_home[name] % LINE
    assert not list(bench.folder.iterdir()), "a kill would leave this behind"


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_pruning_takes_the_memory_of_a_block_not_of_the_model(bench: Bench) -> None:
    assert bench.loaded is not None
    tokens = torch.randint(0, 4096, (4, 64))
    at_first, most = None, 0  # after one block: what the allocator keeps for the next ones is there then
    bench.change(0)
    for block in prune(bench.loaded.model, tokens, Wanda(name="wanda"), torch.device("cpu")):
        bench.change(block.index + 1)
        at_first = anonymous() if at_first is None else at_first
        most = max(most, anonymous() - at_first)
    assert most < 20 * MIB, f"{most / MIB:.0f} MiB of 128 MiB in blocks"
    assert int((bench.loaded.model.model.layers[7].mlp.up_proj.weight == 0).sum()) == 512 * 1024


def test_a_full_disk_is_told_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"need 1,125,899,907 MB on disk, [\d,]+ MB are free.*" + tmp_path.name):
        Scratch(tmp_path, 2**50 + LINE)
    assert not list(tmp_path.iterdir())
