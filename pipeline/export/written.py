"""Writing a model as a folder that `AutoModelForCausalLM.from_pretrained` loads: whole or not at all."""

import errno
import shutil
import tempfile
from pathlib import Path

from pipeline.export.chosen import ExportError
from pipeline.models import Loaded, locate
from pipeline.models.quiet import no_progress_bars

MB = 1_000_000
BESIDE_WEIGHTS = 50 * MB
"""Tokenizer, configuration, card."""

PAPERS = ("LICEN[CS]E*", "NOTICE*", "*TERMS*", "USE_POLICY*")
"""Files that a licence wants passed on."""


def check_space(loaded: Loaded, target: Path) -> None:
    """Raise ExportError unless the model fits where `target` will be."""
    storages = {parameter.data_ptr(): parameter.nbytes for parameter in loaded.model.parameters()}  # tied ones once
    needed = sum(storages.values()) + BESIDE_WEIGHTS
    there = next(folder for folder in target.absolute().parents if folder.is_dir())
    if (free := shutil.disk_usage(there).free) < needed:
        raise ExportError(
            f"no space for {target}: {needed / MB:,.0f} MB are needed, {free / MB:,.0f} MB are free; make room, or "
            "give a folder on another disk"
        )


def write(loaded: Loaded, model: str, card: str, target: Path) -> int:
    """Write the model, its tokenizer and its card to `target`. Returns the bytes written.

    model: its name in the grid; its folder's licence comes along. Raises ExportError: no space, no permission.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{target.name}-", dir=target.parent) as name:
            made = Path(name) / "made"
            made.mkdir()
            with no_progress_bars():
                loaded.model.save_pretrained(made)
                loaded.tokenizer.save_pretrained(made)
            for pattern in PAPERS:
                for paper in locate(model).folder.glob(pattern):
                    shutil.copyfile(paper, made / paper.name)
            (made / "README.md").write_text(card, encoding="utf-8")
            for file in made.iterdir():
                shutil.copymode(made / "config.json", file)  # weights are written for their owner's eyes only
            n_bytes = sum(file.stat().st_size for file in made.iterdir())
            made.rename(target)
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        why = "no space left" if full else f"cannot be written ({error.strerror or error})"
        raise ExportError(f"{target}: {why}; nothing was left behind") from error
    return n_bytes
