"""An observer that fails leaves the walk to the others."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from families import build, draw

from pipeline import measures
from pipeline.lockstep import LockStep
from pipeline.measures import OWN
from pipeline.seat import Seat
from pipeline.spec import Fidelity
from pipeline.walk import walk
from pipeline.windows import Windows

CPU = torch.device("cpu")
SPEC = Fidelity(name="fidelity", languages=("en",), source="x", samples=2, length=24, sampling="pack")


class Broken:
    """An observer that fails in one of its methods."""

    logits_of = OWN

    def __init__(self, at: str) -> None:
        self.at = at

    @contextmanager
    def watch(self, walk: Any, index: int, block: Any) -> Iterator[None]:  # noqa: ARG002
        self._fail("enter")
        yield
        self._fail("leave")

    def see(self, index: int, rows: slice, outputs: Any) -> None:  # noqa: ARG002
        self._fail("see")

    def predict(self, part: Any) -> None:  # noqa: ARG002
        self._fail("predict")

    def found(self) -> Iterator[Any]:
        return iter(())

    def measured(self) -> Iterator[Any]:
        return iter(())

    def _fail(self, now: str) -> None:
        if now == self.at:
            raise ZeroDivisionError(now)


@pytest.mark.parametrize("at", ["observe", "enter", "see", "leave", "predict"])
def test_a_measure_that_fails_leaves_the_walk_to_the_others(at: str) -> None:
    def broken() -> Broken:
        if at == "observe":
            raise ZeroDivisionError(at)
        return Broken(at)

    model = build("llama")
    windows = Windows({"en": draw(3), "de": draw(2, seed=2)})
    alone = measures.load("fidelity").observe(SPEC, windows, None)
    list(walk(LockStep(model, {OWN: None}, windows.tokens, CPU), [alone]))
    other = measures.load("fidelity").observe(SPEC, windows, None)
    seats = [Seat(broken, {OWN: OWN}), Seat(lambda: other, {OWN: OWN})]
    list(walk(LockStep(model, {OWN: None}, windows.tokens, CPU), seats))
    with pytest.raises(ZeroDivisionError, match=at):
        list(seats[0].measured())
    assert list(seats[1].measured()) == list(alone.measured())


def test_what_else_goes_wrong_in_a_walk_is_no_observers_fault() -> None:
    seat = Seat(lambda: Broken("nowhere"), {OWN: OWN})
    lockstep = LockStep(build("llama"), {OWN: None}, draw(2), CPU)
    with pytest.raises(KeyError, match="elsewhere"), seat.watch(lockstep, 0, torch.nn.Identity()):
        raise KeyError("elsewhere")
    assert seat.error is None
