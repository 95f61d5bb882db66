"""The block stream computes what the model's own forward computes, bit for bit, in every family."""

import pytest
import torch
from families import FAMILIES, LENGTH, N_BLOCKS, VOCABULARY, WINDOW, build, draw
from torch import Tensor, nn
from transformers import PreTrainedModel

from pipeline.anatomy import UnsupportedModel, linears
from pipeline.rehearsal import Arguments
from pipeline.stream import BlockStream, default_batch

CPU = torch.device("cpu")


def walk(model: PreTrainedModel, tokens: Tensor, batch: int | None = None, budget: int = 2**25) -> Tensor:
    stream = BlockStream(model, tokens, CPU, batch)
    assert len(list(stream)) == N_BLOCKS
    logits = torch.full((*tokens.shape, VOCABULARY), torch.nan)
    for part in stream.logits(budget):
        logits[part.rows, part.positions] = part.values
    return logits


@torch.no_grad()
def own_forward(model: PreTrainedModel, tokens: Tensor, batch: int) -> Tensor:
    return torch.cat([model(input_ids=part, use_cache=False).logits for part in tokens.split(batch)])


@pytest.mark.parametrize("family", FAMILIES)
def test_logits_are_the_models_own(family: str) -> None:
    model, tokens = build(family), draw(5)
    assert LENGTH > WINDOW
    expected = own_forward(model, tokens, 2)
    assert torch.equal(walk(model, tokens, 2), expected)
    assert torch.allclose(walk(model, tokens, 1, budget=7 * VOCABULARY), expected, atol=1e-5)  # the tail in pieces


def test_arguments_are_noted_for_each_block() -> None:
    """Handing every block the first one's arguments, as the reference scripts do, would be wrong in Gemma 3."""
    model, tokens = build("gemma3_text"), draw(3)
    stream = BlockStream(model, tokens, CPU)
    stream._arguments = {size: (arguments[0],) * N_BLOCKS for size, arguments in stream._arguments.items()}
    list(stream)
    (part,) = stream.logits()
    assert (part.values - own_forward(model, tokens, 3)).abs().max() > 0.01


def test_a_blocks_outputs_are_hidden_states_before_the_final_norm() -> None:
    model, tokens = build("llama"), draw(2)
    stream = BlockStream(model, tokens, CPU)
    outputs = [hidden for _ in stream for _, hidden in stream.advance()]
    with torch.no_grad():
        whole = model(input_ids=tokens, use_cache=False, output_hidden_states=True)
    for ours, theirs in zip(outputs[:-1], whole.hidden_states[1:-1], strict=True):
        assert torch.equal(ours, theirs)
    assert not torch.equal(outputs[-1], whole.hidden_states[-1])
    assert torch.equal(model.model.norm(outputs[-1]), whole.hidden_states[-1])


def test_changes_of_a_block_reach_the_next_ones() -> None:
    model, tokens = build("qwen3"), draw(3)
    stream = BlockStream(model, tokens, CPU)
    for index, block in enumerate(stream):
        for _ in stream.run(block):
            pass
        with torch.no_grad():
            for linear in linears(block).values():
                linear.weight.mul_(0.5 + 0.1 * index)
    (part,) = stream.logits()
    assert torch.equal(part.values, own_forward(model, tokens, 3))


def test_the_model_is_left_as_it_was() -> None:
    model, tokens = build("cohere2"), draw(2)
    before = own_forward(model, tokens, 2)
    state = {name: value.clone() for name, value in model.state_dict().items()}
    walk(model, tokens)
    assert not any("forward" in vars(module) for module in model.modules())
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    assert torch.equal(own_forward(model, tokens, 2), before)


def test_half_precision_models_stream_in_their_own_dtype() -> None:
    model, tokens = build("gemma2").to(torch.bfloat16), draw(2)
    stream = BlockStream(model, tokens, CPU)
    list(stream)
    (part,) = stream.logits()
    assert part.values.dtype == torch.bfloat16
    assert torch.equal(part.values, own_forward(model, tokens, 2))


def test_inference_mode_around_it_changes_nothing() -> None:
    model, tokens = build("llama"), draw(2)
    with torch.inference_mode():
        inside = walk(model, tokens, 2)
    assert torch.equal(inside, own_forward(model, tokens, 2))


EXPERTS = {
    "num_experts": 4,
    "num_local_experts": 4,
    "num_experts_per_tok": 2,
    "moe_intermediate_size": 16,
    "layer_types": None,
}


