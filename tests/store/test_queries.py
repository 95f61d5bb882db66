"""The named queries: what a matrix holds, which numbers a view means, calibrations compared, a cell explained."""

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from made import LANGUAGES, SMOL, Made, empty, with_paper

from store import layers, queries
from store.slices import Slice
from store.view import View

PPL = View("perplexity")


@pytest.fixture
def made() -> Iterator[Made]:
    with empty() as made:
        yield made


@pytest.fixture
def published() -> Iterator[Made]:
    with with_paper() as made:
        yield made


def grid(made: Made, values: dict[str, dict[str, float]], quantity: str = "perplexity", **more: Any) -> None:
    """One run a row: {"de": {"en": 12.0}}; a row named after a method reads no text."""
    for row, numbers in values.items():
        plain = row in ("dense", "magnitude")
        run = made.run(row, None) if plain else made.run(calibration=row, **more)
        for language, value in numbers.items():
            made.number(run, quantity, language, value)


def test_rows_and_columns_stand_in_the_papers_order(made: Made) -> None:
    rows = ["zh", "de+en", "ar+de+en+es+ru+sw+zh", "dense", "ar+ru", "fr", "sw", "de", "de*3+en"]
    grid(made, {row: {"zh": 2.0, "fr": 1.0, "ar": 3.0} for row in rows})
    matrix = queries.matrix(made.db, PPL)
    assert matrix.rows == (
        *("dense", "ar", "de", "sw", "zh", "fr"),
        *("ar+ru", "de+en", "de*3+en", "ar+de+en+es+ru+sw+zh"),
    )
    assert matrix.columns == ("ar", "zh", "fr")
    assert matrix.references == ("dense",)


def test_a_cell_is_the_mean_over_seeds(made: Made) -> None:
    runs = [made.run(seed=seed) for seed in (2, 0, 1)]
    for run, value in zip(runs, (12.0, 10.0, 14.0), strict=True):
        made.number(run, "perplexity", "en", value, note="slow" if value == 10 else None)
    cell = queries.matrix(made.db, PPL)["de", "en"]
    assert (cell.value, cell.sd, cell.n_seeds, cell.note) == (12.0, 2.0, 3, "slow")
    assert cell.run_ids == (runs[1], runs[2], runs[0])


def test_one_seed_has_no_deviation(made: Made) -> None:
    grid(made, {"de": {"en": 12.0}})
    assert queries.matrix(made.db, PPL)["de", "en"].sd is None


def test_missing_runs_have_rows_of_their_own(made: Made) -> None:
    grid(made, {"de": {"de": 1.0, "en": 2.0}})
    matrix = queries.matrix(made.db, PPL)
    assert matrix.rows == ("dense", "de", "en")
    assert matrix["en", "de"].value is None
    assert queries.matrix(made.db, PPL, languages=("sw",)).rows == ("dense", "de", "en", "sw")
    assert queries.matrix(made.db, PPL, languages=("sw",)).columns == ("de", "en", "sw")


def test_pairs_alone_ask_for_no_monolingual_rows(made: Made) -> None:
    grid(made, {"dense": {"de": 3.0}, "de+en": {"de": 1.0, "en": 2.0}})
    assert queries.matrix(made.db, PPL).rows == ("dense", "de+en")


def test_an_empty_store_gives_an_empty_matrix_with_the_wanted_places(made: Made) -> None:
    matrix = queries.matrix(made.db, PPL, LANGUAGES)
    assert (matrix.rows, matrix.columns, matrix.cells) == (("dense", *LANGUAGES), LANGUAGES, {})
    assert matrix.title == "perplexity · nothing measured yet"
    assert queries.matrix(made.db, PPL).rows == ()


def test_magnitude_is_a_slice_of_its_own_beside_dense(made: Made) -> None:
    grid(made, {"dense": {"en": 9.0}, "magnitude": {"en": 80.0}, "de": {"en": 12.0}})
    assert queries.matrix(made.db, replace(PPL, method="magnitude")).rows == ("dense", "magnitude")
    assert "magnitude" not in queries.matrix(made.db, replace(PPL, method="wanda")).rows
    assert [slice_.method for slice_ in queries.slices(made.db)] == ["magnitude", "wanda"]


