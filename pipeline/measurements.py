"""Taking a measure of a run's model in the languages that miss it; each language is kept once it is measured."""

from collections.abc import Iterator
from typing import Any

import psutil

from pipeline import measures, text
from pipeline.bench import BENCH
from pipeline.measures import Measured
from pipeline.progress import Report
from pipeline.spec import MeasureSpec
from pipeline.text import TextError, Tokens
from pipeline.work import Work

HIDDEN_SHARE = 0.25
"""Of the free memory, for the hidden states of one walk; languages that don't fit together are measured apart."""


def take(work: Work, measure: MeasureSpec) -> Iterator[Report]:
    """Measure. A language without enough text is complained of at the end, when the others are measured."""
    windows: dict[str, Tokens] = {}
    complaint: TextError | None = None
    for language in measure.languages:
        yield Report(measure.name, 0.0, f"text {language}")
        try:
            windows[language] = _windows(work, measure, language)
        except TextError as error:
            complaint = complaint or error
    work.record.journal.write("evaluation", [_evaluation(measure)])
    done = 0
    for together in _walks(work, windows):
        for report in _walk(work, measure, together):
            share = (done + report.fraction * len(together)) / len(windows)
            yield Report(report.stage, share, report.detail)
        done += len(together)
    if complaint is not None:
        raise complaint


def _windows(work: Work, measure: MeasureSpec, language: str) -> Tokens:
    """The held-out tokens, the same for all runs of a model."""
    key = (measure.evaluation, language)
    if key not in BENCH.windows:
        BENCH.windows[key] = text.heldout_tokens(measure, language, work.loaded.tokenizer)
    return BENCH.windows[key]


def _walks(work: Work, windows: dict[str, Tokens]) -> Iterator[dict[str, Tokens]]:
    """The languages in groups whose hidden states fit into memory, at least one in each."""
    model = work.loaded.model
    a_token = model.config.get_text_config().hidden_size * model.dtype.itemsize
    room = HIDDEN_SHARE * psutil.virtual_memory().available
    together: dict[str, Tokens] = {}
    for language, tokens in windows.items():
        n_tokens = tokens.ids.numel() + sum(other.ids.numel() for other in together.values())
        if together and n_tokens * a_token > room:
            yield together
            together = {}
        together[language] = tokens
    if together:
        yield together


def _walk(work: Work, measure: MeasureSpec, together: dict[str, Tokens]) -> Iterator[Report]:
    known = {row["sha256"] for row in work.noted("calibration_document")}
    windows = {language: tokens.ids for language, tokens in together.items()}
    module = measures.load(measure.name)
    for step in module.measure(work.loaded.model, windows, work.loaded.tokenizer, work.device):
        by_language: dict[str, list[Measured]] = {}
        for number in step.measured:
            by_language.setdefault(number.language, []).append(number)
        for language, numbers in by_language.items():
            shared = {
                "evaluation": measure.evaluation,
                "measure": measure.name,
                "note": _caution(together[language], known),
            }
            work.record.journal.write("measurement", [{**vars(number), **shared} for number in numbers])
        yield Report(measure.name, step.fraction, step.detail)


def _caution(heldout: Tokens, known: set[str]) -> str | None:
    """What to say where held-out documents were calibration text too."""
    shared = sum(document.sha256 in known for document in heldout.documents)
    return f"{shared} of {len(heldout.documents)} held-out documents are calibration text too" if shared else None


def _evaluation(measure: MeasureSpec) -> dict[str, Any]:
    """The row of table `evaluation`."""
    return {
        "evaluation": measure.evaluation,
        "measure": measure.name,
        "source": measure.source,
        "split": "heldout",
        "samples": measure.samples,
        "length": measure.length,
        "sampling": measure.sampling,
        "bos": measure.bos,
        "settings": {"seed": measure.seed},
    }
