"""Statistics of the dense model: one pass over a language's text, from which every mix of languages follows.

What is kept of a language is one vector a linear: the mean over its sequences of the squared norm of each input
feature. That of a mix is the mean of its languages', weighted with their shares of the sequences. Each language is
read in full, `samples` sequences, so a mix has seen more text than its sequential run would.

tensor legend: sequences x length (tokens), columns (input features of a linear)
"""

import hashlib
import json
import logging
import os
from collections.abc import Generator, Mapping
from functools import partial
from pathlib import Path

import platformdirs
import torch
from jaxtyping import Float, Int
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import PreTrainedModel

from pipeline.anatomy import linears
from pipeline.kernels.products import products_of
from pipeline.methods.wanda import Statistics
from pipeline.progress import Report
from pipeline.spec import Arithmetic, CalibrationSpec
from pipeline.stream import BlockStream
from pipeline.text.cache import locked
from pipeline.watch import watch

log = logging.getLogger(__name__)

Norms = dict[str, Float[Tensor, " columns"]]
"""Mean over sequences of the squared norm of each input feature, float32, by the linears' dotted paths."""


def folder() -> Path:
    """Where languages' statistics are kept: "preview" in the user's cache folder."""
    return platformdirs.user_cache_path("calib-explorer") / "preview"


def all_of_each(text: CalibrationSpec) -> CalibrationSpec:
    """The text that a preview reads: of each language of a mix as many sequences as the mix has in all."""
    languages = [language for language, share in text.shares().items() if share]
    return text.model_copy(update={"languages": "+".join(languages), "samples": len(languages) * text.samples})


def dense_norms(
    model: PreTrainedModel,
    tokens: Int[Tensor, "sequences length"],
    device: torch.device,
    arithmetic: Arithmetic = "fast",
    batch: int | None = None,
) -> Generator[Report, None, Norms]:
    """One pass of the text through the dense model. Raises UnsupportedModel."""
    norms: Norms = {}
    fast = arithmetic == "fast"
    stream = BlockStream(model, tokens, device, batch if fast else 1, fast=fast)
    for index, (path, block) in enumerate(zip(stream.blocks, stream, strict=True)):
        with watch(linears(block), partial(Statistics, arithmetic=arithmetic), stream.length) as statistics:
            for _ in stream.advance():
                pass
        norms |= {f"{path}.{name}": found.mean_square_norm.cpu().clone() for name, found in statistics.items()}
        done, n_blocks = index + 1, len(stream.blocks)
        yield Report("prune", done / n_blocks, f"dense pass, block {done} of {n_blocks}")
    return norms


def kept_norms(
    model: PreTrainedModel,
    tokens: Int[Tensor, "sequences length"],
    device: torch.device,
    arithmetic: Arithmetic,
    known: Mapping[str, str],
) -> Generator[Report, None, Norms]:
    """`dense_norms` of a language's text, from the cache where they are there.

    known: the model, its revision and where the text is from; with its tokens, dtype, device and arithmetic it
    decides the numbers.
    """
    sha256 = hashlib.sha256(tokens.numpy().astype("<i8").tobytes()).hexdigest()
    decided = {
        **known,
        "tokens": f"{tuple(tokens.shape)} {sha256}",
        "dtype": str(model.dtype),
        "device": device.type,
        "arithmetic": arithmetic,
        "products": products_of(device) if arithmetic == "fast" else "float32",
    }
    digest = hashlib.sha256(json.dumps(decided, sort_keys=True).encode()).hexdigest()[:32]
    file = folder() / f"{digest}.safetensors"
    with locked(file.with_suffix(".lock")):
        if (norms := _read(file)) is None:
            norms = yield from dense_norms(model, tokens, device, arithmetic)
            _write(file, norms, decided)
    return norms


def mixed(languages: Mapping[str, Norms], shares: Mapping[str, int]) -> Norms:
    """The mean of the languages' norms, weighted with their shares."""
    total = sum(shares[language] for language in languages)
    names = next(iter(languages.values()))
    return {
        name: torch.stack([norms[name] * (shares[language] / total) for language, norms in languages.items()]).sum(0)
        for name in names
    }


def statistics(norms: Norms, device: torch.device, arithmetic: Arithmetic = "fast") -> dict[str, Statistics]:
    """Wanda's statistics with these norms, on `device`."""
    found = {}
    for name, norm in norms.items():
        found[name] = Statistics(len(norm), device, arithmetic)
        found[name].mean_square_norm.copy_(norm)
    return found


def _read(file: Path) -> Norms | None:
    try:
        return load_file(file)
    except FileNotFoundError:
        return None
    except (OSError, SafetensorError) as error:
        log.warning("cached statistics %s are damaged (%s) and made again", file, error)
        return None


def _write(file: Path, norms: Norms, decided: Mapping[str, str]) -> None:
    temporary = file.with_suffix(f".{os.getpid()}.tmp")
    try:
        save_file(norms, temporary, {**decided})
        temporary.replace(file)
    except (OSError, SafetensorError) as error:
        log.warning("statistics could not be cached in %s: %s", file.parent, error)