def test_the_newest_evaluation_counts_unless_another_is_asked_for(made: Made) -> None:
    for name, source in (("perplexity-1", "demo"), ("perplexity-2", "mc4")):
        row = {"measure": "perplexity", "source": source, "split": "heldout", "samples": 16, "length": 512}
        made.put("evaluation", {"evaluation": name, **row})
    run, dense = made.run(), made.run("dense", None)
    made.number(dense, "perplexity", "en", 8.0, evaluation="perplexity-1")
    made.number(run, "perplexity", "en", 12.0, evaluation="perplexity-2")
    made.number(run, "perplexity", "en", 10.0, evaluation="perplexity-1")
    made.number(dense, "perplexity", "en", 9.0, evaluation="perplexity-2")
    newest, older = queries.matrix(made.db, PPL), queries.matrix(made.db, replace(PPL, evaluation="perplexity-2"))
    assert (newest["de", "en"].value, newest["dense", "en"].value) == (10.0, 8.0)
    assert (older["de", "en"].value, older["dense", "en"].value) == (12.0, 9.0)
    assert newest.title.endswith("on demo heldout 16x512")
    assert older.title.endswith("on mc4 heldout 16x512")


def test_runs_with_other_settings_are_not_averaged_in(made: Made) -> None:
    grid(made, {"de": {"en": 10.0}}, samples=128)
    grid(made, {"de": {"en": 20.0}}, samples=64)
    grid(made, {"de": {"en": 30.0}}, samples=64, preview=True)
    matrix = queries.matrix(made.db, PPL)
    assert matrix["de", "en"].value == 20.0
    assert "demo 64x256 float32" in matrix.title
    assert queries.matrix(made.db, replace(PPL, setting="128x"))["de", "en"].value == 10.0
    assert queries.matrix(made.db, matrix.view) == matrix


def test_dense_is_taken_in_the_same_dtype(made: Made) -> None:
    for dtype, value in (("float32", 9.0), ("bfloat16", 9.5)):
        made.number(made.run("dense", None, dtype=dtype), "perplexity", "en", value)
    grid(made, {"de": {"en": 10.0}})
    assert queries.matrix(made.db, PPL)["dense", "en"].value == 9.0


def test_arc_has_an_easy_and_a_challenge_column(made: Made) -> None:
    run = made.run(calibration="en")
    made.number(run, "acc", "de", 30.0, task="arc")
    made.number(run, "acc", "en", 40.0, task="arc_challenge")
    made.number(run, "acc", "en", 70.0, task="arc_easy")
    matrix = queries.matrix(made.db, View.parse("arc"))
    assert matrix.columns == ("de", "en-e", "en-c")
    assert [matrix["en", column].value for column in matrix.columns] == [30.0, 70.0, 40.0]
    assert queries.quantities(made.db, View.parse("arc")) == [("acc", "arc")]


def test_an_infinite_ratio_is_kept_and_compared_with_nothing(made: Made) -> None:
    grid(made, {"dense": {"en": math.inf}, "de": {"en": 9.0}, "en": {"en": 12.0}}, quantity="snr")
    matrix = queries.matrix(made.db, View("snr"))
    assert matrix["dense", "en"].value == math.inf
    assert matrix.best("en") == ("en",)
    assert "dense" not in {d.language for d in queries.compare(made.db, View("snr"), "dense", "de")}


@pytest.mark.parametrize(("quantity", "best"), [("perplexity", "de"), ("snr", "en")])
def test_best_is_lowest_or_highest_among_calibrated_rows(made: Made, quantity: str, best: str) -> None:
    grid(made, {"dense": {"sw": 5.0}, "de": {"sw": 10.0}, "en": {"sw": 20.0}}, quantity=quantity)
    assert queries.matrix(made.db, View(quantity)).best("sw") == (best,)


def test_target_best_counts_columns_whose_own_language_is_tied_best(made: Made) -> None:
    de, en = {"de": 1.0, "en": 5.0, "sw": 1.0}, {"de": 1.0, "en": 6.0, "sw": 2.0}
    grid(made, {"de": de, "en": en, "de+en": {"de": 0.5, "en": 0.5}})
    assert queries.matrix(made.db, PPL).target_best() == (1, 2)


