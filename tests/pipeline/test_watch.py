"""Statistics see exactly what each linear read, whether shared or not."""

from contextlib import AbstractContextManager

import pytest
import torch
from families import FAMILIES, FEATURES, LENGTH, build, draw
from torch import Tensor, nn

from pipeline.anatomy import UnsupportedModel, find_blocks, linears
from pipeline.stream import BlockStream
from pipeline.watch import watch

CPU = torch.device("cpu")


class Everything:
    """Keeps all it is given."""

    def __init__(self, columns: int, device: torch.device) -> None:  # noqa: ARG002
        self.inputs: list[Tensor] = []

    def add(self, inputs: Tensor) -> None:
        self.inputs += [sequence.clone() for sequence in inputs]


def sharing(found: dict[str, Everything]) -> list[list[str]]:
    """Names of linears by the statistics they share."""
    groups: dict[int, list[str]] = {}
    for name, statistics in found.items():
        groups.setdefault(id(statistics), []).append(name.rpartition(".")[2])
    return sorted(sorted(names) for names in groups.values())


@pytest.mark.parametrize(
    ("family", "expected"),
    [
        ("llama", [["down_proj"], ["gate_proj", "up_proj"], ["k_proj", "q_proj", "v_proj"], ["o_proj"]]),
        ("cohere2", [["down_proj"], ["gate_proj", "k_proj", "q_proj", "up_proj", "v_proj"], ["o_proj"]]),
        ("phi3", [["down_proj"], ["gate_up_proj"], ["o_proj"], ["qkv_proj"]]),
        ("opt", [["fc1"], ["fc2"], ["k_proj", "q_proj", "v_proj"], ["out_proj"]]),
    ],
)
def test_linears_that_read_the_same_share(family: str, expected: list[list[str]]) -> None:
    stream = BlockStream(build(family), draw(5), CPU, batch=2)
    block = next(iter(stream))
    with watch(linears(block), Everything, LENGTH) as found:
        assert list(stream.run(block)) == stream.batches
    assert sharing(found) == expected


@pytest.mark.parametrize("family", FAMILIES)
def test_every_linear_gets_what_it_read(family: str) -> None:
    model = build(family)
    stream = BlockStream(model, draw(3), CPU, batch=2)
    block = next(iter(stream))
    read: dict[str, list[Tensor]] = {name: [] for name in linears(block)}
    with watch(linears(block), Everything, LENGTH) as found:
        list(stream.run(block))
    hooks = [
        linear.register_forward_pre_hook(lambda _, inputs, name=name: read[name].append(inputs[0].clone()))
        for name, linear in linears(block).items()
    ]
    list(stream.advance())
    for hook in hooks:
        hook.remove()
    for name, linear in linears(block).items():
        whole = torch.cat(read[name]).reshape(3, LENGTH, linear.in_features)
        assert torch.equal(torch.stack(found[name].inputs), whole), name


class Block(nn.Module):
    """Two linears and what is done to their inputs."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(FEATURES, 2), nn.Linear(FEATURES, 2)


def watched(block: Block) -> AbstractContextManager[dict[str, Everything]]:
    return watch(linears(block), Everything, LENGTH)


@pytest.mark.parametrize("inference", [False, True])
def test_a_tensor_written_to_in_between_is_another(inference: bool) -> None:
    block = Block()
    with torch.inference_mode(inference), watched(block) as found:
        inputs = torch.ones(1, LENGTH, FEATURES)
        block.a(inputs)
        block.b(inputs.mul_(2))
    assert found["a"] is not found["b"]
    assert (found["a"].inputs[0].mean(), found["b"].inputs[0].mean()) == (1, 2)


def test_a_dead_tensor_is_never_mistaken_for_a_new_one() -> None:
    """The allocator gives the second tensor the first one's memory, and Python often its id."""
    block = Block()
    with torch.no_grad(), watched(block) as found:
        for value in range(20):
            block.a(torch.full((1, LENGTH, FEATURES), float(value)))
            block.b(torch.full((1, LENGTH, FEATURES), float(-value)))
    assert [int(inputs[0, 0]) for inputs in found["a"].inputs] == list(range(20))
    assert [int(inputs[0, 0]) for inputs in found["b"].inputs] == [-value for value in range(20)]


def test_sharing_that_does_not_last_is_refused() -> None:
    block = Block()
    same, other = torch.ones(1, LENGTH, FEATURES), torch.zeros(1, LENGTH, FEATURES)
    calls = [(block.a, same), (block.b, same), (block.a, other), (block.b, other + 1)]
    with pytest.raises(UnsupportedModel, match="reads the same as another linear in one batch"), watched(block):
        _ = [linear(inputs) for linear, inputs in calls]


def test_a_linear_that_reads_nothing_is_refused() -> None:
    block = Block()
    with pytest.raises(UnsupportedModel, match="b read nothing"), watched(block):
        block.a(torch.ones(1, LENGTH, FEATURES))


def test_inputs_in_which_sequences_cannot_be_told_apart_are_refused() -> None:
    block = Block()
    inputs = torch.ones(LENGTH + 1, FEATURES)
    with pytest.raises(UnsupportedModel, match=r"a reads a tensor of shape \(25, 32\)"), watched(block):
        block.a(inputs)


def test_hooks_are_gone_afterwards() -> None:
    block = Block()
    with pytest.raises(RuntimeError, match="enough"), watched(block):
        raise RuntimeError("enough")
    assert not block.a._forward_pre_hooks
    assert not block.b._forward_pre_hooks


def test_a_pass_for_inputs_ends_before_the_last_linear_computes() -> None:
    model = build("llama")
    stream = BlockStream(model, draw(3), CPU, batch=1)
    block = next(iter(stream))
    n_computed = dict.fromkeys(linears(block), 0)

    def count(name: str) -> None:
        n_computed[name] += 1

    for name, linear in linears(block).items():
        linear.register_forward_hook(lambda *_, name=name: count(name))
    list(stream.run(block))
    assert n_computed["self_attn.q_proj"] == n_computed["mlp.up_proj"] == 3
    assert n_computed["mlp.down_proj"] == 1  # in the first batch, from which the order is learnt


def test_a_linear_used_twice_is_listed_once() -> None:
    block = next(iter(find_blocks(build("llama")).values()))
    block.mlp.up_proj = block.mlp.gate_proj
    assert len(linears(block)) == 6
