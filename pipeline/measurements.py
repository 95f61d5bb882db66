"""Taking measures of a run's model in the languages that miss them: those of one text in one walk through the model.

Everything is kept as soon as the walk is over, a language's numbers at once; what goes into other tables before them,
so that numbers in the journal mean that all is there. A measure that fails leaves the others theirs.
"""

import logging
from collections.abc import Iterator, Mapping
from typing import Any

import polars

from pipeline import text
from pipeline.bench import BENCH
from pipeline.measures import Found, Measured, Observer
from pipeline.progress import Report
from pipeline.shared_walk import Wish
from pipeline.spec import MeasureSpec
from pipeline.text import TextError, Tokens
from pipeline.together import Together
from pipeline.work import Work
from store.errors import JournalFull

log = logging.getLogger(__name__)


def take(work: Work, stage: str, together: Together) -> Iterator[Report | Wish]:
    """Take measures of one text: whoever iterates walks for the Wish. A language without enough text is complained of
    at the end, when the others are measured; measures that need all languages are then left out."""
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
        wish = Wish(work, stage, tuple(wanted), windows)
        yield wish
        _keep_all(wish)
    if complaint is not None:
        raise complaint


def _tokens(work: Work, measure: MeasureSpec, language: str) -> Tokens:
    """The held-out tokens, the same for all runs of a model."""
    key = (measure.text, language)
    if key not in BENCH.windows:
        BENCH.windows[key] = text.heldout_tokens(measure, language, work.loaded.tokenizer)
    return BENCH.windows[key]


def _keep_all(wish: Wish) -> None:
    """Write down what the measures of a walk found. Raises what the first to fail raised, the others kept."""
    if wish.error is not None:
        raise wish.error
    rows = {measure.evaluation: _evaluation(measure) for measure in wish.measures}
    wish.work.record.journal.write("evaluation", list(rows.values()))
    failed: Exception | None = None
    for measure, observer in zip(wish.measures, wish.seats, strict=True):
        try:
            _keep(wish.work, measure, observer, wish.tokens)
        except (JournalFull, OSError):
            raise
        except Exception as error:
            log.error("%s: %s", measure.name, error)  # all of them; what is raised tells of one
            failed = failed or error
    if failed is not None:
        raise failed


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