def test_the_papers_claim_about_perplexity(published: Made) -> None:
    """27 of 28 columns: Llama's Chinese with Wanda is the exception (claims.md, A2)."""
    found = [
        queries.matrix(published.db, View("perplexity", model=model, method=method, source="paper")).target_best()
        for model in ("llama-3-8b", "aya-23-8b")
        for method in ("wanda", "sparsegpt")
    ]
    assert (sum(wins for wins, _ in found), sum(of for _, of in found)) == (27, 28)


def test_suspect_cells_are_shown_but_never_best(published: Made) -> None:
    found = 0
    for task in ("arc", "belebele", "mmlu", "hellaswag"):
        view = View("acc", task, "aya-23-35b", "sparsegpt", "unstructured", 0.8, source="paper")
        matrix = queries.matrix(published.db, view)
        for row, column in (place for place, cell in matrix.cells.items() if cell.suspect):
            found += 1
            assert matrix[row, column].value is not None
            assert row not in matrix.best(column)
            assert matrix.shade(row, column) is None
    assert found > 0


@pytest.mark.parametrize(
    ("baseline", "expected"), [("none", 12.0), ("dense", 3.0), ("diagonal", 1.0), ("de", 0.0), ("en", 1.0)]
)
def test_a_baseline_is_subtracted(made: Made, baseline: str, expected: float) -> None:
    grid(made, {"dense": {"en": 9.0}, "de": {"en": 12.0}, "en": {"en": 11.0}})
    assert queries.matrix(made.db, replace(PPL, baseline=baseline)).delta("de", "en") == expected


def test_the_paper_is_a_baseline(published: Made) -> None:
    run = published.run(model="Meta-Llama-3-8B-Instruct")
    published.number(run, "perplexity", "en", 15.5)
    matrix = queries.matrix(published.db, View(baseline="paper"))
    assert matrix.delta("de", "en") == 1.0
    assert queries.cell(published.db, PPL, "de", "en").paper.paper_table == 6  # type: ignore[union-attr]


def test_an_unknown_baseline_is_told(made: Made) -> None:
    grid(made, {"de": {"en": 12.0}})
    with pytest.raises(ValueError, match="no baseline 'fr'; valid: none, dense, diagonal, paper, dense, de, en"):
        queries.matrix(made.db, replace(PPL, baseline="fr"))


@pytest.mark.parametrize(("norm", "shade"), [("column", 0.0), ("row", 1.0), ("whole", 0.5), ("none", 0.5)])
def test_shades_run_from_worst_to_best(made: Made, norm: str, shade: float) -> None:
    grid(made, {"dense": {"en": 1.0}, "de": {"en": 12.0, "de": 16.0}, "en": {"en": 8.0, "de": 14.0}})
    matrix = queries.matrix(made.db, replace(PPL, normalise=norm))
    assert matrix.shade("de", "en") == shade
    assert matrix.shade("dense", "en") == (0.5 if norm == "row" else 1.0)
    assert matrix.shade("dense", "de") is None


def test_compare_judges_by_two_pooled_deviations(made: Made) -> None:
    for calibration, shift in (("de", 0.0), ("en", 1.0)):
        for seed, noise in enumerate((-0.1, 0.1)):
            run = made.run(calibration=calibration, seed=seed)
            made.number(run, "perplexity", "ar", 10 + shift + noise)
            made.number(run, "perplexity", "de", 10 + shift + 9 * noise)
            made.number(run, "snr", "ar", 10 + shift + noise)
    grid(made, {"dense": {"ar": 4.0}})
    found = {(d.quantity, d.language): d for d in queries.compare(made.db, PPL, "de", "en")}
    assert list(found) == [("perplexity", "ar"), ("perplexity", "de"), ("snr", "ar")]
    clear, noisy, other = found.values()
    assert (clear.delta, clear.verdict) == (pytest.approx(1.0), "A")
    assert clear.sd == pytest.approx(0.02**0.5)
    assert (noisy.delta, noisy.verdict) == (pytest.approx(1.0), "~")
    assert (other.delta, other.verdict) == (pytest.approx(-1.0), "B")
    assert queries.tally(found.values()) == {"A": 1, "B": 1, "~": 1}
    (single,) = queries.compare(made.db, PPL, "de", "dense")
    assert (single.verdict, single.sd, single.delta) == ("?", None, pytest.approx(-6.0))


