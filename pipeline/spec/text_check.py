"""What can be wrong with a grid's text before any is read."""

from pathlib import Path

from pipeline.spec.axes import Axes, CalibrationText
from pipeline.spec.calibration import PLAIN, CalibrationSpec, parse_languages
from pipeline.spec.complaints import GridError
from pipeline.spec.measures import MeasureSpec
from pipeline.spec.sources import check_languages, check_source, is_one_file, is_self, is_tokens

FILE_EACH = 'give each language a file of its own, "tokens:.../{language}.npy"'


def check_calibration(text: CalibrationText, axes: Axes, path: Path) -> None:
    """Raise GridError where the calibration axis cannot be drawn from the text, or would not be what it says."""
    check_source(text.source, "calibration", f"{path}: calibration.source")
    if text.temperature != PLAIN and not is_self(text.source):
        raise GridError(f"{path}: calibration.temperature: '{text.source}' is not written; it goes with 'self'")
    if text.sampling == "window" and is_self(text.source):
        raise GridError(f"{path}: calibration.sampling: a text that is written has no windows; leave it out")
    for index, languages in enumerate(axes.calibration):
        where = f"{path}: axes.calibration[{index}]"
        try:
            names = list(parse_languages(languages))
        except ValueError as error:
            raise GridError(f"{where}: {error}") from None
        check_languages(names, text.source, "calibration", where)
        _check_shares(text.of(languages), where)
        if is_one_file(text.source) and len(names) > 1 and any(method.preview for method in axes.method):
            raise GridError(
                f"{where}: a preview adds up what it finds in each language, and {text.source} holds all; {FILE_EACH}"
            )
    if is_tokens(text.source):
        _check_token_files(text.source, axes, path)


def check_heldout(measure: MeasureSpec, where: str) -> None:
    """Raise GridError where a measure has no text in one of its languages."""
    check_source(measure.source, "heldout", f"{where}.source")
    check_languages(list(measure.languages), measure.source, "heldout", f"{where}.languages")
    if is_one_file(measure.source) and len(measure.languages) > 1:
        raise GridError(f"{where}.languages: {measure.source} is the same text whatever the language; {FILE_EACH}")


def _check_shares(text: CalibrationSpec, where: str) -> None:
    """A mix without a sequence of one of its languages would not be what it is called."""
    if without := [language for language, share in text.shares().items() if not share]:
        raise GridError(
            f"{where}: {text.samples} samples leave none for {', '.join(without)}; raise calibration.samples"
        )


def _check_token_files(source: str, axes: Axes, path: Path) -> None:
    if is_one_file(source) and len(axes.calibration) > 1:
        raise GridError(f"{path}: axes.calibration: {source} is the same text whatever the languages; {FILE_EACH}")
    if "{seed}" not in source and len(axes.seed) > 1:
        raise GridError(
            f"{path}: axes.seed: {source} is the same text whatever the seed; list one seed, or give each a file of "
            'its own, "tokens:.../{seed}.npy"'
        )
