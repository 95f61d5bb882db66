"""One walk through the model for all measures of a text: those of one run, or of several of one model.

The dense model walks once, beside however many pruned ones. A batch goes through a block by the same operations
whoever walks beside it, so every number is, bit for bit, what it is when its run walks alone (over the same parts of
the text: free memory decides on those, as ever).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import psutil

from pipeline import measures
from pipeline.bench import BENCH
from pipeline.lockstep import LockStep, Weights
from pipeline.measures import DENSE, OWN, Step
from pipeline.progress import Report
from pipeline.seat import Seat
from pipeline.spec import Dense, MeasureSpec
from pipeline.text import Tokens
from pipeline.walk import walk
from pipeline.windows import Windows
from pipeline.work import Work

HIDDEN_SHARE = 0.25
"""Of the free memory, for the hidden states of one walk; languages that don't fit together are walked apart."""


@dataclass(eq=False)
class Wish:
    """Measures of one text that a run wants a walk for. Whoever walks fills in the seats, or the error.

    start, extent: of the run's stage, which may have several walks.
    """

    work: Work
    stage: str
    measures: tuple[MeasureSpec, ...]
    tokens: Mapping[str, Tokens]
    start: float = 0.0
    extent: float = 1.0
    seats: list[Seat] = field(default_factory=list)
    error: Exception | None = None

    @property
    def key(self) -> tuple[object, ...]:
        """Wishes with equal ones can share a walk."""
        return self.stage, self.measures, tuple(self.tokens)

    @property
    def compares(self) -> bool:
        """Whether the dense model has to walk beside the run's."""
        return any(measure.compares for measure in self.measures) and not isinstance(self.work.run.method, Dense)

    def report(self, step: Step, n_sharing: int) -> Report:
        return Report(self.stage, self.start + self.extent * step.fraction, step.detail, share=1 / n_sharing)


def walked(wishes: Sequence[Wish]) -> Iterator[Step]:
    """Walk for wishes with equal keys. Afterwards their seats have seen everything, or have left with an error."""
    first = wishes[0]
    tokenizer = first.work.loaded.tokenizer
    windows = Windows({language: own.ids for language, own in first.tokens.items()}, tokenizer.all_special_ids)
    variants, names = _variants(wishes)
    for wish, own in zip(wishes, names, strict=True):
        wish.seats = [
            Seat(partial(measures.load(measure.name).observe, measure, windows, tokenizer), own)
            for measure in wish.measures
        ]
    seats = [seat for wish in wishes for seat in wish.seats]
    model = wishes[-1].work.loaded.model  # on the bench
    done = 0
    for part in _parts(first.work, windows, len(variants)):
        tokens = windows.tokens[part]
        lockstep = LockStep(model, variants, tokens, first.work.device, first_row=part.start)
        for step in walk(lockstep, seats):
            yield Step((done + step.fraction * (part.stop - part.start)) / len(windows.tokens), step.detail)
        done = part.stop


def _variants(wishes: Sequence[Wish]) -> tuple[dict[str, Weights | None], list[dict[str, str]]]:
    """The models that walk, the dense one first where somebody compares; and for each wish, what they are to it."""
    compared = any(wish.compares for wish in wishes)
    variants: dict[str, Weights | None] = {DENSE: BENCH.dense()} if compared else {}
    names: list[dict[str, str]] = []
    for wish in wishes:
        own = OWN if len(wishes) == 1 else wish.work.run.run_id
        if isinstance(wish.work.run.method, Dense) and DENSE in variants:
            own = DENSE
        else:
            variants[own] = wish.work.aside
        names.append({**({DENSE: DENSE} if wish.compares else {}), OWN: own})
    return variants, names


def _parts(work: Work, windows: Windows, n_variants: int) -> Iterator[slice]:
    """Rows of languages, one after the other, whose hidden states fit into memory; at least one language in each."""
    model = work.loaded.model
    a_token = model.config.get_text_config().hidden_size * model.dtype.itemsize * n_variants
    most = HIDDEN_SHARE * psutil.virtual_memory().available / (a_token * windows.length)
    start = 0
    for language in windows.languages:
        rows = windows.rows(language)
        if rows.stop - start > most and rows.start > start:
            yield slice(start, rows.start)
            start = rows.start
    yield slice(start, len(windows.tokens))
