"""Where hidden states lie, and when the host waits for them. "cpu:0" stands in for an accelerator."""

from typing import Any

import pytest
import torch
from families import build, draw

from pipeline import hidden
from pipeline.hidden import Hidden
from pipeline.stream import BlockStream

CPU, STAND_IN = torch.device("cpu"), torch.device("cpu", 0)
SHAPE, N_BYTES = (3, 4, 5), 3 * 4 * 5 * 4


class Asked:
    """torch.empty, with a note of where. full: whether the accelerator has no memory left."""

    def __init__(self, full: bool = False) -> None:
        self.where: list[str] = []
        self.empty, self.full = torch.empty, full

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        there = keywords.get("device") == STAND_IN
        self.where.append("there" if there else "pinned" if keywords["pin_memory"] else "host")
        if there and self.full:
            raise torch.OutOfMemoryError("full")
        return self.empty(*arguments, **{**keywords, "pin_memory": False})


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    asked = Asked()
    monkeypatch.setattr(torch, "empty", asked)
    return asked


def test_on_a_cpu_reading_copies_nothing(asked: Asked) -> None:
    states = Hidden(SHAPE, torch.float32, CPU)
    states.write(slice(0, 3), torch.ones(SHAPE))
    first = states.read(slice(0, 1))
    states.write(slice(0, 1), torch.zeros(1, 4, 5))
    assert not first.any()
    assert states.part(slice(1, 2), slice(1, 3)).shape == (1, 2, 5)
    assert asked.where == ["host"]


@pytest.mark.parametrize(("free", "where"), [(8, ["there", "there", "host"]), (4, ["there", "host", "host"])])
def test_a_walk_and_its_twins_take_a_quarter_of_an_accelerator(
    free: int, where: list[str], asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hidden, "free_bytes", lambda _: free * N_BYTES)
    first = Hidden(SHAPE, torch.float32, STAND_IN)
    first.write(slice(0, 3), torch.rand(SHAPE))
    others = [first.copy(), first.copy()]
    assert asked.where == where
    assert all(torch.equal(first.read(slice(0, 3)), other.read(slice(0, 3))) for other in others)


def test_where_memory_is_in_pieces_they_lie_in_host_memory(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    asked.full = True
    monkeypatch.setattr(hidden, "free_bytes", lambda _: 100 * N_BYTES)
    Hidden(SHAPE, torch.float32, STAND_IN)
    assert asked.where == ["there", "host"]


def test_the_host_waits_only_where_it_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[torch.device] = []
    monkeypatch.setattr(hidden, "_empty", lambda shape, dtype, *_: (torch.empty(shape, dtype=dtype), True))
    monkeypatch.setattr(torch.cuda, "synchronize", waited.append)
    stream = BlockStream(build("llama"), draw(5), STAND_IN, batch=2)
    for block in stream:
        for _ in stream.run(block):
            pass
    assert not waited
    list(stream.logits())
    assert waited == [STAND_IN]
    BlockStream(build("llama"), draw(5), STAND_IN, batch=2).twin()
    assert len(waited) == 2


def test_a_walk_with_hidden_states_there_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    model, tokens = build("gemma3_text"), draw(5)
    parts = []
    for n_bytes in (0, 2**30):
        monkeypatch.setattr(hidden, "free_bytes", lambda _, n_bytes=n_bytes: n_bytes)
        stream = BlockStream(model, tokens, STAND_IN, batch=2)
        list(stream)
        parts.append(torch.cat([part.values for part in stream.logits()]))
    assert torch.equal(*parts)
