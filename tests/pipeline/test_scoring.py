"""Likelihoods and generations: those of a plain forward pass, in every family, and lm-eval's own HFLM's."""

import math
from typing import Any

import pytest
import torch
from families import build
from lm_eval.api.instance import Instance
from tiny_tokenizer import tiny_tokenizer
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from pipeline.scoring.budget import Budget, TooBig
from pipeline.scoring.encoding import Encoder
from pipeline.scoring.generation import BrokenLogits, Wish, generate
from pipeline.scoring.likelihood import score
from pipeline.scoring.lm import PrunedLM, Scorer, Unanswerable, collected
from pipeline.scoring.request import Request, Scored
from pipeline.scoring.runner import Runner

CPU = torch.device("cpu")
CHAT = "{% for m in messages %}<s>{{ m['content'] }}</s>{% endfor %}{% if add_generation_prompt %}<s>{% endif %}"
QUESTIONS = [
    ("Der Hund läuft", [" durch den Wald.", " in die Stadt und der Regen fällt.", " fort."]),
    ("The dog", [" runs", " sleeps through the wood."]),
    ("狗在雨中", ["跑过树林", "睡", "跑"]),
    ("Ja oder nein? ", ["Ja", "Nein"]),
]
PAIRS = [(prompt, choice) for prompt, choices in QUESTIONS for choice in choices]


def model_for(tokenizer: PreTrainedTokenizerFast, **settings: Any) -> PreTrainedModel:
    return build("llama", vocab_size=len(tokenizer), **{"max_position_embeddings": 256, **settings})


def plain(model: PreTrainedModel, request: Request) -> tuple[float, bool]:
    """One forward pass of one continuation, its likelihoods added up in float64."""
    ids = torch.tensor([request.prompt + request.continuation])
    with torch.no_grad():
        logits = model(input_ids=ids, use_cache=False).logits[0, len(request.prompt) - 1 : -1].double()
    targets = torch.tensor(request.continuation)
    nats = logits.log_softmax(-1).gather(1, targets[:, None]).sum().item()
    return nats, bool((logits.argmax(-1) == targets).all())


def scores_of(model: PreTrainedModel, requests: list[Request], budget: Budget | None = None) -> list[Scored]:
    budget = budget or Budget(tokens=64, positions=64)
    return collected(score(Runner(model, CPU), requests, budget), len(requests))


@pytest.mark.parametrize(
    "family", ["llama", "gemma2", "gemma3_text", "qwen2", "mistral", "granite", "cohere2", "opt", "bloom", "falcon"]
)
def test_a_shared_prompt_changes_no_likelihood(family: str) -> None:
    model = build(family)
    drawn = torch.Generator().manual_seed(1)
    tokens = torch.randint(3, 97, (400,), generator=drawn).tolist()
    requests = []
    for start, length, sizes in ((0, 5, (1, 4, 9)), (40, 13, (3, 1)), (90, 1, (2, 6)), (120, 22, (1, 1, 8, 3))):
        prompt = tuple(tokens[start : start + length])
        requests += [Request(prompt, tuple(tokens[start + 50 + i * 11 :][:size])) for i, size in enumerate(sizes)]
    for found, request in zip(scores_of(model, requests), requests, strict=True):
        nats, greedy = plain(model, request)
        assert found.nats == pytest.approx(nats, abs=2e-5)
        assert found.greedy == greedy


def test_a_large_vocabulary_is_summed_as_in_hflm() -> None:
    """Torch's log_softmax loses the tail where logits are spread; logsumexp does not."""
    model = build("llama", vocab_size=50_000)
    seeded = torch.Generator().manual_seed(1)
    model.get_output_embeddings().weight.data.normal_(std=5 / math.sqrt(model.config.hidden_size), generator=seeded)
    drawn = torch.randint(3, 50_000, (61,), generator=seeded).tolist()
    request = Request(tuple(drawn[:5]), tuple(drawn[5:]))
    with torch.no_grad():
        logits = model(input_ids=torch.tensor([drawn])).logits[0, 4:-1]
    assert 3 < logits.std() < 7
    nats = logits.log_softmax(-1).gather(1, torch.tensor(drawn[5:])[:, None]).double().sum().item()
    assert scores_of(model, [request])[0].nats == pytest.approx(nats, abs=1.8e-4)


@pytest.mark.parametrize("bos_in_front", [False, True])
def test_likelihoods_and_generations_are_hflms(bos_in_front: bool) -> None:
    from lm_eval.models.huggingface import HFLM

    tokenizer = tiny_tokenizer(bos_in_front)
    tokenizer.chat_template = CHAT
    model = model_for(tokenizer)
    ours = PrunedLM(Scorer(model, tokenizer, CPU))
    theirs = HFLM(pretrained=model, tokenizer=tokenizer, batch_size=2)
    chats = [ours.apply_chat_template([{"role": "user", "content": prompt}]) for prompt, _ in QUESTIONS]
    pairs = [*PAIRS, *((chat, "Wald") for chat in chats), *((chat, " Wald") for chat in chats), ("", "Regen")]
    requests = [Instance("loglikelihood", {}, pair, index) for index, pair in enumerate(pairs)]
    found = ours.loglikelihood(requests)
    expected = theirs.loglikelihood(requests, disable_tqdm=True)
    assert [greedy for _, greedy in found] == [greedy for _, greedy in expected]
    assert [nats for nats, _ in found] == pytest.approx([nats for nats, _ in expected], abs=1e-4)
    # apart: HFLM looks for a BOS in a batch's first prompt only
    for prompts in (chats, [prompt for prompt, _ in QUESTIONS]):
        asked = [
            Instance("generate_until", {}, (prompt, {"until": ["\n", "e"], "max_gen_toks": 9}), index)
            for index, prompt in enumerate(prompts)
        ]
        assert ours.generate_until(asked) == theirs.generate_until(asked, disable_tqdm=True)