@pytest.mark.parametrize("family", ["mixtral", "qwen3_moe", "olmoe", "granitemoe", "gpt_oss"])
def test_fused_experts_are_refused_by_name(family: str) -> None:
    with pytest.raises(UnsupportedModel, match=r"layers\.0\..*fused experts"):
        BlockStream(build(family, **EXPERTS), draw(2), CPU)


def test_weights_outside_linears_are_refused_by_name() -> None:
    with pytest.raises(
        UnsupportedModel, match=r"transformer\.h\.0\.mlp\.c_fc\.weight \(32x128\) is a weight of Conv1D"
    ):
        BlockStream(build("gpt2", n_embd=32, n_layer=2, n_head=4, n_positions=64), draw(2), CPU)


def test_encoder_decoders_are_refused() -> None:
    from transformers import T5Config, T5ForConditionalGeneration

    config = T5Config(vocab_size=VOCABULARY, d_model=32, d_ff=48, num_layers=2, num_heads=4, d_kv=8)
    with pytest.raises(UnsupportedModel, match="encoder-decoder"):
        BlockStream(T5ForConditionalGeneration(config).eval(), draw(2), CPU)


def test_arguments_that_vary_by_sequence_are_refused() -> None:
    """Gemma 4's small models hand each block an embedding of its own for every token."""
    model = build(
        "gemma4_text", hidden_size_per_layer_input=4, vocab_size_per_layer_input=VOCABULARY, num_kv_shared_layers=0
    )
    with pytest.raises(UnsupportedModel, match="block 0 is handed 'argument 2', which varies from sequence"):
        BlockStream(model, draw(2), CPU)


def test_blocks_that_pass_something_on_are_refused() -> None:
    """Gemma 4's later blocks read keys and values that earlier ones left in a mapping."""
    model = build("gemma4_text", num_kv_shared_layers=2)
    with pytest.raises(UnsupportedModel, match="passes something on to later blocks in 'shared_kv_states'"):
        walk(model, draw(2))


def test_blocks_that_are_skipped_or_repeated_are_refused() -> None:
    model = build("llama")
    model.config.num_hidden_layers = 2
    with pytest.raises(UnsupportedModel, match="calls only 2 of its 4 blocks"):
        BlockStream(model, draw(2), CPU)
    model = build("llama")
    model.model.layers[1] = model.model.layers[0]
    with pytest.raises(UnsupportedModel, match="calls block 0 after 1 others, not in order"):
        BlockStream(model, draw(2), CPU)


def test_blocks_that_overwrite_their_input_are_refused() -> None:
    model = build("llama")

    def double(module: nn.Module, inputs: tuple[Tensor]) -> None:  # noqa: ARG001
        inputs[0].mul_(2)

    model.model.layers[2].input_layernorm.register_forward_pre_hook(double)
    with pytest.raises(UnsupportedModel, match="overwrites the hidden states"):
        walk(model, draw(2))


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        (torch.full((2, 8), VOCABULARY), "token 97 is not in the model's vocabulary of 97"),
        (torch.full((2, 8), -1), "token -1 is not in"),
        (torch.zeros((0, 8), dtype=torch.int64), "no tokens"),
        (draw(1, 65), "sequences of 65 tokens are longer than the model's context of 64"),
    ],
)
def test_tokens_that_do_not_fit_are_refused(tokens: Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        BlockStream(build("llama"), tokens, CPU)


def test_a_model_in_training_mode_is_refused() -> None:
    with pytest.raises(ValueError, match=r"model\.eval"):
        BlockStream(build("llama").train(), draw(2), CPU)


def test_a_stream_is_walked_once_and_to_its_end() -> None:
    stream = BlockStream(build("llama"), draw(2), CPU)
    with pytest.raises(RuntimeError, match="after 0 of 4 blocks"):
        next(stream.logits())
    first = next(iter(stream))
    assert isinstance(first, nn.Module)
    list(stream)
    with pytest.raises(RuntimeError, match="once"):
        list(stream)
    with pytest.raises(RuntimeError, match="current block is number 3"):
        next(stream.run(first))


def test_the_default_batch_holds_a_budget_of_tokens() -> None:
    assert [default_batch(length, CPU) for length in (16, 256, 512, 8192)] == [32, 2, 1, 1]


def test_mappings_are_handed_over_as_copies() -> None:
    class Writes(nn.Module):
        def forward(self, hidden: Tensor, notes: dict[str, int]) -> Tensor:
            notes["seen"] = 1
            return hidden

    arguments = Arguments((), {"notes": {}})
    with pytest.raises(UnsupportedModel, match="'notes'"):
        arguments.call(Writes(), torch.zeros(1, 2, 3))
    assert arguments.keywords == {"notes": {}}
