"""Writing a model as a folder that `AutoModelForCausalLM.from_pretrained` loads: whole or not at all."""

import errno
import os
import shutil
import socket
import tempfile
from pathlib import Path

import psutil

from pipeline.anatomy import find_blocks, linears
from pipeline.bench import Bench
from pipeline.export.chosen import ExportError
from pipeline.models import Loaded, locate
from pipeline.models.quiet import no_progress_bars
from pipeline.scratch import apart

MB = 1_000_000
BESIDE_WEIGHTS = 50 * MB
"""Tokenizer, configuration, card."""

PAPERS = ("LICEN[CS]E*", "NOTICE*", "*TERMS*", "USE_POLICY*")
"""Files that a licence wants passed on."""


def disk_of(target: Path) -> Path:
    """A folder that is there, on the disk that `target` will be on."""
    return next(folder for folder in target.absolute().parents if folder.is_dir())


def sweep(target: Path) -> None:
    """Remove what exports of `target` left behind that were killed: hidden folders of processes of this machine that
    are no more."""
    begin = f".{target.name}-"
    beside = target.absolute().parent
    for left in beside.iterdir() if beside.is_dir() else ():
        process, _, rest = left.name.removeprefix(begin).partition("-")
        ours = left.name.startswith(begin) and rest.rpartition("-")[0] == socket.gethostname()
        if ours and process.isdigit() and not psutil.pid_exists(int(process)):
            shutil.rmtree(left, ignore_errors=True)


def check_space(bench: Bench, target: Path) -> None:
    """Raise ExportError unless the model, and what the bench puts aside to make it, fit where `target` will be."""
    assert bench.loaded is not None
    parameters = bench.loaded.model.parameters()
    storages = {parameter.data_ptr(): parameter.nbytes for parameter in parameters}  # tied ones once
    needed = sum(storages.values()) + bench.scratch_bytes() + BESIDE_WEIGHTS
    if (free := shutil.disk_usage(disk_of(target)).free) < needed:
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
        prefix = f".{target.name}-{os.getpid()}-{socket.gethostname()}-"  # `sweep` reads it
        with tempfile.TemporaryDirectory(prefix=prefix, dir=target.parent) as name:
            made = Path(name) / "made"
            made.mkdir()
            for block in find_blocks(loaded.model).values():
                for linear in linears(block).values():
                    linear.weight.data = apart(linear.weight.data)
            with no_progress_bars():
                loaded.model.save_pretrained(made)
                loaded.tokenizer.save_pretrained(made)
            for pattern in PAPERS:
                for paper in locate(model).folder.glob(pattern):
                    shutil.copyfile(paper, made / paper.name)
            (made / "README.md").write_text(card, encoding="utf-8")
            files = [file for file in made.rglob("*") if file.is_file()]
            for file in files:
                shutil.copymode(made / "config.json", file)  # weights are written for their owner's eyes only
            n_bytes = sum(file.stat().st_size for file in files)
            made.rename(target)
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        why = "no space left" if full else f"cannot be written ({error.strerror or error})"
        raise ExportError(f"{target}: {why}; nothing was left behind") from error
    return n_bytes
