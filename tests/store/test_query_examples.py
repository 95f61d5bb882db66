"""The example queries run, on the paper's numbers beside a few made ones, and find something."""

from pathlib import Path

import pytest
from made import with_paper

import store

TEXT = (Path(store.__file__).parent / "examples.sql").read_text(encoding="utf-8")
EXAMPLES = [block for block in TEXT.split("\n\n")[1:] if block.strip()]


def question(example: str) -> str:
    return example.partition("\n")[0].removeprefix("-- ")


def test_there_are_a_dozen_each_with_its_question() -> None:
    assert len(EXAMPLES) >= 12
    assert all(example.startswith("-- ") and example.rstrip().endswith(";") for example in EXAMPLES)


@pytest.mark.parametrize("example", EXAMPLES, ids=question)
def test_an_example_answers_its_question(example: str) -> None:
    with with_paper() as made:
        for calibration in ("ar", "de", "en"):
            for seed in (0, 1):
                run = made.run(calibration=calibration, seed=seed, model="Meta-Llama-3-8B-Instruct")
                made.number(run, "perplexity", "en", 14.0 + seed)
                made.number(run, "acc", "en", 40.0 + seed, task="belebele")
        row = {"kind": "languages", "run_a": "a", "run_b": "b", "label_a": "de", "label_b": "en", "block": 0}
        sizes = {"n_intersection": 80, "n_union": 100, "chance": 0.333}
        made.put("mask_overlap", {**row, **sizes, "model": "m", "method": "wanda", "linear": "mlp.up_proj"})
        text = {"run_key": made.keys[made.run("dense", None)], "evaluation": "lape-1"}
        made.put("neuron_token", {**text, "language": "en", "n_tokens": 10})
        made.put("neuron_count", {**text, "language": "en", "block": 0, "neuron": 0, "n_active": 3})
        made.put("neuron_lape", {**text, "block": 0, "neuron": 0, "lape": 0.5, "lape_rank": 0})
        answers = [made.db.execute(statement).fetchall() for statement in made.db.extract_statements(example)]
        assert all(answers), example