def test_compare_takes_the_newest_evaluation_that_both_have(made: Made) -> None:
    de, en = made.run(calibration="de"), made.run(calibration="en")
    for run, value in ((de, 10.0), (en, 11.0)):
        made.number(run, "perplexity", "sw", value, evaluation="perplexity-1")
    made.number(de, "perplexity", "sw", 50.0, evaluation="perplexity-2")
    (difference,) = queries.compare(made.db, PPL, "de", "en")
    assert (difference.a, difference.b) == (10.0, 11.0)


def test_a_cell_is_explained(made: Made) -> None:
    grid(made, {"dense": {"en": 9.0}, "en": {"en": 11.0}, "ru": {"en": 13.0}})
    run = made.run(calibration="de", host="h100", git_commit="a1c9f2e", wall_s=12.5)
    made.number(run, "perplexity", "en", 12.0)
    made.number(run, "snr", "en", 8.0)
    made.number(run, "acc", "en", 70.0, task="arc_easy")
    made.number(run, "acc", "de", 30.0, task="arc")
    details = queries.cell(made.db, PPL, "de", "en")
    assert (details.rank, details.of, details.best) == (2, 3, ("en",))
    assert (details.dense, details.diagonal, details.paper) == (9.0, 11.0, None)
    assert details.column == (("dense", 9.0), ("de", 12.0), ("en", 11.0), ("ru", 13.0))
    assert [(n.quantity, n.task, n.value) for n in details.neighbours] == [
        ("snr", "", 8.0),
        ("acc", "arc_easy", 70.0),
    ]
    (behind,) = details.runs
    assert (behind.run_id, behind.value, behind.host, behind.git_commit) == (run, 12.0, "h100", "a1c9f2e")


def test_a_missing_cell_has_its_column_all_the_same(made: Made) -> None:
    grid(made, {"dense": {"en": 9.0}, "de": {"en": 11.0}})
    details = queries.cell(made.db, PPL, "en", "en")
    assert (details.rank, details.cell.value, details.runs, details.dense) == (None, None, (), 9.0)
    assert queries.cell(made.db, PPL, "dense", "en").rank is None


def test_the_newest_slice_is_shown_first(made: Made) -> None:
    grid(made, {"de": {"en": 10.0}})
    grid(made, {"de": {"en": 20.0}}, model="gemma-3-270m")
    grid(made, {"magnitude": {"en": 80.0}})
    assert queries.matrix(made.db, PPL).view.model == "gemma-3-270m"
    assert queries.matrix(made.db, replace(PPL, model="smol", method="wanda")).view.model == SMOL


def test_slices_have_labels(made: Made) -> None:
    for more in ({"pattern": "2:4"}, {"sparsity": 0.5}, {"method": "gptq", "pattern": "4bit/g128", "sparsity": None}):
        made.number(made.run(**more), "perplexity", "en", 1.0)
    assert [slice_.label for slice_ in queries.slices(made.db)] == ["gptq 4bit/g128", "wanda 2:4", "wanda 50%"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("perplexty", "no quantity 'perplexty'; did you mean 'perplexity'?"),
        ("snr?source=paper&model=lllama-3-8b", "did you mean 'Llama-3-8B-Instruct'?"),
        ("acc?source=paper&task=hellaswga", "did you mean 'hellaswag'?"),
        ("acc?source=paper&method=wandah", "did you mean 'wanda'?"),
        ("acc?source=paper&model=llama", "fits several: Llama-3-8B-Instruct, Llama-3.1-8B-Instruct"),
        ("snr?source=paper&sparsity=0.3", "no numbers at sparsity 0.3; valid: 0.2, 0.46875, 0.5, 0.8"),
    ],
)
def test_unknown_names_are_told_with_the_nearest(published: Made, text: str, message: str) -> None:
    with pytest.raises(ValueError, match=r"no |fits") as caught:
        queries.matrix(published.db, View.parse(text))
    assert message in str(caught.value)


