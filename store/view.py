"""A view: which numbers a matrix shows, written as one line.

`perplexity?model=llama-3-8b&method=wanda&sparsity=0.5&source=paper&base=dense`. What is left out is chosen from
what the store holds (see store.resolve); names may be shortened.
"""

from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any
from urllib.parse import unquote

SOURCES = ("run", "paper")
NORMALISATIONS = ("column", "row", "whole", "none")
BASELINES = ("none", "dense", "diagonal", "paper")

_ALIASES = {"ppl": "perplexity", "bpb": "bits_per_byte", "err": "pruning_error"}
_TASKS = {"arc": "acc", "belebele": "acc", "mmlu": "acc", "hellaswag": "acc", "mkqa": "f1"}
_KEYS = {
    "task": "task",
    "model": "model",
    "method": "method",
    "pattern": "pattern",
    "sparsity": "sparsity",
    "setting": "setting",
    "source": "source",
    "evaluation": "evaluation",
    "norm": "normalise",
    "base": "baseline",
}


@dataclass(frozen=True)
class View:
    """One quantity over one slice of the runs.

    quantity, task: what is shown; "" where the quantity belongs to no task. Task "arc" takes in arc_easy and
        arc_challenge, as the paper's tables do.
    model, method, pattern, sparsity: the slice; None: chosen from what is there.
    setting: the rest of what was set (text, samples x length, dtype ...), as in the view `runs`; None: the newest.
    source: "run" (measured) or "paper" (published).
    evaluation: the held-out text or task version it was measured on; None: the newest.
    normalise: what a cell's shade is relative to: "column", "row", "whole" or "none".
    baseline: what is subtracted: "none", "dense", "diagonal" (calibration in the column's language), "paper", or
        the name of a row, as "de".
    """

    quantity: str = "perplexity"
    task: str = ""
    model: str | None = None
    method: str | None = None
    pattern: str | None = None
    sparsity: float | None = None
    source: str = "run"
    evaluation: str | None = None
    normalise: str = "column"
    baseline: str = "none"
    setting: str | None = None

    @classmethod
    def parse(cls, text: str) -> "View":
        """Read `quantity?key=value&...`. A task may stand for its quantity: "arc?model=aya-23-8b".

        Raises ValueError with the nearest valid name for an unknown key, source or normalisation.
        """
        head, _, tail = text.strip().partition("?")
        fields = _head(head.strip())
        for part in filter(None, tail.split("&")):
            key, equals, value = part.partition("=")
            if not equals:
                raise ValueError(f"'{part}' in the view '{text}' is no key=value")
            key, value = key.strip(), unquote(value.strip())
            if key not in _KEYS:
                raise ValueError(f"no key '{key}' in a view; {nearest(key, list(_KEYS))}")
            fields[_KEYS[key]] = _value(key, value)
        return cls(**fields)

    def __str__(self) -> str:
        pairs = [(key, getattr(self, field)) for key, field in _KEYS.items()]
        default = View()
        words = [f"{key}={_quote(value)}" for key, value in pairs if value != getattr(default, _KEYS[key])]
        return self.quantity + ("?" + "&".join(words) if words else "")


def nearest(name: str, valid: list[str]) -> str:
    """A sentence's end that offers the nearest valid name, or all of them. `name` may be the beginning of one."""
    scores = {word: _likeness(name.lower(), word.lower()) for word in valid}
    best = max(scores, key=lambda word: scores[word], default="")
    if not best or scores[best] < 0.6:
        return f"valid: {', '.join(valid) or 'none'}"
    return f"did you mean '{best}'?"


def _likeness(name: str, word: str) -> float:
    return max(SequenceMatcher(None, name, part).ratio() for part in (word, word[: len(name)]))


def find(name: str, candidates: list[str]) -> list[str]:
    """The candidates that `name` may mean: those equal to it, else those it begins, else those it is part of.

    Case is ignored, and "Meta-" in front of a model's name.
    """
    folded = {candidate: fold(candidate) for candidate in candidates}
    wanted = fold(name)
    for fits in (
        [candidate for candidate, text in folded.items() if text == wanted],
        [candidate for candidate, text in folded.items() if text.startswith(wanted)],
        [candidate for candidate, text in folded.items() if wanted in text],
    ):
        if fits:
            return fits
    return []


def match(name: str, candidates: list[str], what: str) -> str:
    """The one candidate that `name` means. Raises ValueError with those it may mean, or the nearest."""
    fits = find(name, candidates)
    if len(fits) > 1:
        raise ValueError(f"{what} '{name}' fits several: {', '.join(fits)}")
    if not fits:
        raise ValueError(f"no {what} '{name}'; {nearest(name, candidates)}")
    return fits[0]


def fold(name: str) -> str:
    """A name as it is compared: the paper's "Llama-3-8B-Instruct" is the hub's "Meta-Llama-3-8B-Instruct"."""
    return name.lower().removeprefix("meta-")


def _head(name: str) -> dict[str, Any]:
    name = _ALIASES.get(name.lower(), name.lower())
    if name in _TASKS:
        return {"quantity": _TASKS[name], "task": name}
    if not name.replace("_", "a").isalnum():
        raise ValueError(f"'{name}' is no quantity; write 'perplexity?model=...&method=...'")
    return {"quantity": name}


def _value(key: str, value: str) -> str | float:
    if key == "sparsity":
        return _sparsity(value)
    if key == "source" and value not in SOURCES:
        raise ValueError(f"no source '{value}'; {nearest(value, list(SOURCES))}")
    if key == "norm" and value not in NORMALISATIONS:
        raise ValueError(f"no normalisation '{value}'; {nearest(value, list(NORMALISATIONS))}")
    return value


def _sparsity(value: str) -> float:
    try:
        number = float(value.removesuffix("%")) / (100 if value.endswith("%") else 1)
    except ValueError:
        raise ValueError(f"sparsity '{value}' is no number; write 0.5 or 50%") from None
    if not 0 <= number < 1:
        raise ValueError(f"sparsity '{value}' is not in 0 <= sparsity < 1; write 0.5 or 50%")
    return number


def _quote(value: object) -> str:
    return f"{value}".replace("%", "%25").replace("&", "%26")
