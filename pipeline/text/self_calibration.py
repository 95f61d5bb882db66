"""Self-calibration: calibration text that the dense model writes itself.

Williams, Chrysostomou, Aletras 2025 (arXiv 2410.17170), section 3: documents are sampled to their end token, further
ones follow until a sequence is full, and the temperature goes linearly from t_initial to t_final over the first
n = 10 tokens; both are 1, plain sampling without top-k or top-p, in the paper's main results and here by default. The
paper conditions on BOS alone and, to get English from multilingual models, keeps the first token to a list of stop
words (section 4.1). Here a document begins with one of some openings of its language (pipeline/openings); a BOS is in
front where the tokenizer puts one in front of a text.
"""

import hashlib
import itertools
import logging
from collections.abc import Generator, Iterator
from dataclasses import asdict, dataclass

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from pipeline.models import Loaded
from pipeline.progress import Report, part
from pipeline.residence import resident
from pipeline.scoring.budget import is_out_of_memory
from pipeline.scoring.generation import end_tokens
from pipeline.scoring.runner import Runner
from pipeline.spec import CalibrationSpec
from pipeline.spec.sources import openings
from pipeline.text.author import Sheet, Style, write
from pipeline.text.cache import Entry, fingerprint
from pipeline.text.document import Document, TextError
from pipeline.text.sampler import Drawn, Request
from pipeline.text.tokens import Tokens, joined

log = logging.getLogger(__name__)

VERSION = 1
"""To be raised when other text is written for the same request."""

CACHE_BYTES = {"cpu": 2**31, "cuda": 2**33}
"""Of keys and values, at most: decides how many sequences are written side by side, the same at every call."""

MOST_ROWS = 64

N_LOGGED, LOGGED = 3, 200
"""Sequences whose beginnings go into the run's log, and characters of each."""


@dataclass(frozen=True, eq=False)
class Author:
    """A dense model, and the device to write on, which must hold all of it."""

    loaded: Loaded
    device: torch.device

    def identity(self) -> dict[str, str]:
        """What decides its words beside settings and seed."""
        model, dtype = self.loaded, str(self.loaded.model.dtype)
        return {"source": model.source, "revision": model.revision, "dtype": dtype, "device": self.device.type}


def self_calibration_tokens(spec: CalibrationSpec, seed: int, author: Author) -> Generator[Report, None, Tokens]:
    """The calibration text of a run, as `calibration_tokens` gives that of other sources; tells how far it is.

    The same spec, seed and author give the same tokens on one machine; a language's text does not depend on its
    company. Raises TextError.
    """
    shares = {language: share for language, share in spec.shares().items() if share}
    parts: list[Drawn] = []
    for language, share in shares.items():
        request = Request(spec.source, language, "calibration", share, spec.length, spec.sampling, spec.bos, seed)
        begin = sum(len(drawn.ids) for drawn in parts) / spec.samples
        writing = _kept(request, spec.temperature, author)
        parts.append((yield from part(writing, begin, share / spec.samples)))
    return joined(parts, shares, author.loaded.tokenizer)


def _kept(request: Request, temperature: tuple[float, float], author: Author) -> Generator[Report, None, Drawn]:
    """The text of one language, from the cache or written now."""
    tokenizer = author.loaded.tokenizer
    texts = _read_openings(request)
    asked = {key: value for key, value in asdict(request).items() if key != "source"}
    known = {
        "request": asked,
        "openings": hashlib.sha256("\n".join(texts).encode()).hexdigest(),
        "temperature": list(temperature),
        "author": {**author.identity(), "version": VERSION},
        "tokenizer": fingerprint(tokenizer),
    }
    entry = Entry(known)
    with entry.lock():
        if (drawn := entry.read()) is None:
            log.info("writing %d x %d tokens of %s", request.samples, request.length, request.language)
            drawn = yield from _written(request, texts, temperature, author)
            entry.write(drawn)
            for text in tokenizer.batch_decode(drawn.ids[:N_LOGGED].tolist()):
                log.info("written in %s: %s", request.language, " ".join(text[:LOGGED].split()))
    return drawn


