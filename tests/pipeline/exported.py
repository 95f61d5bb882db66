"""A finished grid whose runs are exported, and their models made without the export's help."""

import shutil
from pathlib import Path

import tiny_grid
import torch
from torch import Tensor
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, PreTrainedModel

from pipeline import text
from pipeline.export.__main__ import main
from pipeline.launch import run_spec
from pipeline.masks import read_masks, unpack
from pipeline.pruned_model import pruning
from store.folders import run_folders

GRID = tiny_grid.GRID.replace('["model"]', '["tied"]').replace('calibration = ["de", "en"]', 'calibration = ["de"]')
METHODS = """{ name = "wanda", pattern = "2:4" }, { name = "sparsegpt" }, { name = "magnitude" },
  { name = "gptq", group_size = 16 }]"""


def make(folder: Path) -> tiny_grid.Place:
    """The grid, done, on a model in bfloat16 whose head is its embedding."""
    place = tiny_grid.make(folder)
    config = AutoConfig.from_pretrained(place.folder / "model", tie_word_embeddings=True)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
    model.generation_config.temperature, model.generation_config.do_sample = 0.7, True
    shutil.copytree(place.folder / "model", place.folder / "tied")
    model.save_pretrained(place.folder / "tied")
    (place.folder / "tied" / "LICENSE.txt").write_text("for all", encoding="utf-8")
    place.write_grid(GRID.replace('{ name = "wanda", sparsity = 0.5 }]', METHODS))
    code, output = place.run()
    assert code == 0, output
    return place


def export(place: tiny_grid.Place, name: str, target: Path) -> int:
    return main([name, str(target), "--store", str(place.store)])


def logits(model: PreTrainedModel) -> Tensor:
    tokens = torch.randint(0, 250, (2, 32), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        return model(tokens).logits


def remade(place: tiny_grid.Place, name: str) -> PreTrainedModel:
    """The run's model without the export's help: masks by hand, or pruned in this process."""
    folder = next(folder for folder in run_folders(place.runs) if name in folder.run_id)
    run = run_spec(folder)
    assert run is not None
    model: PreTrainedModel = AutoModelForCausalLM.from_pretrained(place.folder / "tied", dtype="auto")
    if "wanda" in name:
        for linear, mask in read_masks(folder.masks):
            model.get_parameter(f"{linear}.weight").data[unpack(mask)] = 0
        return model
    tokenizer = AutoTokenizer.from_pretrained(place.folder / "tied")
    tokens = text.calibration_tokens(run.calibration, 0, tokenizer) if run.calibration else None
    assert len(list(pruning(run, model, tokens, torch.device("cpu")))) == 2
    return model
