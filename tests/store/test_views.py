"""The views: each can be made and read, and each of the paper's numbers is where the paper prints it."""

import csv
from collections.abc import Iterator
from typing import Any

import pytest
from made import LANGUAGES, Made, empty, with_paper

from store import paper
from store.view_files import ViewFile, view_files

TASK_TABLES = (4, 8, 9, 10, 11, 12, 13, 14, 15)
LANGUAGE_TABLES = (1, 3, 6)
QUANTITY = {"ppl": "perplexity", "snr_db": "snr", "error_x1e6": "pruning_error", "f1_pct": "f1"}


@pytest.fixture
def made() -> Iterator[Made]:
    with empty() as made:
        yield made


@pytest.fixture
def published() -> Iterator[Made]:
    with with_paper() as made:
        yield made


def test_every_table_and_figure_of_the_paper_has_a_view() -> None:
    names = {view.name for view in view_files()}
    assert {f"table{n}" for n in range(1, 18)} | {f"figure{n}" for n in range(1, 14)} <= names
    assert {f"paper_table{row['table']}" for row in printed()} <= names
    assert {"runs", "metrics", "comparison", "activation"} <= names


@pytest.mark.parametrize("view", view_files(), ids=lambda view: view.name)
def test_a_view_has_a_comment_and_can_be_read_without_rows(view: ViewFile, made: Made) -> None:
    assert view.comment.endswith((".", "measure.", "analysis."))
    assert view.sql.startswith(f"CREATE OR REPLACE VIEW {view.name} AS\n")
    assert made.rows(f"FROM {view.name}") == []


def printed() -> Iterator[dict[str, str]]:
    with paper.CSV.open(encoding="utf-8") as file:
        yield from csv.DictReader(file)


@pytest.mark.parametrize("table", [*LANGUAGE_TABLES, *TASK_TABLES])
def test_each_printed_number_is_in_its_table(table: int, published: Made) -> None:
    shown = {key(row): row for row in published.rows(f"FROM paper_table{table}")}
    cells = [row for row in printed() if row["table"] == str(table)]
    for cell in cells:
        row = shown[key({**cell, "calibration": cell["calib_languages"] or None})]
        assert row[column(cell)] == float(cell["value"]), cell
    there = [row[name] for row in shown.values() for name in row if name in LANGUAGES or name.startswith(TASKS)]
    assert sum(value is not None for value in there) == len(cells)


TASKS = ("arc_", "belebele_", "mmlu_", "hellaswag_")


def key(row: dict[str, Any]) -> tuple[Any, ...]:
    quantity = row["quantity"] if "quantity" in row else QUANTITY.get(row.get("metric", ""))
    sparsity = float(row["sparsity"]) if row["sparsity"] not in ("", None) else None
    return (row["model"], row["method"], row["pattern"] or None, sparsity, row["calibration"], quantity)


def column(cell: dict[str, str]) -> str:
    if cell["metric"] != "acc_pct":
        return cell["eval_language"]
    names = {"arc_easy": "arc_en_e", "arc_challenge": "arc_en_c"}
    return names.get(cell["task"], f"{cell['task']}_{cell['eval_language']}")


@pytest.mark.parametrize("table", [16, 17])
def test_each_printed_overlap_is_in_its_table(table: int, published: Made) -> None:
    shown = {row["linear"]: row for row in published.rows(f"FROM paper_table{table}")}
    for cell in (row for row in printed() if row["table"] == str(table)):
        assert shown[cell["submodule"]][cell["calib_languages"].replace("+", "_")] == float(cell["value"])


def test_suspect_numbers_are_named_in_the_published_tables(published: Made) -> None:
    suspect = [row for row in printed() if "ocr_suspect" in row["note"] and row["table"] == "9"]
    named = [row["suspect"] for row in published.rows("FROM paper_table9 WHERE suspect IS NOT NULL")]
    assert sum(len(text.split(", ")) for text in named) == len(suspect)


def test_cells_hold_each_published_place_once(published: Made) -> None:
    columns = "model, method, pattern, sparsity, calibration, quantity, task, place"
    doubled = published.rows(f"SELECT {columns} FROM cells GROUP BY ALL HAVING count(*) > 1")
    everywhere = published.rows(f"SELECT count(DISTINCT ({columns})) AS n FROM scores")
    assert doubled == []
    assert published.rows("SELECT count(*) AS n FROM cells") == everywhere