def test_what_only_the_paper_knows_is_an_empty_measured_matrix(published: Made) -> None:
    shown = queries.matrix(published.db, View.parse("perplexity?source=paper&model=aya-23-8b&method=wanda"))
    measured = queries.matrix(published.db, replace(shown.view, source="run"), LANGUAGES)
    assert (measured.view.model, measured.cells) == ("Aya-23-8B", {})
    assert measured.rows == ("dense", *LANGUAGES)


def test_a_run_under_way_gives_its_slice_before_its_first_number(made: Made) -> None:
    made.run(calibration="de", status="running")
    matrix = queries.matrix(made.db, View.parse("perplexity?method=wanda"), LANGUAGES)
    assert (matrix.view.model, matrix.view.sparsity, matrix.cells) == (SMOL, 0.5, {})
    assert "wanda 50% · nothing measured yet" in matrix.title


def test_published_overlaps_are_a_matrix_of_linears(published: Made) -> None:
    matrix = queries.matrix(published.db, View.parse("iou?task=iou_languages&source=paper"))
    assert matrix.rows == ("de+en", "de+zh", "en+zh")
    assert matrix["de+en", "attn.out"].value == 0.867


def test_the_sql_of_a_matrix_can_be_pasted(made: Made) -> None:
    grid(made, {"dense": {"en": 9.0}, "de": {"en": 11.0}}, calibration_source="it's")
    text = queries.matrix_sql(made.db, PPL)
    assert sorted(row[3] for row in made.db.execute(text).fetchall()) == [9.0, 11.0]
    assert "$" not in text
    with pytest.raises(ValueError, match="no query 'matrices'; there are cell_runs, "):
        queries.sql("matrices")


def test_the_list_of_runs_starts_with_the_last(made: Made) -> None:
    made.run(started_at="2026-01-01", calibration="ar")
    made.run(started_at="2026-01-02", calibration="de")
    made.run(calibration="en")
    assert [run.calibration for run in queries.runs(made.db)] == ["de", "ar", "en"]


def test_layers_show_curves_overlaps_and_neurons(made: Made) -> None:
    for seed, value in enumerate((1.0, 3.0)):
        made.number(made.run(seed=seed), "pruning_error", "en", value, block=0)
    slice_ = Slice("run", SMOL, "wanda", "unstructured", 0.5, "demo 64x256 float32")
    (point,) = layers.curves(made.db, slice_, "pruning_error", ["de"], "en")
    assert (point.block, point.mean, point.n_seeds) == (0, 2.0, 2)
    row = {"kind": "languages", "run_a": "a", "run_b": "b", "label_a": "de", "label_b": "en", "block": 0}
    sizes = {"n_intersection": 80, "n_union": 100, "chance": 0.333}
    made.put("mask_overlap", {**row, **sizes, "model": SMOL, "method": "wanda", "linear": "mlp.up_proj"})
    (overlap,) = layers.overlaps(made.db, SMOL, "wanda", "en", "de")
    assert (overlap.linear, overlap.iou, overlap.chance) == ("mlp.up_proj", pytest.approx(0.8), 0.333)
    dense, pruned = made.run("dense", None), made.run()
    for run, factor in ((dense, 1.0), (pruned, 2.0)):
        text = {"run_key": made.keys[run], "evaluation": "lape-1"}
        made.put("neuron_token", {**text, "language": "en", "n_tokens": 10})
        for i in range(4):
            neuron = {**text, "block": 0, "neuron": i}
            made.put("neuron_count", {**neuron, "language": "en", "n_active": i})
            made.put("neuron_lape", {**neuron, "lape": factor * (i + 1), "lape_rank": i})
    (box,) = layers.lape_boxes(made.db, dense, pruned, "lape-1", groups=2, keep=1)
    assert (box.low, box.high, box.neurons) == (2.0, 4.0, 2)
    bins = layers.neurons(made.db, dense, "lape-1", "en", bins=2)
    assert [(b.bin, b.mean, b.highest) for b in bins] == [
        (0, pytest.approx(0.05), 0.1),
        (1, pytest.approx(0.25), 0.3),
    ]
