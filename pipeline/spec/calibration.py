"""What a grid may say of calibration text: languages and their shares, source, size, sampling."""

import math
from typing import Annotated, Literal

from pydantic import Field

from pipeline.spec.frozen import Frozen

Sampling = Literal["window", "pack"]

Temperature = Annotated[float, Field(ge=0.0)]

PLAIN = (1.0, 1.0)
"""Sampling from the model's own distribution."""


class CalibrationSpec(Frozen):
    """Calibration text, resolved: enough to draw the same tokens again.

    languages: as listed, "de", "en+de", "de*3+en" (three times as many sequences of de as of en).
    source: "demo", "mc4", "fineweb-2", "wikipedia", a directory, "tokens:FILE.npy", or "self": written by the model
        itself, from openings of each language (ours; "self:DIR": also those in DIR/LANG.txt, one a line).
    samples, length: number of sequences and tokens in each.
    sampling: "window" draws one random window from a document longer than `length` (the rule of Wanda's and
        SparseGPT's code); "pack" concatenates documents with EOS and cuts.
    bos: put a BOS token in front of every sequence (inside `length`). The references do not.
    temperature: for "self": of a document's first token and after ten of them, linear in between; 0 is greedy.
    """

    languages: str
    source: str
    samples: int = Field(ge=1)
    length: int = Field(ge=2)
    sampling: Sampling
    bos: bool = False
    temperature: tuple[Temperature, Temperature] = PLAIN

    @property
    def label(self) -> str:
        """The name of this calibration on screen and in SQL: its languages, sorted, "de+en"."""
        return label(self.languages)

    def shares(self) -> dict[str, int]:
        """Sequences per language, in listed order. Remainders go to the first languages listed."""
        weights = parse_languages(self.languages)
        total = sum(weights.values())
        counts = {language: self.samples * weight // total for language, weight in weights.items()}
        for language in list(counts)[: self.samples - sum(counts.values())]:
            counts[language] += 1
        return counts


def parse_languages(text: str) -> dict[str, int]:
    """Languages and their weights in listed order. Raises ValueError on anything but "de", "en+de", "de*3+en"."""
    weights: dict[str, int] = {}
    for part in text.split("+"):
        language, star, weight = part.strip().partition("*")
        if not language or (star and not (weight.isdigit() and int(weight) > 0)):
            raise ValueError(f"'{text}' is no list of languages; write 'de', 'en+de' or 'de*3+en'")
        if language in weights:
            raise ValueError(f"'{text}' names '{language}' twice; write '{language}*2' for a double share")
        weights[language] = int(weight) if star else 1
    return weights


def label(text: str) -> str:
    """The sorted form of a language list: "en+de" -> "de+en"."""
    return _written(dict(sorted(parse_languages(text).items())))


def plainest(text: str) -> str:
    """A language list as listed, with the least weights of these shares: "en*2 + de*2" -> "en+de"."""
    weights = parse_languages(text)
    least = math.gcd(*weights.values())
    return _written({language: weight // least for language, weight in weights.items()})


def _written(weights: dict[str, int]) -> str:
    return "+".join(name if weight == 1 else f"{name}*{weight}" for name, weight in weights.items())


def default_sampling(source: str) -> Sampling:
    """Windows from the web corpora, whose documents are long; packing elsewhere."""
    return "window" if source in ("mc4", "fineweb-2", "wikipedia") else "pack"