@pytest.mark.parametrize(
    ("more", "tables"),
    [
        ({}, {2, 7}),
        ({"method": "sparsegpt"}, {2, 7, 13}),
        ({"calibration": "de+en"}, {8}),
        ({"calibration": "de+en", "method": "sparsegpt"}, {4, 8}),
        ({"pattern": "2:4"}, {9}),
        ({"model": "Llama-3.1-8B-Instruct"}, {2, 7, 10}),
        ({"sparsity": 0.2}, {11}),
        ({"skip_blocks": [0, -1], "sparsity_reached": 0.46875}, {12}),
        ({"method": "gptq", "pattern": "4bit/g128", "sparsity": None, "bits": 4, "group_size": 128}, {14}),
        ({"method": "gptq", "pattern": "8bit/g128", "sparsity": None, "bits": 8, "group_size": 128}, {15}),
        ({"preview": True}, set()),
    ],
    ids=str,
)
def test_a_run_is_in_the_tables_about_its_settings(made: Made, more: dict[str, Any], tables: set[int]) -> None:
    run = made.run(**more)
    made.number(run, "acc", "de", 30.0, task="arc")
    names = (2, 4, 7, 8, 9, 10, 11, 12, 13, 14, 15)
    found = {n for n in names if made.rows(f"FROM table{n} WHERE method <> 'dense' AND arc_de = 30.0")}
    assert found == tables


def test_table_1_is_a_mean_over_seeds_on_the_newest_evaluation(made: Made) -> None:
    for seed, value in enumerate([10.0, 14.0]):
        run = made.run(seed=seed)
        made.number(run, "perplexity", "en", 99.0, evaluation="perplexity-old")
        made.number(run, "perplexity", "en", value)
        made.number(run, "perplexity", "en", 55.0, block=3)
    (row,) = made.rows("FROM table1")
    assert (row["en"], row["de"], row["seeds"], row["calibration"]) == (12.0, None, 2, "de")


def test_table_3_has_f1_with_dense_for_reference(made: Made) -> None:
    made.number(made.run("dense", None), "f1", "en", 38.0, task="mkqa")
    made.number(made.run(), "f1", "en", 20.0, task="mkqa")
    assert [(row["method"], row["en"]) for row in made.rows("FROM table3")] == [("dense", 38.0), ("wanda", 20.0)]


def test_runs_with_other_settings_are_rows_of_their_own(made: Made) -> None:
    for samples, value in ((64, 10.0), (128, 8.0)):
        made.number(made.run(samples=samples), "perplexity", "en", value)
    assert sorted(row["en"] for row in made.rows("FROM table1")) == [8.0, 10.0]
    assert {row["setting"] for row in made.rows("FROM runs")} == {"demo 64x256 float32", "demo 128x256 float32"}


def test_setting_names_what_decides_a_run_beside_its_axes(made: Made) -> None:
    made.run(
        skip_blocks=[0, -1],
        numerics="exact",
        model_revision="0123456789abcdef",
        preview=True,
        options={"override": [], "act_order": False, "blocksize": 128, "percdamp": 0.01, "last": None},
    )
    setting = "demo 64x256 float32 exact skips 0,-1 blocksize:128,percdamp:0.01 01234567 preview"
    assert made.rows("SELECT setting FROM runs") == [{"setting": setting}]


@pytest.fixture
def compared(published: Made) -> list[dict[str, Any]]:
    made = published
    llama = {"model": "Meta-Llama-3-8B-Instruct"}
    for seed, value in enumerate([14.0, 16.0]):
        made.number(made.run(**llama, seed=seed), "perplexity", "en", value)
    made.number(made.run("dense", None, **llama), "acc", "ar", 31.7, task="arc")
    aya = {"model": "aya-23-8B", "calibration": "en", "sparsity_reached": 0.46876, "skip_blocks": [0, 31]}
    made.number(made.run("sparsegpt", **aya), "acc", "de", 35.0, task="arc")
    made.number(made.run(model="aya-23-8B", pattern="2:4"), "acc", "de", 35.0, task="arc")
    made.number(made.run(calibration="xx", **llama), "perplexity", "en", 14.0)
    return made.rows("FROM comparison")


def test_comparison_puts_measured_beside_published(compared: list[dict[str, Any]]) -> None:
    (row,) = [row for row in compared if row["quantity"] == "perplexity"]
    assert (row["measured"], row["published"], row["difference"]) == (15.0, 14.5, 0.5)
    assert (row["n_seeds"], row["paper_table"], row["model"]) == (2, 6, "Meta-Llama-3-8B-Instruct")
    assert row["sd"] == pytest.approx(2**0.5)


def test_comparison_finds_dense_models_and_dense_blocks(compared: list[dict[str, Any]]) -> None:
    tables = {(row["method"], row["calibration"]): row["paper_table"] for row in compared if row["quantity"] == "acc"}
    assert tables[("dense", None)] == 8
    assert tables[("sparsegpt", "en")] == 12


def test_comparison_leaves_suspect_numbers_out(published: Made) -> None:
    suspect = next(row for row in printed() if "ocr_suspect" in row["note"] and row["table"] == "9")
    run = published.run(suspect["method"], suspect["calib_languages"], model=suspect["model"], pattern="2:4")
    published.number(run, "acc", suspect["eval_language"], 20.0, task=suspect["task"])
    assert published.rows("FROM comparison") == []


