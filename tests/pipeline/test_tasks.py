"""Tasks end to end on a tiny model: items, rows, and the traps that were met."""

import json
import math
import os
from pathlib import Path
from typing import Any

import polars
import pytest
import torch
from families import build
from tiny_tokenizer import tiny_tokenizer

from pipeline.models import Loaded
from pipeline.record import Record
from pipeline.scoring.lm import Scorer
from pipeline.spec import Dense, RunSpec
from pipeline.spec.benchmarks import LANGUAGES
from pipeline.spec.tasks import Task, hashed
from pipeline.tasks import choices, taking
from pipeline.tasks.definition import define, manager_of
from pipeline.tasks.error import TaskError
from pipeline.tasks.item import Item
from pipeline.tasks.item_file import rows
from pipeline.tasks.selection import select
from pipeline.work import Work
from store.folders import RunFolder
from store.segments import segments_in

CHAT = "{% for m in messages %}<s>{{ m['content'] }}</s>{% endfor %}{% if add_generation_prompt %}<s>{% endif %}"
ROWS = [
    {"id": f"q{n}", "question": f"Was läuft {n}?", "choices": ["Hund", "Wald", "Regen 狗"], "answer": n % 3}
    for n in range(12)
]


def write(path: Path, items: list[dict[str, Any]]) -> Task:
    path.write_text("\n".join(json.dumps(item, ensure_ascii=False) for item in items), encoding="utf-8")
    return hashed(Task(name="ours", languages=("de",), file=str(path)))


@pytest.fixture
def work(tmp_path: Path) -> Work:
    tokenizer = tiny_tokenizer()
    tokenizer.chat_template = CHAT
    model = build("llama", vocab_size=len(tokenizer), max_position_embeddings=128)
    run = RunSpec(model="tiny", method=Dense(name="dense"))
    record = Record.open(RunFolder.at(tmp_path / "runs", run.run_id).create({}), run, "grid")
    loaded = Loaded(model, tokenizer, "tiny", "directory:tiny", "1", "")
    return Work(run, record.journal.folder, record, torch.device("cpu"), loaded)


def written(work: Work, table: str) -> list[dict[str, Any]]:
    frames = [polars.read_parquet(s.path) for s in segments_in(work.folder.journal) if s.table == table]
    return [row for frame in frames for row in frame.to_dicts()]


def test_items_make_the_accuracy(work: Work, tmp_path: Path) -> None:
    task = write(tmp_path / "ours.jsonl", ROWS)
    *_, last = taking.take(work, task)
    assert last.stage == "ours"
    items, numbers = written(work, "item"), {row["quantity"]: row for row in written(work, "measurement")}
    assert set(numbers) == {"acc", "acc_norm"}
    acc = numbers["acc"]
    assert acc["value"] == pytest.approx(100 * sum(item["correct"] for item in items) / 12)
    p = acc["value"] / 100
    assert acc["stderr"] == pytest.approx(100 * math.sqrt(p * (1 - p) / 11))
    assert (acc["n"], acc["unit"], acc["better"], acc["task"], acc["language"]) == (12, "%", "higher", "ours", "de")
    assert [item["item"] for item in items] == [f"q{n}" for n in range(12)]
    assert all(item["answer"] == ROWS[n]["choices"][ROWS[n]["answer"]] for n, item in enumerate(items))
    assert all(len(item["scores"]) == 3 for item in items)
    settings = json.loads(written(work, "evaluation")[0]["settings"])
    assert settings["chat_template"] is True
    assert settings["tasks"]["ours de"]["first_prompt"] == "<s>Question: Was läuft 0?\nAnswer:</s><s>"
    assert settings["tasks"]["ours de"]["n"] == 12


