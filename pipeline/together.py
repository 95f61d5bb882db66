"""Which measures share a walk through the model: those that read the same text in the same languages; and which runs
share one: those of one model that miss the same measures, if any of them compares with the dense model."""

import math
from collections.abc import Callable, Iterable, Sequence

from pipeline.plan import Todo
from pipeline.spec import Dense, MeasureSpec

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


def company(first: Todo, ready: Sequence[Todo], most: Callable[[Todo], int], n_workers: int) -> list[Todo]:
    """`first` and those of `ready` (it is among them) that are to be measured with it: pruned models, as many as
    `most` allows each and so that no worker is left without, and the dense one, whose pass they need anyway."""
    if not any(measure.compares for measure in first.missing):
        return [first]
    alike = [todo for todo in ready if todo.affinity == first.affinity and todo.missing == first.missing]
    pruned = [todo for todo in alike if not isinstance(todo.run.method, Dense)]
    n = min([math.ceil(len(pruned) / n_workers), *map(most, pruned)])
    if n < 2:
        return [first]
    chosen = sorted(pruned, key=lambda todo: todo is not first)[:n]
    return [todo for todo in alike if todo in chosen or isinstance(todo.run.method, Dense)]
