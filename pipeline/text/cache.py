"""Drawn tokens, kept on disk: KEY.npy with the ids and KEY.json with where they came from.

The key is a hash of everything that decides the ids. An entry is whole or absent; one that does not match its own
hash is made again. A cache that cannot be written costs time, never a run.
"""

import hashlib
import json
import logging
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import filelock
import numpy as np
import platformdirs
import torch
from transformers import PreTrainedTokenizerBase

from pipeline.text.document import Document
from pipeline.text.sampler import Drawn

log = logging.getLogger(__name__)

SAMPLER_VERSION = 1
"""To be raised when the sampler draws other tokens for the same request."""

PROBE = "The 3 cats, naïve: Grüße ¿qué? Привет مرحبا 你好 habari\n\t  🐈"


def folder() -> Path:
    """Where entries are kept: "tokens" in the user's cache folder."""
    return platformdirs.user_cache_path("calib-explorer") / "tokens"


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """While open, no other process has this lock. A cache whose folder cannot be written is not locked."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(file)
        lock.acquire()
    except OSError as error:
        log.warning("the cache in %s cannot be used: %s", file.parent, error.strerror or error)
        yield
        return
    try:
        yield
    finally:
        lock.release()


def fingerprint(tokenizer: PreTrainedTokenizerBase) -> str:
    """A hash that tells tokenizers apart: kind, size, special tokens and what they make of a probe string."""
    ids = tokenizer(PROBE, verbose=False)["input_ids"]
    special = [tokenizer.bos_token_id, tokenizer.eos_token_id]
    return _hash({"kind": type(tokenizer).__name__, "size": len(tokenizer), "special": special, "probe": list(ids)})


@dataclass(frozen=True)
class Entry:
    """One entry of the cache. known: everything that decides the ids, as JSON."""

    known: dict[str, Any]

    @property
    def path(self) -> Path:
        """The entry's files without their ending."""
        return folder() / _hash({**self.known, "version": SAMPLER_VERSION})

    def lock(self) -> AbstractContextManager[None]:
        """Held while the entry is read or made, so that two processes do not draw the same tokens side by side."""
        return locked(self.path.with_suffix(".lock"))

    def read(self) -> Drawn | None:
        """The entry, or None where there is none or it is not what it says."""
        try:
            record = json.loads(self.path.with_suffix(".json").read_text(encoding="utf-8"))
            ids = np.load(self.path.with_suffix(".npy"), allow_pickle=False)
            if record["sha256"] != _sha256(ids) or record["known"] != self.known or ids.ndim != 2:
                raise ValueError("it does not match its own hash")
            documents = tuple(Document(**document) for document in record["documents"])
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, EOFError) as error:
            log.warning("cached tokens %s are damaged (%s) and made again", self.path, error)
            return None
        return Drawn(torch.from_numpy(ids.astype(np.int64)), documents)

    def write(self, drawn: Drawn) -> None:
        """Keep the ids as int32 and their provenance; the .json, written last, makes the entry whole."""
        ids = drawn.ids.numpy().astype(np.int32)
        documents = [asdict(document) for document in drawn.documents]
        record = {"sha256": _sha256(ids), "shape": list(ids.shape), "known": self.known, "documents": documents}
        temporary = self.path.with_suffix(f".{os.getpid()}.tmp")
        try:
            with temporary.open("wb") as handle:
                np.save(handle, ids)
            temporary.replace(self.path.with_suffix(".npy"))
            temporary.write_text(json.dumps(record, ensure_ascii=False, indent=1), encoding="utf-8")
            temporary.replace(self.path.with_suffix(".json"))
        except OSError as error:
            log.warning("tokens could not be cached in %s: %s", folder(), error.strerror or error)


def _sha256(ids: np.ndarray) -> str:
    return hashlib.sha256(f"{ids.shape}".encode() + ids.astype("<i4").tobytes()).hexdigest()


def _hash(known: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()[:32]
