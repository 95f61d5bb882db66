"""Blocks that are fetched ahead, with a lane that copies as late as it may: what nobody waited for is not there."""

from contextlib import AbstractContextManager, nullcontext
from functools import partial
from threading import Event
from typing import Any

import pytest
import torch
from families import build, draw
from torch import Tensor, nn

from pipeline import prefetch, stream
from pipeline.masks import unpack
from pipeline.prefetch import Prefetch
from pipeline.prune import prune
from pipeline.residence import resident
from pipeline.spec import SparseGPT
from pipeline.stream import BlockStream

STAND_IN = torch.device("cpu", 0)


class LateLane:
    """As a GPU's, but for the GPU. `handed` counts what the walk took over; held: copies wait for it."""

    def __init__(self) -> None:
        self.asked: list[tuple[Tensor, Tensor]] = []
        self.n_done = self.handed = self.n_followed = 0
        self.held: Event | None = None

    def entered(self) -> AbstractContextManager[Any]:
        return nullcontext()

    def pinned(self, n_bytes: int) -> Tensor:
        return torch.empty(n_bytes, dtype=torch.uint8)

    def copy(self, target: Tensor, source: Tensor) -> None:
        if self.held:
            assert self.held.wait(10)
        self.asked.append((target, source))

    def mark(self) -> int:
        return len(self.asked)

    def wait(self, mark: int) -> None:
        while self.n_done < mark:
            target, source = self.asked[self.n_done]
            target.copy_(source)
            self.n_done += 1

    def follow(self) -> None:
        self.n_followed += 1

    def hand_over(self, mark: int, tensor: Tensor) -> None:  # noqa: ARG002
        self.wait(mark)
        self.handed += 1


@pytest.fixture
def lane(monkeypatch: pytest.MonkeyPatch) -> LateLane:
    """That of every stream, with room enough, and pieces that no weight fits into."""
    lane = LateLane()
    monkeypatch.setattr(stream, "Prefetch", partial(Prefetch, lane=lane))
    monkeypatch.setattr(prefetch, "free_bytes", lambda _: 2**30)
    monkeypatch.setattr("pipeline.lane.PIECE", 500)
    return lane


def walked(model: nn.Module) -> list[dict[str, Tensor]]:
    blocks = prune(model, draw(5), SparseGPT(name="sparsegpt"), STAND_IN, batch=2)
    return [{name: unpack(mask) for name, mask in block.masks.items()} for block in blocks]


def arrived(ahead: Prefetch, block: nn.Module) -> list[Tensor | None]:
    return [ahead.take(weight) for weight in block.parameters()]


@pytest.mark.parametrize("family", ["llama", "gemma3_text", "cohere2", "phi"])
def test_a_walk_is_the_same_with_blocks_fetched_ahead(family: str, lane: LateLane) -> None:
    ahead, plain = build(family), build(family)
    places = [weight.data_ptr() for weight in ahead.parameters()]
    with_lane = walked(ahead)
    _, *later = ahead.model.layers
    assert lane.handed == sum(1 for block in later for _ in block.parameters())
    assert lane.n_followed == len(later)  # all but the last block's come home meanwhile
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stream, "Prefetch", Prefetch)
        alone = walked(plain)
    for a, b in zip(with_lane, alone, strict=True):
        assert all(torch.equal(a[name], b[name]) for name in b)
    assert all(torch.equal(a, b) for a, b in zip(ahead.parameters(), plain.parameters(), strict=True))
    assert [weight.data_ptr() for weight in ahead.parameters()] == places


def test_it_begins_when_the_body_has_changed_the_next_block(lane: LateLane) -> None:
    model = build("llama")
    blocks = iter(walk := BlockStream(model, draw(2), STAND_IN))
    next(blocks)
    linear = model.model.layers[1].mlp.up_proj
    linear.weight.data = torch.zeros_like(linear.weight.data)  # as BENCH.change does
    next(blocks)
    assert not linear.weight.any()
    assert lane.handed == sum(1 for _ in walk._modules[1].parameters())


def test_pruning_hands_over_weights_that_are_changed_one_block_ahead(lane: LateLane) -> None:
    """As BENCH.change does: their copies are others."""
    model = build("llama")

    def change(index: int) -> None:
        for block in model.model.layers[index : index + 1]:
            for weight in block.parameters():
                weight.data = weight.data.clone()

    change(0)
    change(1)
    for block in prune(model, draw(5), SparseGPT(name="sparsegpt"), STAND_IN, batch=2):
        change(block.index + 2)
    assert lane.handed == sum(1 for block in model.model.layers[1:] for _ in block.parameters())


