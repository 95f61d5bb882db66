"""Perplexity and bits per byte on held-out text.

Perplexity is the references' (Wanda, SparseGPT, GPTQ): the mean negative log-likelihood of the length - 1 predicted
tokens of each sequence (the first is never predicted), then exp of the mean over sequences.

Perplexities of two tokenizers, or of two scripts under one, are not comparable: a token is not the same amount of
text. Bits per byte are: total nats / ln 2 / UTF-8 bytes of the decoded windows. The bytes are those of the whole
window, its unpredicted first token included and special tokens left out, so that they are the text that was read; the
first token's share (1 / length) makes the number that much too small, for every model alike.

All languages of one length go through the model in one walk, so that each block is brought in once.

tensor legend: sequences x length (tokens), batch x positions of a part of it, vocabulary
"""

import math
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol, runtime_checkable

import torch
import torch.nn.functional as F
from jaxtyping import Float, Float64, Int
from torch import Tensor, nn
from transformers import PreTrainedModel

from pipeline.measures import OWN, Found, Measured, Step, Walk
from pipeline.spec import Heldout
from pipeline.stream import BlockStream, Logits
from pipeline.windows import Windows


@runtime_checkable
class Decoder(Protocol):
    """The part of a tokenizer that is needed here."""

    def decode(self, token_ids: Any, *, skip_special_tokens: bool, clean_up_tokenization_spaces: bool) -> Any:
        """Tokens back to text."""


def measure(
    model: PreTrainedModel,
    windows: Mapping[str, Int[Tensor, "_ _"]],
    tokenizer: Decoder,
    device: torch.device,
    batch: int | None = None,
) -> Iterator[Step]:
    """Perplexity and bits per byte of each language's windows, all of one length.

    Each language's two Measured come in one Step, n = sequences. Raises NotANumber, and ValueError for windows of
    several lengths or of one token.
    """
    _check_lengths(windows)
    tokens = torch.cat(list(windows.values()))
    nats = torch.zeros(len(tokens), dtype=torch.float64)
    stream = BlockStream(model, tokens, device, batch)
    tail = _tail_share(stream)
    for index, _ in enumerate(stream):
        yield Step((1 - tail) * index / len(stream.blocks), f"block {index + 1} of {len(stream.blocks)}")
    for part in stream.logits():
        nats[part.rows] += _nats(part.values, _targets(tokens, part.rows, part.positions)).cpu()
        done = (part.rows.stop - 1 + part.positions.stop / tokens.shape[1]) / len(tokens)
        yield Step(1 - tail * (1 - done), "likelihoods")
    for language, own in zip(windows, nats.split([len(texts) for texts in windows.values()]), strict=True):
        yield Step(1.0, language, _measured(language, own, windows[language], tokenizer))


class Likelihoods:
    """The same, from the logits of a walk that other measures share (an Observer)."""

    def __init__(self, windows: Windows, tokenizer: Decoder, variant: str = OWN) -> None:
        self.windows, self.tokenizer, self.logits_of = windows, tokenizer, variant
        self._nats = torch.zeros(len(windows.tokens), dtype=torch.float64)

    def watch(self, walk: Walk, index: int, block: nn.Module) -> AbstractContextManager[None]:  # noqa: ARG002
        return nullcontext()

    def see(self, index: int, rows: slice, outputs: Mapping[str, Tensor]) -> None:
        pass

    def predict(self, part: Logits) -> None:
        targets = _targets(self.windows.tokens, part.rows, part.positions)
        self._nats[part.rows] += _nats(part.values, targets).cpu()

    def found(self) -> Iterator[Found]:
        return iter(())

    def measured(self) -> Iterator[Measured]:
        for language, own in self.windows.by_language.items():
            yield from _measured(language, self._nats[self.windows.rows(language)], own, self.tokenizer)


def observe(spec: Heldout, windows: Windows, tokenizer: Decoder) -> Likelihoods:  # noqa: ARG001
    """Perplexity and bits per byte of the run's model."""
    return Likelihoods(windows, tokenizer)


def decoded_bytes(tokenizer: Decoder, windows: Int[Tensor, "sequences length"]) -> int:
    """UTF-8 bytes of the windows' text."""
    return sum(
        len(tokenizer.decode(window, skip_special_tokens=True, clean_up_tokenization_spaces=False).encode())
        for window in windows.tolist()
    )


def _tail_share(stream: BlockStream) -> float:
    """What part of the work the head is, by its weights."""
    head = stream.model.get_output_embeddings().weight.numel()
    return head / (head + sum(weight.numel() for block in stream.blocks.values() for weight in block.parameters()))


def _check_lengths(windows: Mapping[str, Tensor]) -> None:
    lengths = {language: own.shape[1] for language, own in windows.items()}
    if len(set(lengths.values())) != 1:
        told = ", ".join(f"{language} {length}" for language, length in lengths.items())
        raise ValueError(f"windows measured together need one length; found {told or 'none'}")
    if min(lengths.values()) < 2:
        raise ValueError("windows need at least 2 tokens: the first is never predicted")


def _targets(tokens: Int[Tensor, "sequences length"], rows: slice, positions: slice) -> Int[Tensor, "batch targets"]:
    """The tokens that these positions predict: one fewer where the window ends."""
    return tokens[rows, positions.start + 1 : positions.stop + 1]


@torch.no_grad()
def _nats(
    logits: Float[Tensor, "batch positions vocabulary"], targets: Int[Tensor, "batch targets"]
) -> Float64[Tensor, " batch"]:
    """Summed negative log-likelihoods, token by token in float32, summed in float64."""
    predicting = logits[:, : targets.shape[1]].float()
    losses = F.cross_entropy(predicting.flatten(0, 1), targets.flatten().to(logits.device), reduction="none")
    return losses.double().reshape(targets.shape).sum(dim=1)


def _measured(
    language: str, nats: Float64[Tensor, " n"], windows: Int[Tensor, "n length"], tokenizer: Decoder
) -> tuple[Measured, Measured]:
    n_sequences, length = windows.shape
    mean = (nats / (length - 1)).mean().item()
    n_bytes = decoded_bytes(tokenizer, windows)
    if n_bytes == 0:
        raise ValueError(f"the windows in {language} hold no text, only special tokens")
    bits = nats.sum().item() / math.log(2) / n_bytes
    return (
        Measured("perplexity", "ppl", "lower", language, _exp(mean), n_sequences),
        Measured("bits_per_byte", "bits/byte", "lower", language, bits, n_sequences),
    )


def _exp(nats: float) -> float:
    """exp that gives infinity where math.exp raises."""
    return math.exp(nats) if nats < 709 else math.inf
