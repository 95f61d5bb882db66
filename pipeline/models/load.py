"""From the name of a model in a grid file to the model and its tokenizer in memory."""

import hashlib
import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from pipeline import hub
from pipeline.models import converted, snapshot
from pipeline.models.demo import DEMOS, DemoModel
from pipeline.models.error import ModelError
from pipeline.models.quiet import no_progress_bars
from pipeline.spec.run import DType

log = logging.getLogger(__name__)

DEMO_SOURCES = ("", "hub", "package")


@dataclass(frozen=True)
class Weights:
    """Where a model's files lie, and what a run's record says of them.

    source: "hub:ID", "package:NAME==VERSION (QUANTISATION, dequantised)" or "directory:PATH".
    revision: the hub's commit, the SHA-256 of the package's GGUF file, or a fingerprint of the directory's files.
    licence: as the model's card or package says; "" where nothing does.
    """

    folder: Path
    name: str
    source: str
    revision: str
    licence: str


@dataclass(frozen=True, eq=False)
class Loaded:
    """A model in memory, in evaluation mode on the CPU, with its tokenizer and where they came from (see Weights)."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    name: str
    source: str
    revision: str
    licence: str


def load(name: str, dtype: DType = "auto") -> Loaded:
    """Load "demo", "demo-gemma", a directory, a hub id or "id@revision", fetching it where needed.

    dtype: of the weights; "auto" is the checkpoint's own, and float32 for the demo models. Raises ModelError.
    """
    weights = locate(name)
    if name in DEMOS and dtype == "auto":
        dtype = "float32"
    log.info("loading %s from %s", weights.name, weights.source)
    return _read(weights, dtype)


def load_weights(name: str) -> tuple[PreTrainedModel, Weights]:
    """A model without its tokenizer, in its own dtype, and where it came from. Raises ModelError."""
    weights = locate(name)
    log.info("loading %s from %s", weights.name, weights.source)
    return _model(weights, "auto"), weights


def locate(name: str) -> Weights:
    """The files of a model, fetched where they are not here yet. Raises ModelError."""
    if name in DEMOS:
        return _demo(DEMOS[name])
    folder = Path(name).expanduser()
    if folder.is_dir():
        return Weights(folder, folder.resolve().name, f"directory:{folder}", _fingerprint(folder), _licence(folder))
    if name.startswith(("/", ".", "~")) or "\\" in name:
        raise ModelError(f"no directory '{name}'; a model is a directory, a hub id, 'id@revision' or 'demo'")
    repo, _, revision = name.partition("@")
    return _of_hub(repo, revision or None)


def _demo(demo: DemoModel) -> Weights:
    """What is on this machine already; else the hub, if it can be reached; else the package. CALIB_DEMO_SOURCE=hub or
    package allows only the one."""
    only = os.environ.get("CALIB_DEMO_SOURCE", "")
    if only not in DEMO_SOURCES:
        raise ModelError(f"CALIB_DEMO_SOURCE is '{only}'; valid: hub, package, or not set")
    if only == "package":
        return _of_package(demo)
    if only == "hub":
        return _demo_of_hub(demo)
    if folder := snapshot.cached(demo.hub):
        return Weights(folder, demo.name, f"hub:{demo.hub}", folder.name, demo.licence)
    if converted.is_whole(demo):
        return _of_package(demo)
    if why := hub.unreachable():
        log.info("%s: %s; its package is used", demo.name, why)
        return _of_package(demo)
    try:
        return _demo_of_hub(demo)
    except ModelError as error:
        log.warning("%s; its package is used", error)
        return _of_package(demo)


def _demo_of_hub(demo: DemoModel) -> Weights:
    if demo.notice and not snapshot.cached(demo.hub):
        log.warning("%s", demo.notice)
    return replace(_of_hub(demo.hub, None), name=demo.name, licence=demo.licence)


def _of_package(demo: DemoModel) -> Weights:
    if demo.notice and not converted.is_whole(demo):
        log.warning("%s", demo.notice)
    source = f"package:{demo.package} ({demo.quantisation}, dequantised)"
    return Weights(converted.fetch(demo), demo.name, source, demo.sha256, demo.licence)


def _of_hub(repo: str, revision: str | None) -> Weights:
    folder = snapshot.fetch(repo, revision)
    return Weights(folder, repo.rpartition("/")[2], f"hub:{repo}", folder.name, _licence(folder))


def _read(weights: Weights, dtype: DType) -> Loaded:
    model = _model(weights, dtype)
    with _loading(weights):
        tokenizer = AutoTokenizer.from_pretrained(weights.folder, trust_remote_code=False)
    return Loaded(model, tokenizer, weights.name, weights.source, weights.revision, weights.licence)


def _model(weights: Weights, dtype: DType) -> PreTrainedModel:
    folder = weights.folder
    if not (folder / "config.json").is_file():
        holds = ", ".join(sorted(file.name for file in folder.iterdir())[:6]) or "nothing"
        raise ModelError(f"{folder} is no model: it has no config.json; it holds {holds}")
    with _loading(weights):
        config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
        if quantisation := config.to_dict().get("quantization_config"):
            method = quantisation.get("quant_method", "it")
            raise ModelError(f"{weights.name} is quantised already ({method}); an unquantised checkpoint is needed")
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            folder, config=config, dtype=dtype, trust_remote_code=False, output_loading_info=True
        )
    model, report = loaded
    if absent := sorted(report["missing_keys"]):
        raise ModelError(f"{folder} lacks {len(absent)} weights of {weights.name}, the first is {absent[0]}")
    return model.eval()


@contextmanager
def _loading(weights: Weights) -> Iterator[None]:
    """Tell what transformers raises as a ModelError, and keep its bars away."""
    try:
        with no_progress_bars():
            yield
    except ModelError:
        raise
    except (OSError, ValueError, KeyError, TypeError, ImportError, RuntimeError, SafetensorError) as error:
        words = " ".join(str(error).split())[:300]
        raise ModelError(
            f"cannot load {weights.name} from {weights.folder}: {type(error).__name__}: {words}"
        ) from error


def _fingerprint(folder: Path) -> str:
    """Of a directory's files: names, sizes, first and last MiB. Reading all of a large model would take minutes."""
    digest = hashlib.sha256()
    for file in sorted(file for file in folder.iterdir() if file.suffix in (".json", ".safetensors", ".bin")):
        size = file.stat().st_size
        digest.update(f"{file.name} {size}\n".encode())
        with file.open("rb") as handle:
            digest.update(handle.read(1 << 20))
            handle.seek(max(0, size - (1 << 20)))
            digest.update(handle.read())
    return f"files-{digest.hexdigest()[:16]}"


def _licence(folder: Path) -> str:
    """The licence that the model's card names."""
    try:
        card = (folder / "README.md").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    found = re.search(r"\A---\n(?:.*\n)*?license: *([^\n]+)\n", card)
    return found[1].strip() if found else ""
