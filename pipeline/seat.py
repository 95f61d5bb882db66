"""An observer's place in a walk that it shares: with the observers of other measures, and with those of other runs.

It sees the walk under the names that it knows (OWN and DENSE), whatever its run's model is called there, and when it
fails it leaves the walk to the others.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from torch import Tensor, nn

from pipeline.measures import Found, Measured, Observer, Walk
from pipeline.stream import Logits


@dataclass(frozen=True)
class View:
    """A walk as one run sees it. names: of the walk's variants, by the run's names for them."""

    walk: Walk
    names: Mapping[str, str]

    @property
    def paths(self) -> Sequence[str]:
        return self.walk.paths

    @property
    def variants(self) -> Collection[str]:
        return self.names

    @property
    def running(self) -> str:
        """ "" while another run's model runs."""
        return next((own for own, theirs in self.names.items() if theirs == self.walk.running), "")

    @property
    def rows(self) -> slice:
        return self.walk.rows

    @property
    def n_features(self) -> int:
        return self.walk.n_features

    def weight(self, variant: str, linear: nn.Linear) -> Tensor:
        return self.walk.weight(self.names[variant], linear)


class Seat:
    """The observer that `observe` gives, as an observer of its own. error: why it left the walk.

    What a hook raises inside a block's forward is not caught here: it ends the walk.
    """

    def __init__(self, observe: Callable[[], Observer], names: Mapping[str, str]) -> None:
        self.names = names
        self.error: Exception | None = None
        self._observer: Observer | None = None
        with self._leaving():
            self._observer = observe()

    @property
    def _present(self) -> Observer | None:
        return self._observer if self.error is None else None

    @property
    def logits_of(self) -> str:
        return self.names.get(self._present.logits_of, "") if self._present else ""

    @contextmanager
    def watch(self, walk: Walk, index: int, block: nn.Module) -> Iterator[None]:
        watching = ExitStack()
        if self._present:
            with self._leaving():
                watching.enter_context(self._present.watch(View(walk, self.names), index, block))
        try:
            yield
        finally:
            with self._leaving():
                watching.close()

    def see(self, index: int, rows: slice, outputs: Mapping[str, Tensor]) -> None:
        if self._present:
            with self._leaving():
                self._present.see(index, rows, {own: outputs[theirs] for own, theirs in self.names.items()})

    def predict(self, part: Logits) -> None:
        if self._present:
            with self._leaving():
                self._present.predict(part)

    def found(self) -> Iterator[Found]:
        """Raises what made the observer leave."""
        yield from self._asked().found()

    def measured(self) -> Iterator[Measured]:
        """Raises what made the observer leave."""
        yield from self._asked().measured()

    def _asked(self) -> Observer:
        if self.error is not None:
            raise self.error
        assert self._observer is not None
        return self._observer

    @contextmanager
    def _leaving(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            self.error = self.error or error
