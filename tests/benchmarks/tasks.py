"""Our scoring beside lm-eval's HFLM on the demo model: seconds of CPU, agreement, and who is nearer to float64.

    .venv/bin/python tests/benchmarks/tasks.py [--quick] [--text ../shared/data/text]

Both score the same requests in the same process, one after the other, HFLM with batches of 8. ARC: four choices
behind the chat template; XCOPA: two choices, Swahili and Chinese; MKQA: 24 new tokens at most.
"""

import argparse
import copy
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from lm_eval.api.instance import Instance
from lm_eval.models.huggingface import HFLM

from pipeline import models
from pipeline.scoring.encoding import Encoder
from pipeline.scoring.lm import PrunedLM, Scorer
from pipeline.tasks.mkqa import PROMPTS

Pairs = list[tuple[str, str]]
N_EXACT = 16
"""Requests that are also scored in float64, and by HFLM one by one."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="6 items of each instead of 100")
    parser.add_argument("--text", type=Path, default=Path(__file__).parents[3] / "shared" / "data" / "text")
    given = parser.parse_args()
    n_items = 6 if given.quick else 100
    torch.set_num_threads(1)
    loaded = models.load("demo")
    scorer = Scorer(loaded.model, loaded.tokenizer, torch.device("cpu"))
    ours, theirs = PrunedLM(scorer), HFLM(pretrained=loaded.model, tokenizer=loaded.tokenizer, batch_size=8)
    one_by_one = HFLM(pretrained=loaded.model, tokenizer=loaded.tokenizer, batch_size=1)
    print(f"{'':16}{'requests':>9}{'ours s':>9}{'HFLM s':>9}{'ratio':>7}  agreement")
    for name, pairs in (("ARC en", arc(given.text, n_items, scorer)), ("XCOPA sw zh", xcopa(given.text, n_items))):
        requests = [Instance("loglikelihood", {}, pair, index) for index, pair in enumerate(pairs)]
        mine, seconds = timed(lambda requests=requests: ours.loglikelihood(requests))
        other, their_seconds = timed(lambda requests=requests: theirs.loglikelihood(requests, disable_tqdm=True))
        apart = max(abs(a[0] - b[0]) for a, b in zip(mine, other, strict=True))
        per_item = 4 if name.startswith("ARC") else 2
        same = sum(best(mine, i, per_item) == best(other, i, per_item) for i in range(0, len(pairs), per_item))
        told = f"largest difference {apart:.1e} nats; same choice in {same} of {len(pairs) // per_item} items"
        print(f"{name:16}{len(pairs):9}{seconds:9.1f}{their_seconds:9.1f}{their_seconds / seconds:7.2f}  {told}")
        few = requests[:N_EXACT]
        alone, _ = timed(lambda few=few: one_by_one.loglikelihood(few, disable_tqdm=True))
        apart = max(abs(a[0] - b[0]) for a, b in zip(alone, other, strict=False))
        print(f"{'':16}HFLM's own batches of 1 and 8, {N_EXACT} requests: {apart:.1e} apart")
        exact_values = in_float64(loaded, pairs[:N_EXACT])
        errors = [max(abs(a[0] - b) for a, b in zip(values, exact_values, strict=False)) for values in (mine, other)]
        print(f"{'':16}from float64, {N_EXACT} requests: ours {errors[0]:.1e}, HFLM {errors[1]:.1e}")
    prompts = mkqa(given.text, n_items, scorer)
    asked = [
        Instance("generate_until", {}, (p, {"until": ["\n"], "max_gen_toks": 24}), i) for i, p in enumerate(prompts)
    ]
    texts, seconds = timed(lambda: ours.generate_until(asked))
    other_texts, their_seconds = timed(lambda: theirs.generate_until(asked, disable_tqdm=True))
    same = sum(a == b for a, b in zip(texts, other_texts, strict=True))
    told = f"{same} of {len(texts)} texts equal"
    print(f"{'MKQA en zh':16}{len(texts):9}{seconds:9.1f}{their_seconds:9.1f}{their_seconds / seconds:7.2f}  {told}")


def arc(text: Path, n_items: int, scorer: Scorer) -> Pairs:
    asked = [(f"Question: {row['question']}\nAnswer:", row["choices"]) for row in lines(text, "mc/arc_challenge/en")]
    four = [pair for pair in asked if len(pair[1]) == 4][:n_items]
    return [(scorer.chat([{"role": "user", "content": p}]), choice) for p, choices in four for choice in choices]


def xcopa(text: Path, n_items: int) -> Pairs:
    rows = [row for language in ("sw", "zh") for row in lines(text, f"mc/xcopa_test/{language}")[: n_items // 2]]
    return [(row["question"], f" {choice}") for row in rows for choice in row["choices"]]


def mkqa(text: Path, n_items: int, scorer: Scorer) -> list[str]:
    return [
        scorer.chat([{"role": "user", "content": PROMPTS[language].format(question=row["question"])}])
        for language in ("en", "zh")
        for row in lines(text, f"qa/mkqa_dev/{language}")[: n_items // 2]
    ]


def lines(text: Path, name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (text / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()]


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """What it returns, and the seconds of CPU that it took: the machine is shared."""
    began = time.process_time()
    return work(), time.process_time() - began


def best(scores: list[tuple[float, bool]], first: int, n_choices: int) -> int:
    own = [nats for nats, _ in scores[first : first + n_choices]]
    return own.index(max(own))


@torch.no_grad()
def in_float64(loaded: models.Loaded, pairs: Pairs) -> list[float]:
    model, encoder = copy.deepcopy(loaded.model).double(), Encoder(loaded.tokenizer)
    found = []
    for prompt, continuation in pairs:
        request = encoder.pair(prompt, continuation)
        tokens = torch.tensor([request.prompt + request.continuation[:-1]])
        logits = model(input_ids=tokens).logits[0, -len(request.continuation) :].log_softmax(-1)
        found.append(logits.gather(1, torch.tensor(request.continuation)[:, None]).sum().item())
    return found


if __name__ == "__main__":
    main()
