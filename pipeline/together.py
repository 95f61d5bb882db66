"""Which measures share a walk through the model: those that read the same text in the same languages."""

from collections.abc import Iterable

from pipeline.spec import MeasureSpec

Together = tuple[MeasureSpec, ...]


def walks(measures: Iterable[MeasureSpec]) -> dict[str, list[Together]]:
    """The walks by the name of their stage ("perplexity", "perplexity+fidelity"), in the order of the measures."""
    texts: dict[tuple[str, tuple[str, ...]], list[MeasureSpec]] = {}
    for measure in measures:
        texts.setdefault((measure.text, tuple(sorted(measure.languages))), []).append(measure)
    stages: dict[str, list[Together]] = {}
    for together in texts.values():
        name = "+".join(dict.fromkeys(measure.name for measure in together))
        stages.setdefault(name, []).append(tuple(together))
    return stages