@pytest.mark.parametrize("change", ["replaced", "written to", "cast"])
def test_what_changed_since_is_copied_as_it_is(lane: LateLane, change: str) -> None:
    block = build("llama").model.layers[0]
    weight = block.mlp.up_proj.weight
    ahead = Prefetch(STAND_IN, lane)
    ahead.start(block)
    with torch.no_grad():
        if change == "replaced":
            weight.data = weight.data * 2
        elif change == "written to":
            weight.mul_(2)
        else:
            weight.data = weight.data.bfloat16()
    expected = weight.detach().clone()
    with resident(block.modules(), STAND_IN, ahead):
        assert torch.equal(weight, expected)
    assert lane.handed == sum(1 for _ in block.parameters()) - 1


def test_without_room_nothing_is_fetched(lane: LateLane, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prefetch, "free_bytes", lambda _: 100)
    walked(build("llama"))
    assert lane.handed == 0


def test_memory_that_runs_out_is_told_and_blocks_come_when_their_turn_does(
    lane: LateLane, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def none(n_bytes: int) -> Tensor:
        raise torch.OutOfMemoryError(f"no {n_bytes} bytes")

    monkeypatch.setattr(lane, "pinned", none)
    assert len(walked(build("llama"))) == 4
    assert "could not be fetched ahead: no 500 bytes" in caplog.text


def test_asked_twice_it_fetches_once_and_what_is_taken_is_gone(lane: LateLane) -> None:
    block = build("llama").model.layers[0]
    ahead = Prefetch(STAND_IN, lane)
    ahead.start(block)
    ahead.start(block)
    first, n_asked = arrived(ahead, block), len(lane.asked)
    assert all(a is not None and torch.equal(a, b) for a, b in zip(first, block.parameters(), strict=True))
    assert arrived(ahead, block) == [None] * len(first)
    ahead.start(block)
    assert len(lane.asked) == n_asked


@pytest.mark.parametrize("then", ["nothing", "written to", "failed"])
def test_changed_weights_come_home_as_they_are_in_the_end(
    lane: LateLane, then: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    model, dense = build("llama"), build("llama")
    monkeypatch.setattr(prefetch, "free_bytes", lambda _: 0)
    if then == "failed":
        monkeypatch.setattr(lane, "pinned", lambda _: torch.empty(-1))
    blocks = iter(walk := BlockStream(model, draw(2), STAND_IN))
    linear, before = next(blocks).mlp.up_proj, dense.model.layers[0].mlp.up_proj.weight
    with torch.no_grad():
        linear.weight.mul_(2)
        list(walk.advance())
        if then == "written to":
            linear.weight.mul_(2)
    next(blocks)
    assert torch.equal(linear.weight, before * (4 if then == "written to" else 2))
    assert len(lane.asked) == (0 if then == "failed" else -(-before.nbytes // 500))
    assert ("could not be brought home" in caplog.text) == (then == "failed")


def test_a_last_block_that_was_changed_is_at_home_when_logits_are_asked_for(lane: LateLane) -> None:
    model = build("llama")
    walk = BlockStream(model, draw(2), STAND_IN)
    with torch.no_grad():
        for block in walk:
            block.mlp.up_proj.weight.mul_(2)
    n_asked = len(lane.asked)
    list(walk.logits())
    assert len(lane.asked) == n_asked


@pytest.mark.parametrize("how", ["closed", "failed"])
def test_a_walk_that_is_abandoned_lets_go(lane: LateLane, how: str) -> None:
    model = build("llama")
    places = [weight.data_ptr() for weight in model.parameters()]
    blocks = iter(walk := BlockStream(model, draw(2), STAND_IN))
    next(blocks)
    lane.held = Event()
    passing = walk.advance()
    next(passing)
    arriving = walk._next._arriving
    assert arriving is not None
    if how == "closed":
        blocks.close()  # type: ignore[attr-defined]
    else:
        with pytest.raises(KeyboardInterrupt):
            blocks.throw(KeyboardInterrupt)  # type: ignore[attr-defined]
    assert walk._next._arriving is None
    lane.held.set()
    assert arriving.result(timeout=10) == ({}, None)
    assert len(lane.asked) <= 1
    assert [weight.data_ptr() for weight in model.parameters()] == places


def test_on_a_cpu_there_is_no_thread() -> None:
    block = build("llama").model.layers[0]
    ahead = Prefetch(torch.device("cpu"))
    ahead.start(block)
    assert ahead._worker is None
    assert arrived(ahead, block) == [None] * len(list(block.parameters()))
