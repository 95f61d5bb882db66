"""Taking measures of a run's model in the languages that miss them: those of one text in one walk through the model.

Everything is kept as soon as the walk is over, a language's numbers at once; what goes into other tables before them,
so that numbers in the journal mean that all is there.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import polars
import psutil

from pipeline import measures, text
from pipeline.bench import BENCH
from pipeline.lockstep import LockStep, Weights
from pipeline.measures import DENSE, OWN, Found, Measured, Observer
from pipeline.progress import Report
from pipeline.spec import Dense, MeasureSpec
from pipeline.text import TextError, Tokens
from pipeline.together import Together
from pipeline.walk import walk
from pipeline.windows import Windows
from pipeline.work import Work

HIDDEN_SHARE = 0.25
"""Of the free memory, for the hidden states of one walk; languages that don't fit together are walked apart."""


def take(work: Work, stage: str, together: Together) -> Iterator[Report]:
    """Take measures of one text. A language without enough text is complained of at the end, when the others are
    measured; measures that need all languages are then left out."""
    windows: dict[str, Tokens] = {}
    complaint: TextError | None = None
    for language in together[0].languages:
        yield Report(stage, 0.0, f"text {language}")
        try:
            windows[language] = _tokens(work, together[0], language)
        except TextError as error:
            complaint = complaint or error
    wanted = [measure for measure in together if complaint is None or not measure.joint]
    if windows and wanted:
        yield from _measure(work, stage, wanted, windows)
    if complaint is not None:
        raise complaint


def _tokens(work: Work, measure: MeasureSpec, language: str) -> Tokens:
    """The held-out tokens, the same for all runs of a model."""
    key = (measure.text, language)
    if key not in BENCH.windows:
        BENCH.windows[key] = text.heldout_tokens(measure, language, work.loaded.tokenizer)
    return BENCH.windows[key]


def _measure(work: Work, stage: str, together: list[MeasureSpec], tokens: Mapping[str, Tokens]) -> Iterator[Report]:
    tokenizer = work.loaded.tokenizer
    windows = Windows({language: own.ids for language, own in tokens.items()}, tokenizer.all_special_ids)
    observers: list[Observer] = [
        measures.load(measure.name).observe(measure, windows, tokenizer) for measure in together
    ]
    variants = _variants(work, together)
    done = 0
    for part in _parts(work, windows, len(variants)):
        lockstep = LockStep(work.loaded.model, variants, windows.tokens[part], work.device, first_row=part.start)
        for step in walk(lockstep, observers):
            share = (done + step.fraction * (part.stop - part.start)) / len(windows.tokens)
            yield Report(stage, share, step.detail)
        done = part.stop
    rows = {measure.evaluation: _evaluation(measure) for measure in together}
    work.record.journal.write("evaluation", list(rows.values()))
    for measure, observer in zip(together, observers, strict=True):
        _keep(work, measure, observer, tokens)


def _variants(work: Work, together: list[MeasureSpec]) -> dict[str, Weights | None]:
    """The run's model, and the dense one before it where a measure compares them."""
    compares = any(measure.compares for measure in together) and not isinstance(work.run.method, Dense)
    return {DENSE: BENCH.dense(), OWN: None} if compares else {OWN: None}


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


def _keep(work: Work, measure: MeasureSpec, observer: Observer, tokens: Mapping[str, Tokens]) -> None:
    """Write down what an observer found: numbers last, one segment a language."""
    known = {row["sha256"] for row in work.noted("calibration_document")}
    for found in observer.found():
        work.record.journal.write(found.table, _rows(found, measure.evaluation))
    by_language: dict[str, list[Measured]] = {}
    for number in observer.measured():
        by_language.setdefault(number.language, []).append(number)
    for language in sorted(by_language, key=lambda name: name in tokens):  # what concerns all languages first
        note = _caution(tokens[language], known) if language in tokens else None
        shared = {"evaluation": measure.evaluation, "measure": measure.name, "note": note}
        work.record.journal.write("measurement", [{**vars(number), **shared} for number in by_language[language]])


def _rows(found: Found, evaluation: str) -> list[dict[str, Any]] | polars.DataFrame:
    if isinstance(found.rows, polars.DataFrame):
        return found.rows.with_columns(evaluation=polars.lit(evaluation))
    return [{**row, "evaluation": evaluation} for row in found.rows]


def _caution(heldout: Tokens, known: set[str]) -> str | None:
    """What to say where held-out documents were calibration text too."""
    shared = sum(document.sha256 in known for document in heldout.documents)
    return f"{shared} of {len(heldout.documents)} held-out documents are calibration text too" if shared else None


def _evaluation(measure: MeasureSpec) -> dict[str, Any]:
    """The row of table `evaluation`."""
    columns = {"source", "samples", "length", "sampling", "bos"}
    settings = measure.model_dump(mode="json", exclude={*columns, "name", *([] if measure.joint else ["languages"])})
    return {
        "evaluation": measure.evaluation,
        "measure": measure.name,
        "split": "heldout",
        **{name: getattr(measure, name) for name in columns},
        "settings": settings,
    }