def test_answers_written_freely_keep_their_f1(work: Work, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """lm-eval makes 1 of any F1 over several references that is above 0."""
    from pipeline.scoring.request import Written

    answers = [Written(" the quick fox"), Written("nothing")]
    monkeypatch.setattr(Scorer, "generations", lambda *_: iter([dict(enumerate(answers))]))
    items = [{"question": "Which?", "answer": ["brown fox", "red fox"]}, {"question": "What?", "answer": ["x", "y"]}]
    task = write(tmp_path / "free.jsonl", items).model_copy(update={"languages": ("en",)})
    list(taking.take(work, task))
    assert [item["score"] for item in written(work, "item")] == [0.5, 0.0]
    assert {row["quantity"]: row["value"] for row in written(work, "measurement")} == {"f1": 25.0, "exact_match": 0.0}
    assert written(work, "item")[0]["prediction"] == " the quick fox"


def test_a_broken_model_is_a_failed_measurement_and_no_zero(work: Work, tmp_path: Path) -> None:
    work.loaded.model.get_output_embeddings().weight.data.fill_(math.nan)
    list(taking.take(work, write(tmp_path / "ours.jsonl", ROWS)))
    for number in written(work, "measurement"):
        assert number.get("value") is None
        assert number["note"].startswith("failed: in 12 of 12 items the model's logits are not numbers")
    assert all(item.get("correct") is None and item.get("score") is None for item in written(work, "item"))


def test_a_choice_longer_than_the_context_is_counted_and_told(work: Work, tmp_path: Path) -> None:
    long = {**ROWS[0], "id": "long", "choices": ["Hund", "Wald" * 90]}
    list(taking.take(work, write(tmp_path / "ours.jsonl", [long, *ROWS[1:]])))
    acc = written(work, "measurement")[0]
    assert acc["n"] == 12
    assert "1 of 12 items can't be scored and count as wrong: a choice of" in acc["note"]
    assert written(work, "item")[0]["correct"] is False


def test_ties_are_told_and_favour_no_position(work: Work, tmp_path: Path) -> None:
    work.loaded.model.get_output_embeddings().weight.data.zero_()
    same = [{**row, "choices": ["aaaa", "bbbb", "cccc"], "answer": 0} for row in ROWS]
    list(taking.take(work, write(tmp_path / "ours.jsonl", same)))
    assert "in 12 of 12 items the best choices tie; the first counts" in written(work, "measurement")[0]["note"]
    assert 0 < sum(item["correct"] for item in written(work, "item")) < 12


def test_a_changed_file_is_asked_anew(work: Work, tmp_path: Path) -> None:
    """lm-eval's request cache is keyed by the task's name: it would ask the old questions."""
    first = write(tmp_path / "ours.jsonl", ROWS)
    list(taking.take(work, first))
    second = write(tmp_path / "ours.jsonl", [{**row, "question": "Neu?"} for row in ROWS])
    list(taking.take(work, second))
    assert first.evaluation != second.evaluation
    prompts = [json.loads(row["settings"])["tasks"]["ours de"]["first_prompt"] for row in written(work, "evaluation")]
    assert "Was läuft 0?" in prompts[0]
    assert "Neu?" in prompts[1]


def test_a_file_is_found_wherever_the_worker_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pipeline.spec import Grid

    write(tmp_path / "ours.jsonl", ROWS)
    table = {"name": "ours", "file": "ours.jsonl", "languages": ["de"]}
    data = {"name": "g", "axes": {"model": ["demo"], "method": [{"name": "dense"}]}, "task": [table]}
    grid = Grid.parse(data, tmp_path / "g.toml")
    monkeypatch.chdir(os.sep)
    assert len(choices.from_file(grid.task[0], "de")) == 12


def test_no_template_by_option_and_none_where_there_is_none(work: Work, tmp_path: Path) -> None:
    task = write(tmp_path / "ours.jsonl", ROWS[:2])
    list(taking.take(work, task.model_copy(update={"chat_template": False})))
    settings = json.loads(written(work, "evaluation")[0]["settings"])
    assert settings["tasks"]["ours de"]["first_prompt"] == "Question: Was läuft 0?\nAnswer:"
    work.loaded.tokenizer.chat_template = None
    with pytest.raises(TaskError, match="has no chat template"):
        list(taking.take(work, task.model_copy(update={"chat_template": True})))


@pytest.mark.parametrize(("chat", "space"), [(True, ""), (False, " ")])
def test_no_blank_is_between_the_template_and_a_choice(
    work: Work, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chat: bool, space: str
) -> None:
    """The paper's lm-eval had one; since 0.4.6 there is none, and numbers before and after don't compare."""
    asked: list[tuple[str, str]] = []
    plainly = Scorer.likelihoods
    monkeypatch.setattr(Scorer, "likelihoods", lambda self, pairs: asked.extend(pairs) or plainly(self, pairs))
    list(taking.take(work, write(tmp_path / "ours.jsonl", ROWS).model_copy(update={"chat_template": chat})))
    assert {choice for _, choice in asked} == {f"{space}{choice}" for choice in ROWS[0]["choices"]}
    assert all(prompt.endswith("<s>" if chat else "Answer:") for prompt, _ in asked)


def test_a_limit_is_the_same_items_whatever_else_is_there(tmp_path: Path) -> None:
    task = write(tmp_path / "ours.jsonl", ROWS)
    fewer = write(tmp_path / "fewer.jsonl", ROWS[:9])
    own = define(task, task.columns("de")[0], "de").parts
    chosen = [place.id for place in select(own, 5, 0)]
    assert len(set(chosen)) == 5
    assert chosen == [place.id for place in select(own, 5, 0)] != [place.id for place in select(own, 5, 1)]
    shared = [place.id for place in select(define(fewer, fewer.columns("de")[0], "de").parts, 9, 0)]
    assert set(shared) == {row["id"] for row in ROWS[:9]}


def test_the_order_of_choices_is_the_items_own() -> None:
    item = Item("a", "p", ("w", "x", "y", "z"), 2)
    assert item.shuffled(0) == item.shuffled(0)
    orders = {Item(str(n), "p", ("w", "x", "y", "z"), 2).shuffled(0).right for n in range(40)}
    assert orders == {0, 1, 2, 3}
    assert all(
        i.choices[i.right] == "y" for n in range(9) for i in [Item(str(n), "p", ("w", "x", "y"), 2).shuffled(0)]
    )


def test_the_demos_questions_are_on_its_paragraphs() -> None:
    task = hashed(Task(name="reading", languages=tuple(LANGUAGES)))
    for language in LANGUAGES:
        items = choices.reading(task, language)
        assert len(items) == 24
        assert all(len(set(item.choices)) == 4 for item in items)
    assert "Which" in choices.reading(task, "en")[0].prompt or choices.reading(task, "en")[0].prompt.endswith(
        "Answer:"
    )


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"question": "q", "choices": ["a", "b"], "answer": 2}, "'answer': 2 is none of the 2 choices"),
        ({"question": "q", "choices": ["a"], "answer": 0}, "'choices' must be a list of at least two texts"),
        ({"qestion": "q", "choices": ["a", "b"], "answer": 0}, "no 'question' in it; did you mean 'qestion'?"),
        ({"question": "q", "choices": ["a", "b"], "answr": 0}, "no 'answer' in it; did you mean 'answr'?"),
    ],
)
def test_a_mistake_in_a_file_is_told_with_its_place(tmp_path: Path, row: dict[str, Any], message: str) -> None:
    with pytest.raises(TaskError) as caught:
        choices.from_file(write(tmp_path / "ours.jsonl", [row]), "de")
    assert message in str(caught.value)
    assert "item 1" in str(caught.value)


@pytest.mark.parametrize("answer", [1, "1", "b", "B", "Wald"])
def test_an_answer_is_an_index_a_letter_or_the_text(tmp_path: Path, answer: Any) -> None:
    item = choices.from_file(write(tmp_path / "o.jsonl", [{**ROWS[0], "answer": answer}]), "de")[0]
    assert item.choices[item.right] == "Wald"


def test_parquet_is_read_as_well(tmp_path: Path) -> None:
    polars.DataFrame(ROWS).write_parquet(tmp_path / "ours.parquet")
    assert rows(tmp_path / "ours.parquet") == ROWS


def test_a_task_of_lm_eval_without_its_data_is_told() -> None:
    task = Task(name="arc", languages=("de",))
    with pytest.raises(TaskError, match="lm-eval's task 'arc_de' can't be loaded"):
        define(task, task.columns("de")[0], "de")


def test_an_index_is_of_one_folder() -> None:
    names = manager_of("arc_de").all_tasks
    assert "arc_de" in names
    assert len(names) < 100