def test_a_prompt_with_a_bos_of_its_own_gets_no_second_one() -> None:
    encoder = Encoder(tiny_tokenizer(bos_in_front=True))
    assert encoder.pair("<s>Der Hund", " läuft").prompt == encoder.pair("Der Hund", " läuft").prompt
    assert encoder.pair("<s>Der", " Hund").prompt.count(0) == 1


def test_blanks_behind_a_prompt_belong_to_the_continuation() -> None:
    encoder = Encoder(tiny_tokenizer())
    assert encoder.pair("Der Hund ", "läuft") == encoder.pair("Der Hund", " läuft")


@pytest.mark.parametrize(("prompt", "choice"), PAIRS)
def test_prompt_and_continuation_are_the_texts_tokens(prompt: str, choice: str) -> None:
    """A Chinese letter is up to three tokens here: none is lost between prompt and choice."""
    tokenizer = tiny_tokenizer()
    request = Encoder(tokenizer).pair(prompt, choice)
    assert request.continuation
    assert tokenizer.decode(request.prompt + request.continuation) == prompt + choice


def test_the_budget_changes_no_score_and_the_order_is_kept() -> None:
    tokenizer = tiny_tokenizer()
    model, requests = model_for(tokenizer), Encoder(tokenizer).pairs(PAIRS)
    expected = [found.nats for found in scores_of(model, requests, Budget(4096, 4096))]
    for tokens in (16, 60):
        assert [f.nats for f in scores_of(model, requests, Budget(tokens, 16))] == pytest.approx(expected, abs=1e-5)


def test_out_of_memory_halves_the_budget_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    tokenizer = tiny_tokenizer()
    model, requests = model_for(tokenizer), Encoder(tokenizer).pairs(PAIRS)
    expected = [found.nats for found in scores_of(model, requests)]
    plainly, calls = Runner.__call__, []

    def scarce(self: Runner, tokens: Any, *rest: Any) -> Any:
        calls.append(tokens.numel())
        if tokens.numel() > 60:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return plainly(self, tokens, *rest)

    monkeypatch.setattr(Runner, "__call__", scarce)
    budget = Budget(1024, 1024)
    assert [found.nats for found in scores_of(model, requests, budget)] == pytest.approx(expected, abs=1e-5)
    assert budget.tokens < 1024
    assert max(calls) > 60


def test_a_question_that_never_fits_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: Any) -> Any:
        raise RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 1 bytes")

    monkeypatch.setattr(Runner, "__call__", never)
    with pytest.raises(TooBig, match="a single question"):
        scores_of(build("llama"), [Request((3,), (4,))])


def test_other_errors_are_not_taken_for_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> Any:
        raise RuntimeError("shapes do not match")

    monkeypatch.setattr(Runner, "__call__", broken)
    with pytest.raises(RuntimeError, match="shapes"):
        scores_of(build("llama"), [Request((3,), (4,))])


def test_a_long_prompt_loses_its_beginning_and_a_long_choice_is_a_fault() -> None:
    model = build("llama", max_position_embeddings=16)
    long = tuple(range(3, 43))
    cut, whole, choice = scores_of(
        model, [Request(long, (5, 6)), Request(long[-15:], (5, 6)), Request((3,), tuple(range(3, 20)))]
    )
    assert cut.nats == pytest.approx(whole.nats, abs=1e-5)
    assert choice.fault == "a choice of 17 tokens is longer than the model's context of 16"
    tokenizer = tiny_tokenizer()
    lm = PrunedLM(Scorer(model_for(tokenizer, max_position_embeddings=16), tokenizer, CPU))
    with pytest.raises(Unanswerable, match="1 of 1 requests: a choice of"):
        lm.loglikelihood([Instance("loglikelihood", {}, ("Der", " Wald" * 30), 0)])


def test_a_broken_models_likelihood_is_no_number() -> None:
    model = build("llama")
    model.get_output_embeddings().weight.data.fill_(math.nan)
    assert math.isnan(scores_of(model, [Request((3, 4), (5, 6))])[0].nats)
    with pytest.raises(BrokenLogits):
        list(generate(Runner(model, CPU), tiny_tokenizer(), [Wish((3, 4), (), 2)], Budget(64, 64)))


def test_nothing_is_remembered_of_other_weights() -> None:
    """lm-eval's response cache would give the dense model's scores to the pruned one."""
    tokenizer = tiny_tokenizer()
    model = model_for(tokenizer)
    lm = PrunedLM(Scorer(model, tokenizer, CPU))
    requests = [Instance("loglikelihood", {}, pair, index) for index, pair in enumerate(PAIRS)]
    before = lm.loglikelihood(requests)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(0.5)
    assert all(old != new for old, new in zip(before, lm.loglikelihood(requests), strict=True))


def test_sampling_is_refused() -> None:
    tokenizer = tiny_tokenizer()
    lm = PrunedLM(Scorer(model_for(tokenizer), tokenizer, CPU))
    with pytest.raises(Unanswerable, match="samples its answers"):
        lm.generate_until([Instance("generate_until", {}, ("Der", {"do_sample": True, "temperature": 0.7}), 0)])
