"""lm-eval's LM on the pruned model in memory. Nothing is cached between calls: a response belongs to a model's
weights, which lm-eval's response cache does not know."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import jinja2
import torch
from lm_eval.api.instance import Instance
from lm_eval.api.model import LM
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from pipeline.scoring.budget import Budget
from pipeline.scoring.encoding import Encoder
from pipeline.scoring.generation import Wish, generate
from pipeline.scoring.likelihood import score
from pipeline.scoring.request import Scored, Written
from pipeline.scoring.runner import Runner

TEMPLATE_DATE = "26 Jul 2024"
"""What chat templates that name the day (Llama 3.1, 3.2) are told: a prompt must not change overnight."""

MOST_TOKENS = 256
"""Generated where a task doesn't say."""

Result = TypeVar("Result")

LENGTHS = ("max_gen_toks", "max_new_tokens", "max_tokens", "max_completion_tokens")


class Unanswerable(ValueError):
    """A request that cannot be scored, or a kind of request that we have not."""


@dataclass
class Scorer:
    """Scores lm-eval's requests; `faults` and broken likelihoods stay with their requests."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    device: torch.device
    budget: Budget = field(init=False)
    _runner: Runner = field(init=False)

    def __post_init__(self) -> None:
        self._runner = Runner(self.model, self.device)
        self.budget = Budget.of(self.device, self._runner.vocabulary)

    def likelihoods(self, pairs: Sequence[tuple[str, str]]) -> Iterator[dict[int, Scored]]:
        """Log-likelihood of each continuation after its prompt, by index, a batch at a time."""
        return score(self._runner, Encoder(self.tokenizer).pairs(pairs), self.budget)

    def generations(self, asked: Sequence[tuple[str, dict[str, Any]]]) -> Iterator[dict[int, Written]]:
        """Greedy generations by index, a batch at a time. Raises Unanswerable for sampling."""
        encoder = Encoder(self.tokenizer)
        wishes = [_wish(tuple(encoder.text(prompt)), settings) for prompt, settings in asked]
        return generate(self._runner, self.tokenizer, wishes, self.budget)

    def chat(self, history: list[dict[str, str]], add_generation_prompt: bool = True) -> str:
        """A conversation in the tokenizer's template; without its system message where the template has none."""
        try:
            return self._chat(history, add_generation_prompt)
        except jinja2.exceptions.TemplateError:
            return self._chat([turn for turn in history if turn["role"] != "system"], add_generation_prompt)

    def _chat(self, history: list[dict[str, str]], opened: bool) -> str:
        return str(
            self.tokenizer.apply_chat_template(
                history,
                tokenize=False,
                add_generation_prompt=opened,
                continue_final_message=not opened,
                date_string=TEMPLATE_DATE,
            )
        )


class PrunedLM(LM):
    """A Scorer for lm-eval's own evaluator: what can't be scored is an error there."""

    def __init__(self, scorer: Scorer) -> None:
        super().__init__()
        self.scorer = scorer
        self._device = scorer.device

    def loglikelihood(self, requests: list[Instance]) -> list[tuple[float, bool]]:
        """See LM."""
        scores = collected(self.scorer.likelihoods([request.args for request in requests]), len(requests))
        if faults := [scored.fault for scored in scores if scored.fault]:
            raise Unanswerable(f"{len(faults)} of {len(scores)} requests: {faults[0]}")
        return [(scored.nats, scored.greedy) for scored in scores]

    def generate_until(self, requests: list[Instance]) -> list[str]:
        """See LM."""
        written = collected(self.scorer.generations([request.args for request in requests]), len(requests))
        if faults := [answer.fault for answer in written if answer.fault]:
            raise Unanswerable(f"{len(faults)} of {len(written)} requests: {faults[0]}")
        return [answer.text for answer in written]

    def loglikelihood_rolling(self, requests: list[Instance]) -> list[float]:  # noqa: ARG002
        """Not for us: the measure perplexity is."""
        raise Unanswerable("perplexity tasks of lm-eval are not supported; use the measure 'perplexity'")

    def apply_chat_template(self, chat_history: list[dict[str, str]], add_generation_prompt: bool = True) -> str:
        """See LM."""
        return self.scorer.chat(chat_history, add_generation_prompt)

    @property
    def tokenizer_name(self) -> str:
        """See LM."""
        return str(self.scorer.tokenizer.name_or_path).replace("/", "__")

    def chat_template(self, chat_template: bool | str = False) -> str | None:
        """See LM."""
        own = self.scorer.tokenizer.chat_template
        return own if chat_template and isinstance(own, str) else None


def collected(batches: Iterator[dict[int, Result]], n: int) -> list[Result]:
    """All results in order."""
    found: dict[int, Result] = {}
    for batch in batches:
        found.update(batch)
    return [found[index] for index in range(n)]


def _wish(prompt: tuple[int, ...], settings: dict[str, Any]) -> Wish:
    if settings.get("do_sample") or settings.get("temperature", 0.0):
        raise Unanswerable("the task samples its answers; only greedy ones are supported")
    until = settings.get("until") or []
    stops = (until,) if isinstance(until, str) else tuple(until)
    n_tokens = next((int(settings[name]) for name in LENGTHS if settings.get(name)), MOST_TOKENS)
    return Wish(prompt, stops, n_tokens)
