"""The tokens that a run is calibrated on and that a measure reads, with where they came from.

Shapes: samples = number of sequences, length = tokens in each.
"""

import hashlib
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import torch
from jaxtyping import Int64
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from pipeline.spec import CalibrationSpec, Heldout
from pipeline.spec.sources import is_tokens
from pipeline.text.cache import Entry, fingerprint
from pipeline.text.document import Document, TextError
from pipeline.text.sampler import Drawn, Request, draw
from pipeline.text.sources import open_source
from pipeline.text.token_file import read_rows, rows_per_language

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Tokens:
    """Sequences of tokens.

    languages, n_bytes: of each sequence; n_bytes counts the UTF-8 bytes of the decoded sequence without its special
    tokens (a character that a window cuts counts as the replacement character does, 3 bytes).
    documents: every document that gave a token, once.
    """

    ids: Int64[Tensor, "samples length"]
    languages: tuple[str, ...]
    documents: tuple[Document, ...]
    n_bytes: tuple[int, ...]

    @property
    def sha256(self) -> str:
        """Of the ids as little-endian int64, row by row."""
        return hashlib.sha256(self.ids.numpy().astype("<i8").tobytes()).hexdigest()


def calibration_tokens(spec: CalibrationSpec, seed: int, tokenizer: PreTrainedTokenizerBase) -> Tokens:
    """The calibration text of a run: the languages' shares one after the other, in listed order.

    The same spec, seed and tokenizer give the same tokens. Raises TextError where there is too little text. Text that
    the model writes itself is in pipeline.text.self_calibration.
    """
    shares = {language: share for language, share in spec.shares().items() if share}
    if is_tokens(spec.source):
        first = rows_per_language(spec.source, shares)
        parts = [_from_file(spec, name, seed, first[name], share, tokenizer) for name, share in shares.items()]
    else:
        parts = [
            _drawn(
                Request(spec.source, language, "calibration", share, spec.length, spec.sampling, spec.bos, seed),
                tokenizer,
            )
            for language, share in shares.items()
        ]
    return joined(parts, shares, tokenizer)


def heldout_tokens(measure: Heldout, language: str, tokenizer: PreTrainedTokenizerBase) -> Tokens:
    """The held-out text of one language that a measure reads: the same for every run. Raises TextError."""
    if is_tokens(measure.source):
        part = _from_file(measure, language, measure.seed, 0, measure.samples, tokenizer)
    else:
        request = Request(
            measure.source,
            language,
            "heldout",
            measure.samples,
            measure.length,
            measure.sampling,
            measure.bos,
            measure.seed,
        )
        part = _drawn(request, tokenizer)
    return joined([part], {language: measure.samples}, tokenizer)


def overlap(calibration: Tokens, heldout: Tokens) -> tuple[Document, ...]:
    """The held-out documents that the calibration text holds too, by the hash of their text: there should be none."""
    known = {document.sha256 for document in calibration.documents}
    return tuple(document for document in heldout.documents if document.sha256 in known)


def _drawn(request: Request, tokenizer: PreTrainedTokenizerBase) -> Drawn:
    source = open_source(request.source)
    asked = {key: value for key, value in asdict(request).items() if key != "source"}
    text = source.identity(request.language, request.split)
    entry = Entry({"request": asked, "text": text, "tokenizer": fingerprint(tokenizer)})
    with entry.lock():
        if (drawn := entry.read()) is None:
            log.info("drawing %d x %d tokens of %s", request.samples, request.length, request.language)
            drawn = draw(source, request, tokenizer)
            entry.write(drawn)
    return drawn


def _from_file(
    asked: CalibrationSpec | Heldout,
    language: str,
    seed: int,
    first: int,
    samples: int,
    tokenizer: PreTrainedTokenizerBase,
) -> Drawn:
    if asked.bos:
        raise TextError(f"{asked.source} is used token by token as it is; leave bos out")
    return read_rows(asked.source, language, seed, first, samples, asked.length, len(tokenizer))


def joined(parts: list[Drawn], shares: Mapping[str, int], tokenizer: PreTrainedTokenizerBase) -> Tokens:
    """The parts of several languages one after the other. shares: sequences of each, in the order of the parts."""
    languages = tuple(language for language, share in shares.items() for _ in range(share))
    ids = torch.cat([part.ids for part in parts])
    documents = tuple(document for part in parts for document in part.documents)
    texts = tokenizer.batch_decode(ids.tolist(), skip_special_tokens=True, clean_up_tokenization_spaces=False)
    return Tokens(ids, languages, documents, tuple(len(text.encode()) for text in texts))
