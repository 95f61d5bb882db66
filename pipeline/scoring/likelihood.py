"""Log-likelihoods of continuations: a prompt is computed once for all its continuations, the head runs only where a
token is predicted, and questions of similar length go together under a budget of tokens.

tensor legend: rows x length (tokens), scored positions x vocabulary
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor
from transformers import Cache

from pipeline.scoring.budget import Budget
from pipeline.scoring.request import NO_LIKELIHOOD, Request, Scored, too_long
from pipeline.scoring.runner import Runner, copy_of, left_padded, right_padded

SPREAD = 0.6
"""Continuations shorter than this share of the longest one go into a batch of their own: padding costs too."""

FEW = 8
"""Fewer rows than these are not worth a batch of their own."""


@dataclass(frozen=True)
class Question:
    """A prompt and the continuations that are asked for, each with its request's index."""

    prompt: tuple[int, ...]
    asked: tuple[tuple[int, tuple[int, ...]], ...]

    @property
    def cost(self) -> int:
        """Tokens that it takes in memory: the prompt, and a copy of its cache and the tokens of each continuation."""
        return len(self.prompt) + sum(len(self.prompt) + len(tokens) for _, tokens in self.asked if len(tokens) > 1)


def score(runner: Runner, requests: Sequence[Request], budget: Budget) -> Iterator[dict[int, Scored]]:
    """Scores by the index of their request, a batch at a time. A prompt that is too long loses its beginning, as in
    lm-eval; a continuation that is too long is a fault."""
    faults, questions = _questions(requests, runner.context)
    if faults:
        yield faults
    waiting = sorted(questions, key=lambda question: (len(question.prompt), question.cost), reverse=True)
    while waiting:
        n_rows = _fitting(waiting, budget)
        batch = waiting[:n_rows]
        scores = budget.within(lambda batch=batch: _score(runner, batch, budget))  # type: ignore[misc]
        if scores is not None:
            del waiting[:n_rows]
            yield scores


def _questions(requests: Sequence[Request], context: int) -> tuple[dict[int, Scored], list[Question]]:
    faults: dict[int, Scored] = {}
    by_prompt: dict[tuple[int, ...], list[tuple[int, tuple[int, ...]]]] = {}
    for index, request in enumerate(requests):
        if len(request.continuation) > context:
            told = too_long(len(request.continuation), context, "a choice")
            faults[index] = Scored(NO_LIKELIHOOD, False, told)
        elif not request.continuation:
            faults[index] = Scored(NO_LIKELIHOOD, False, "a choice without any token")
        else:
            room = context + 1 - len(request.continuation)  # the last token is predicted, not read
            by_prompt.setdefault(request.prompt[-room:], []).append((index, request.continuation))
    return faults, [Question(prompt, tuple(asked)) for prompt, asked in by_prompt.items()]


def _fitting(waiting: list[Question], budget: Budget) -> int:
    """How many of the first questions fit, padded to the first one's length."""
    longest, total = len(waiting[0].prompt), 0
    for count, question in enumerate(waiting[: budget.positions]):
        total += question.cost + longest - len(question.prompt)
        if count and total > budget.tokens:
            return count
    return min(len(waiting), budget.positions)


def _score(runner: Runner, batch: list[Question], budget: Budget) -> dict[int, Scored]:
    """First the prompts, which predict each continuation's first token; then the rest of longer ones behind a copy
    of their prompt's cache."""
    tokens, attended = left_padded([question.prompt for question in batch])
    cache = runner.new_cache()
    last = torch.zeros_like(tokens, dtype=torch.bool)
    last[:, -1] = True
    first = torch.log_softmax(runner(tokens, attended, last, cache).float(), dim=-1)
    best = first.argmax(dim=-1).tolist()
    scores: dict[int, Scored] = {}
    longer: list[tuple[int, int, tuple[int, ...]]] = []
    rows = [(row, index, asked) for row, question in enumerate(batch) for index, asked in question.asked]
    firsts = first[[row for row, _, _ in rows], [asked[0] for _, _, asked in rows]].tolist()
    for (row, index, asked), nats in zip(rows, firsts, strict=True):
        scores[index] = Scored(nats, best[row] == asked[0])
        if len(asked) > 1:
            longer.append((row, index, asked))
    longer.sort(key=lambda entry: len(entry[2]), reverse=True)
    while longer:
        n_rows = _alike([len(asked) - 1 for _, _, asked in longer], budget)
        some, longer = longer[:n_rows], longer[n_rows:]
        own = cache if not longer else copy_of(cache)
        rest = _rest(runner, attended, own, some)
        for (_, index, _), (nats, greedy) in zip(some, rest, strict=True):
            scores[index] = Scored(scores[index].nats + nats, scores[index].greedy and greedy)
    return scores


def _alike(lengths: list[int], budget: Budget) -> int:
    """How many of the rows, longest first, go together."""
    most = max(1, min(budget.tokens, budget.positions) // lengths[0])
    alike = sum(length >= SPREAD * lengths[0] for length in lengths)
    if len(lengths) - alike < FEW or alike < FEW:
        alike = len(lengths) if len(lengths) < 4 * FEW else max(alike, FEW)
    return min(most, alike)


def _rest(
    runner: Runner,
    attended: Int[Tensor, "prompts length"],
    cache: Cache,
    rows: list[tuple[int, int, tuple[int, ...]]],
) -> list[tuple[float, bool]]:
    """Log-likelihood of all tokens but the first, and whether each is the likeliest. Uses up `cache`."""
    tokens, there = right_padded([asked[:-1] for _, _, asked in rows])
    prompts = torch.tensor([row for row, _, _ in rows])
    cache.batch_select_indices(prompts.to(runner.device))
    logits = runner(tokens, torch.cat([attended[prompts], there], dim=1), there.bool(), cache)
    targets = torch.tensor([token for _, _, asked in rows for token in asked[1:]], device=logits.device)
    nats, greedy = _compare(logits, targets)
    sizes = [len(asked) - 1 for _, _, asked in rows]
    return [
        (float(own_nats.sum()), bool(own_greedy.all()))
        for own_nats, own_greedy in zip(nats.split(sizes), greedy.split(sizes), strict=True)
    ]


def _compare(
    logits: Float[Tensor, "scored vocabulary"], targets: Int[Tensor, " scored"]
) -> tuple[Float[Tensor, " scored"], Tensor]:
    """Torch's log_softmax as in HFLM, not logsumexp: on a CPU it loses the tail of a large vocabulary, up to 4e-6
    nats a token and always to one side, which 30 tokens make 1e-4 of."""
    values = logits.float()
    nats = values.log_softmax(dim=1).gather(1, targets[:, None])[:, 0]
    return nats.cpu(), (values.argmax(dim=1) == targets).cpu()