def test_overlaps_are_averaged_over_blocks(made: Made) -> None:
    row = {"model": "m", "method": "wanda", "linear": "self_attn.o_proj", "n_union": 100, "chance": 0.3}
    for block, n in enumerate([80, 90]):
        seeds = {"kind": "seeds", "run_a": "a", "run_b": "", "label_a": "de", "label_b": ""}
        made.put("mask_overlap", {**row, **seeds, "block": block, "n_intersection": n})
        pair = {"kind": "languages", "run_a": "b", "run_b": "a", "label_a": "en", "label_b": "de"}
        made.put("mask_overlap", {**row, **pair, "block": block, "n_intersection": n - 20})
    (within,), (between,) = made.rows("FROM table16"), made.rows("FROM table17")
    assert (within["linear"], within["de"], within["en"]) == ("attn.out", pytest.approx(0.85), None)
    assert (between["de_en"], between["de_zh"]) == (pytest.approx(0.65), None)


def test_overlaps_are_those_of_the_most_seeds_last_compared(made: Made) -> None:
    runs = {(n, sparsity): made.run(seed=n, sparsity=sparsity) for sparsity in (0.5, 0.6) for n in range(3)}
    row = {"model": "m", "method": "wanda", "linear": "mlp.up_proj", "n_union": 100, "chance": 0.3, "block": 0}
    one, two, three = (runs[n, 0.5] for n in range(3))
    groups = {f"{one} & {two} & {three}": 70, f"{one} & {two}": 90, f"{runs[0, 0.6]} & {runs[1, 0.6]}": 40}
    for group, n in groups.items():  # the smaller group is the later one
        made.put("mask_overlap", {**row, "kind": "seeds", "run_a": group, "run_b": "", "label_a": "de",
                                  "label_b": "", "n_intersection": n})  # fmt: skip
    for run, n in ((one, 99), (runs[0, 0.6], 98)):
        made.put("mask_overlap", {**row, "kind": "floor", "run_a": run, "run_b": "", "label_a": "de",
                                  "label_b": "exact", "n_intersection": n})  # fmt: skip
    found = {(row["sparsity"], row["de"], row["floor"]) for row in made.rows("FROM table16")}
    assert found == {(0.5, 0.7, 0.99), (0.6, 0.4, 0.98)}
    assert {row["seeds"] for row in made.rows("FROM figure2 WHERE kind = 'seeds'")} == {2, 3}


def test_curves_of_figures_come_from_their_measures(made: Made) -> None:
    run = made.run()
    for quantity in ("hidden_difference", "agnostic_difference", "specific_difference"):
        made.number(run, quantity, "en", 2.0, block=5)
    assert [row["block"] for row in made.rows("FROM figure4")] == [5]
    assert {row["part"] for row in made.rows("FROM figure1")} == {"agnostic", "specific"}


def neurons(made: Made) -> None:
    """A dense and a pruned model of 1 block and 100 neurons; neuron i is active in i % of the English tokens."""
    for method, factor in (("dense", 1.0), ("wanda", 0.5)):
        key = made.keys[made.run(method, None if method == "dense" else "de")]
        text = {"run_key": key, "evaluation": "lape-1"}
        for language in ("de", "en"):
            made.put("neuron_token", {**text, "language": language, "n_tokens": 100})
        for i in range(100):
            neuron = {**text, "block": 0, "neuron": i}
            made.put("neuron_count", {**neuron, "language": "de", "n_active": 0, "mean_abs": factor})
            made.put("neuron_count", {**neuron, "language": "en", "n_active": int(i * factor), "mean_abs": factor})
            made.put("neuron_lape", {**neuron, "lape": i * factor if i else None, "lape_rank": i})


def test_neurons_are_grouped_by_the_dense_models_lape(made: Made) -> None:
    neurons(made)
    group = "neuron_group = 1"
    boxes = {row["method"]: row for row in made.rows(f"FROM figure3 WHERE {group}")}
    assert (boxes["dense"]["low"], boxes["dense"]["high"], boxes["dense"]["neurons"]) == (1, 2, 2)
    assert (boxes["wanda"]["low"], boxes["wanda"]["high"]) == (0.5, 1)
    likelihood = {row["method"]: row["mean"] for row in made.rows(f"FROM figure9 WHERE {group}")}
    assert likelihood == {"dense": pytest.approx(0.015), "wanda": pytest.approx(0.005)}
    assert {row["mean"] for row in made.rows("FROM figure10")} == {1.0, 0.5}
    (row,) = made.rows("FROM activation WHERE method = 'dense' AND language = 'en' AND neuron = 42")
    assert row["probability"] == pytest.approx(0.42)


def test_output_units_are_compared_with_the_dense_model(made: Made) -> None:
    for method, mean in (("dense", 1.5), ("wanda", 0.5)):
        key = made.keys[made.run(method, None if method == "dense" else "de")]
        row = {"run_key": key, "evaluation": "activations-1", "language": "en", "block": 3, "output": 7, "mean": mean}
        made.put("output_activation", {**row, "linear": "mlp.down_proj"})
    (row,) = made.rows("FROM figure11")
    assert (row["dense"], row["pruned"], row["output"]) == (1.5, 0.5, 7)
    assert made.rows("FROM figure12") == []