def _read_openings(request: Request) -> list[str]:
    files = openings(request.source)
    if request.language not in files:
        raise TextError(f"no openings in '{request.language}'; there are {', '.join(files)}")
    lines = files[request.language].read_text(encoding="utf-8-sig").splitlines()
    texts = [line.strip() for line in lines if line.strip()]
    if not texts:
        raise TextError(f"{files[request.language]} is empty; write one opening of a text a line")
    return texts


def _written(
    request: Request, texts: list[str], temperature: tuple[float, float], author: Author
) -> Generator[Report, None, Drawn]:
    tokenizer, model = author.loaded.tokenizer, author.loaded.model
    runner = Runner(model, author.device)
    if request.length > runner.context:
        raise TextError(f"sequences of {request.length} tokens are longer than the model's context, {runner.context}")
    front = _front(tokenizer, request.bos)
    style = Style(front, end_tokens(model, tokenizer), len(tokenizer), temperature)
    order = request.random("openings").sample(texts, len(texts))
    rows: list[Sheet] = []
    with resident(model.modules(), author.device):
        n_rows = side_by_side(model, request.length, author.device)
        while len(rows) < request.samples:
            new = [_sheet(row, request, order, tokenizer) for row in range(request.samples)[len(rows) :][:n_rows]]
            try:
                for n_tokens in write(runner, new, style):
                    share = (len(rows) * request.body + n_tokens) / (request.samples * request.body)
                    yield Report("calibrate", share, f"writing {request.language}")
            except (MemoryError, RuntimeError) as error:
                if len(new) == 1 or not is_out_of_memory(error):
                    raise
                n_rows = len(new) // 2
                log.warning("out of memory; going on with %d sequences side by side", n_rows)
                continue
            rows += new
    start = list(front) if request.bos else []
    documents = tuple(
        document for row, sheet in enumerate(rows) for document in _documents(row, sheet, request, order, tokenizer)
    )
    return Drawn(torch.tensor([start + sheet.tokens for sheet in rows], dtype=torch.int64), documents)


def _front(tokenizer: PreTrainedTokenizerBase, bos: bool) -> tuple[int, ...]:
    """What the model reads before a document."""
    token = tokenizer.bos_token_id
    if bos and token is None:
        raise TextError("this model's tokenizer has no BOS token; set bos = false")
    wanted = bos or (token is not None and tokenizer("a", verbose=False)["input_ids"][0] == token)
    return (int(token),) if wanted else ()


def _sheet(row: int, request: Request, order: list[str], tokenizer: PreTrainedTokenizerBase) -> Sheet:
    encoded = (
        tokenizer(order[(row + place) % len(order)], add_special_tokens=False, verbose=False)["input_ids"]
        for place in itertools.count()
    )
    return Sheet(encoded, request.random(str(row)), request.body)


def _documents(
    row: int, sheet: Sheet, request: Request, order: list[str], tokenizer: PreTrainedTokenizerBase
) -> Iterator[Document]:
    """Its documents, by row, place in it and opening."""
    for place, (begin, end) in enumerate(itertools.pairwise([*sheet.begins, len(sheet.tokens)])):
        text = str(tokenizer.decode(sheet.tokens[begin:end], skip_special_tokens=True))
        name = f"{row}.{place} {order[(row + place) % len(order)]}"
        yield Document(request.language, name, end - begin, hashlib.sha256(text.encode()).hexdigest(), 0)


def side_by_side(model: PreTrainedModel, length: int, device: torch.device) -> int:
    """How many sequences are written together: those whose keys and values fit CACHE_BYTES, MOST_ROWS at most."""
    config = model.config.get_text_config()
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    a_token = 2 * config.num_hidden_layers * heads * size * model.dtype.itemsize
    return max(1, min(MOST_ROWS, CACHE_BYTES["cpu" if device.type == "cpu" else "cuda"] // (a_token * length)))
