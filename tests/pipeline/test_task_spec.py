"""[[task]] tables: what they may say, the paper's columns, what a mistake is told."""

from pathlib import Path

import pytest

from pipeline.spec.benchmarks import BENCHMARKS, MKQA_LANGUAGES
from pipeline.spec.complaints import GridError
from pipeline.spec.grid import Grid
from pipeline.spec.task_check import declared, folder_of, tasks_folder
from pipeline.spec.tasks import Task

GRID = """
name = "tasks"
[axes]
model = ["demo"]
method = [{ name = "dense" }]
[[task]]
name = "arc"
languages = ["de", "en"]
limit = 100
[[task]]
name = "ours"
file = "items-{language}.jsonl"
languages = ["de", "en"]
"""


def load(folder: Path, text: str = GRID) -> Grid:
    for language in ("de", "en", "sw"):
        (folder / f"items-{language}.jsonl").write_text(f'{{"question": "{language}?"}}\n')
    (folder / "grid.toml").write_text(text, encoding="utf-8")
    return Grid.load(folder / "grid.toml")


def test_the_papers_columns_are_tasks_of_lm_eval() -> None:
    """25 of accuracy, found in lm-eval's folders without the network; MKQA's 6 are ours."""
    columns = [column for languages in BENCHMARKS.values() for several in languages.values() for column in several]
    assert len(columns) == 25
    assert len(MKQA_LANGUAGES) == 6
    for column in columns:
        folder = folder_of(column.source)
        assert folder is not None, column
        assert tasks_folder() in folder.parents


def test_a_task_is_found_by_what_its_file_says() -> None:
    folder = folder_of("xcopa_sw")
    assert folder is not None
    assert "xcopa_sw" in declared(folder / "default_sw.yaml")
    assert folder_of("no_such_task_at_all") is None


def test_known_tasks_have_their_languages_where_none_are_given(tmp_path: Path) -> None:
    grid = load(tmp_path, GRID.replace('languages = ["de", "en"]\nlimit', "limit"))
    assert grid.task[0].languages == ("ar", "de", "en", "es", "ru", "zh")


def test_arc_in_english_is_two_measurements(tmp_path: Path) -> None:
    task = load(tmp_path).task[0]
    assert [column.task for column in task.columns("en")] == ["arc_easy", "arc_challenge"]
    both = task.units("en")
    assert task.without({both[0], *task.units("de")}) == task.model_copy(update={"languages": ("en",)})
    assert task.without({*both, *task.units("de")}) is None


def test_another_language_is_the_same_evaluation_and_another_content_is_not(tmp_path: Path) -> None:
    first = load(tmp_path).task
    more = load(tmp_path, GRID.replace('["de", "en"]', '["de", "en", "sw"]').replace('"arc"', '"belebele"')).task
    assert first[1].evaluation == more[1].evaluation
    other = tmp_path / "elsewhere"
    other.mkdir()
    assert load(other).task[1].evaluation == first[1].evaluation
    (tmp_path / "items-sw.jsonl").write_text('{"question": "another"}\n')
    (tmp_path / "items-en.jsonl").write_text('{"question": "another"}\n')
    (tmp_path / "grid.toml").write_text(GRID)
    assert Grid.load(tmp_path / "grid.toml").task[1].evaluation != first[1].evaluation
    assert load(tmp_path, GRID.replace("limit = 100", "limit = 99")).task[0].evaluation != first[0].evaluation


def test_ids_are_the_same_on_every_machine_and_in_every_release() -> None:
    assert Task(name="arc", languages=("de",), limit=100).evaluation == "arc-c74eab00"


def test_a_grid_without_tasks_keeps_its_id(tmp_path: Path) -> None:
    assert load(tmp_path, GRID.partition("[[task]]")[0]).canonical().count("task") == 1  # its name


def test_a_grid_survives_its_own_json(tmp_path: Path) -> None:
    grid = load(tmp_path)
    assert Grid.parse(grid.model_dump(mode="json"), tmp_path / "elsewhere.json") == grid


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('["de", "en"]\nlimit', '["de", "sw"]\nlimit', "task[0].languages: arc has no 'sw'; it has ar, de, en"),
        ('"arc"', '"mmmlu_xyz_no"', "task[0]"),
        (
            'name = "arc"\nlanguages = ["de", "en"]',
            'name = "arcc"',
            "task[0].name: no task 'arcc'; did you mean 'arc'?",
        ),
        ("limit = 100", "limt = 100", "task[0].limt: no such key; did you mean 'limit'?"),
        ("limit = 100", "limit = 0", "task[0].limit: input should be greater than or equal to 1, found 0"),
        ("limit = 100", 'prompt = "x"', "prompt is for items of your own: it needs a `file`"),
        ("limit = 100", 'file = "x.jsonl"', "'arc' has its own items; give the task of your `file` another name"),
        ("items-{language}", "itms-{language}", "task[1].file: no file"),
        ("items-{language}", "items", "is one file for several languages; write {language} in its name"),
        ("items-{language}.jsonl", "items-{language}.csv", "is neither .jsonl"),
        ('["de", "en"]\nlimit', '["de", "de"]\nlimit', "task[0].languages: 'de' is listed twice"),
    ],
)
def test_a_mistake_is_told_with_its_place(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in GRID
    with pytest.raises(GridError) as caught:
        load(tmp_path, GRID.replace(old, new, 1))
    assert message in str(caught.value)
