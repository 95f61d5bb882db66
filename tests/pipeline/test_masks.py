"""Mask files: bits, header, wholeness; a dense model and its masks are the pruned model."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
from families import build, draw
from safetensors import safe_open
from torch import Tensor

from pipeline.mask_file import MaskFile
from pipeline.masks import apply_masks, pack, read_masks, unpack
from pipeline.prune import prune
from pipeline.spec import Wanda


def random_mask(rows: int, columns: int, seed: int = 0) -> Tensor:
    return torch.rand(rows, columns, generator=torch.Generator().manual_seed(seed)) > 0.5


@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (8, 8), (7, 129)])
def test_packing_is_numpys_and_comes_back(shape: tuple[int, int]) -> None:
    mask = random_mask(*shape)
    packed = pack(mask)
    assert packed.bits.tobytes() == np.packbits(mask.numpy()).tobytes()
    assert torch.equal(unpack(packed), mask)
    assert (packed.n_weights, packed.n_removed) == (mask.numel(), int(mask.sum()))
    assert packed.sha256 == hashlib.sha256(packed.bits.tobytes()).hexdigest()


def test_the_first_weight_is_in_the_highest_bit() -> None:
    assert pack(torch.tensor([[True, False, False], [False, False, False], [False, False, True]])).bits.tolist() == [
        0b1000_0000,
        0b1000_0000,
    ]


def test_a_mask_of_a_transposed_weight_is_packed_by_its_own_rows() -> None:
    mask = random_mask(5, 9)
    assert pack(mask.t()).bits.tobytes() == pack(mask.t().contiguous()).bits.tobytes()


def test_the_file_is_safetensors_as_documented(tmp_path: Path) -> None:
    masks = {f"model.layers.{index}.mlp.up_proj": random_mask(6 + index, 11, index) for index in range(3)}
    with MaskFile(tmp_path / "masks.safetensors") as file:
        for name, mask in masks.items():
            file.add(name, pack(mask))
    with safe_open(tmp_path / "masks.safetensors", framework="numpy") as found:
        assert found.metadata() == {name: f"[{6 + index}, 11]" for index, name in enumerate(masks)}
        for name, mask in masks.items():
            assert found.get_tensor(name).tobytes() == np.packbits(mask.numpy()).tobytes()
            assert found.get_slice(name).get_dtype() == "U8"
    assert {name: unpack(mask).tolist() for name, mask in read_masks(tmp_path / "masks.safetensors")} == {
        name: mask.tolist() for name, mask in masks.items()
    }
    assert [path.name for path in tmp_path.iterdir()] == ["masks.safetensors"]


def test_an_interrupted_writer_leaves_the_file_that_was_there(tmp_path: Path) -> None:
    path = tmp_path / "masks.safetensors"
    with MaskFile(path) as file:
        file.add("a", pack(random_mask(4, 4)))
    before = path.read_bytes()
    with pytest.raises(AttributeError), MaskFile(path) as file:
        file.add("b", None)  # type: ignore[arg-type]
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["masks.safetensors"]


def test_a_mask_written_twice_is_refused(tmp_path: Path) -> None:
    with MaskFile(tmp_path / "masks.safetensors") as file:
        file.add("a", pack(random_mask(4, 4)))
        with pytest.raises(ValueError, match="'a' was written before"):
            file.add("a", pack(random_mask(4, 4)))


def test_an_empty_file_holds_no_masks(tmp_path: Path) -> None:
    with MaskFile(tmp_path / "masks.safetensors"):
        pass
    assert list(read_masks(tmp_path / "masks.safetensors")) == []


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "masks.safetensors"
    with MaskFile(path) as file:
        file.add("a", pack(random_mask(64, 64)))
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match=r"masks\.safetensors: not a mask file"):
        list(read_masks(path))


def test_masks_and_dense_weights_are_the_pruned_model(tmp_path: Path) -> None:
    pruned, dense = build("gemma2"), build("gemma2")
    wanda = Wanda(name="wanda", sparsity=0.4)
    with MaskFile(tmp_path / "masks.safetensors") as file:
        n_removed = 0
        for block in prune(pruned, draw(3), wanda, torch.device("cpu")):
            n_removed += block.n_removed
            for name, mask in block.masks.items():
                file.add(name, mask)
    assert apply_masks(dense, tmp_path / "masks.safetensors") == n_removed > 0
    for name, parameter in pruned.named_parameters():
        assert torch.equal(parameter, dense.get_parameter(name)), name


def test_masks_of_another_model_are_refused(tmp_path: Path) -> None:
    with MaskFile(tmp_path / "masks.safetensors") as file:
        file.add("model.layers.0.mlp.up_proj", pack(random_mask(4, 4)))
    with pytest.raises(ValueError, match=r"'model\.layers\.0\.mlp\.up_proj' \(4 x 4\) is no linear of this model"):
        apply_masks(build("llama"), tmp_path / "masks.safetensors")
