"""Sequences of tokens drawn from documents: random windows, or documents packed end to end.

Shapes: samples = number of sequences, length = tokens in each.
"""

import hashlib
import logging
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Int64
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from pipeline.spec.calibration import Sampling
from pipeline.text.document import Document, Source, Split, Text, TextError

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Request:
    """What is asked for in one language. See CalibrationSpec for the words."""

    source: str
    language: str
    split: Split
    samples: int
    length: int
    sampling: Sampling
    bos: bool
    seed: int

    @property
    def body(self) -> int:
        """Tokens of text in a sequence: all but the BOS put in front."""
        return self.length - self.bos

    def random(self, *more: str) -> random.Random:
        """Random numbers of this seed, language and split (and of `more`): the same on every machine."""
        name = "/".join((str(self.seed), self.language, self.split, *more))
        return random.Random(int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big"))


@dataclass(frozen=True, eq=False)
class Drawn:
    """Sequences of one language and the documents they were taken from, in the order they were first used."""

    ids: Int64[Tensor, "samples length"]
    documents: tuple[Document, ...]


def draw(source: Source, request: Request, tokenizer: PreTrainedTokenizerBase) -> Drawn:
    """Draw what is asked for. Raises TextError where the source holds too little: how much it holds, what to do.

    "window", as in the code of Wanda and SparseGPT: documents at random, with replacement, until one has more than
    `length` tokens, and of it one window at random, which holds a BOS only where it begins the document and the
    tokenizer puts one there. From a stream, whose documents are met once each, every document that is long enough
    gives one window. "pack": documents in random order, each once and each followed by EOS, joined and cut; no BOS.
    With `bos` every sequence begins with a BOS and has one token of text less.
    """
    if request.sampling == "pack":
        pieces = _packed(source, request, tokenizer)
    elif source.in_memory:
        pieces = _windows_with_replacement(source, request, tokenizer)
    else:
        pieces = _windows_of_stream(source, request, tokenizer)
    start = [_special(tokenizer.bos_token_id, "BOS", "set bos = false")] if request.bos else []
    rows: list[list[int]] = []
    documents: dict[tuple[str, str], Document] = {}
    for body, used in pieces:
        rows.append(start + body)
        for document in used:
            documents.setdefault((document.id, document.sha256), document)
    return Drawn(torch.tensor(rows, dtype=torch.int64), tuple(documents.values()))


Piece = tuple[list[int], list[Document]]


def _packed(source: Source, request: Request, tokenizer: PreTrainedTokenizerBase) -> Iterator[Piece]:
    eos = _special(tokenizer.eos_token_id, "EOS", 'sampling = "window" needs none')
    rng = request.random()
    documents = source.documents(request.language, request.split, rng)
    if source.in_memory:
        documents = iter(_shuffled(documents, rng))
    waiting: list[int] = []
    used: list[Document] = []
    for found in range(request.samples):
        while len(waiting) < request.body:
            text = next(documents, None)
            if text is None:
                raise _too_little(request, found)
            ids = [*_encode(text, tokenizer, special=False), eos]
            waiting += ids
            used.append(Document(request.language, text.id, len(ids), text.sha256, 0))
        yield waiting[: request.body], used
        waiting = waiting[request.body :]
        used = used[-1:] if waiting else []


def _windows_with_replacement(
    source: Source, request: Request, tokenizer: PreTrainedTokenizerBase
) -> Iterator[Piece]:
    rng = request.random()
    texts = list(source.documents(request.language, request.split, rng))
    encoded: dict[Text, list[int]] = {}
    longest, n_texts = 0, len(texts)
    for _ in range(request.samples):
        while texts:
            index = rng.randrange(len(texts))
            text = texts[index]
            ids = encoded.get(text) or _encode(text, tokenizer, special=not request.bos)
            if len(ids) > request.body:
                encoded[text] = ids
                break
            # one that is too short would be rejected again: leaving it out draws from the same distribution
            longest = max(longest, len(ids))
            texts[index] = texts[-1]
            texts.pop()
        if not texts:
            raise _none_long_enough(request, n_texts, longest)
        begin = rng.randint(0, len(ids) - request.body - 1)
        yield ids[begin : begin + request.body], [_windowed(request, text, ids, begin)]


def _windows_of_stream(source: Source, request: Request, tokenizer: PreTrainedTokenizerBase) -> Iterator[Piece]:
    found = n_read = 0
    said = time.monotonic()
    for text in source.documents(request.language, request.split, request.random()):
        n_read += 1
        if time.monotonic() - said > 10:
            log.info("%s: %d of %d windows, %d documents read", request.language, found, request.samples, n_read)
            said = time.monotonic()
        if len(text.text.encode()) + 8 <= request.body:
            continue  # a token covers a byte at least; 8 for special tokens
        ids = _encode(text, tokenizer, special=not request.bos)
        if len(ids) <= request.body:
            continue
        begin = request.random(text.id).randint(0, len(ids) - request.body - 1)
        yield ids[begin : begin + request.body], [_windowed(request, text, ids, begin)]
        found += 1
        if found == request.samples:
            return
    raise _too_little(request, found, f" (one from each of its {n_read} documents that is longer)")


def _windowed(request: Request, text: Text, ids: list[int], begin: int) -> Document:
    return Document(request.language, text.id, len(ids), text.sha256, begin)


def _encode(text: Text, tokenizer: PreTrainedTokenizerBase, special: bool) -> list[int]:
    return list(tokenizer(text.text, add_special_tokens=special, verbose=False)["input_ids"])


def _shuffled(texts: Iterator[Text], rng: random.Random) -> list[Text]:
    order = list(texts)
    rng.shuffle(order)
    return order


def _special(token: int | None, name: str, advice: str) -> int:
    if token is None:
        raise TextError(f"this model's tokenizer has no {name} token; {advice}")
    return token


def _too_little(request: Request, found: int, how: str = "") -> TextError:
    return TextError(
        f"{request.language} has {found} sequences of {request.length} tokens in {request.source}/{request.split}"
        f"{how}, {request.samples} are needed; lower samples or length"
    )


def _none_long_enough(request: Request, n_texts: int, longest: int) -> TextError:
    return TextError(
        f"{request.language} has 0 windows of {request.length} tokens in {request.source}/{request.split}: the "
        f'longest of its {n_texts} documents has {longest} tokens; lower length, or set sampling = "pack"'
    )
