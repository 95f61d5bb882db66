"""Which curves a figure of the paper has, and the query that gives their points.

A query gives (series, x, y), means over seeds, or of boxes (series, x, low, q1, median, q3, high); `{where}` is what
the reader selects, as "figure4?language=de". Of what is selected the evaluation whose runs are the newest is drawn.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Question:
    """A figure: the view behind it, what its axes are, the curves' query."""

    view: str
    title: str
    x: str
    y: str
    sql: str
    boxes: bool = False


_RUNS = "count(DISTINCT run_key) || ' runs'"
_BY_BLOCK = "count(DISTINCT run_id) || ' runs' FROM by_block WHERE quantity ="

MEASURED = {
    **dict.fromkeys(("figure1", "figure6", "figure7"), f"SELECT {_BY_BLOCK} 'agnostic_difference'"),
    "figure2": "SELECT count(DISTINCT (kind, run_a, run_b)) || ' comparisons' FROM mask_overlap",
    **dict.fromkeys(("figure3", "figure8"), f"SELECT {_RUNS} FROM neuron_lape"),
    **dict.fromkeys(("figure4", "figure5"), f"SELECT {_BY_BLOCK} 'hidden_difference'"),
    **dict.fromkeys(("figure9", "figure10"), f"SELECT {_RUNS} FROM neuron_token"),
    "figure11": f"SELECT {_RUNS} FROM output_activation WHERE linear LIKE '%down_proj'",
    "figure12": f"SELECT {_RUNS} FROM output_activation WHERE linear LIKE '%o_proj'",
    "figure13": f"SELECT {_RUNS} FROM output_activation",
}
"""SQL of how much there is for a figure, in words: from the tables behind its view, which are cheaper to count."""


def _every(view: str, *, with_dense: bool = False) -> str:
    """Names for a query: `every` row of the view; the `chosen` ones; those `drawn`, the dense model's among them."""
    dense = " OR method = 'dense' AND model IN (SELECT model FROM chosen)" if with_dense else ""
    selected = "(FROM every WHERE {where})"
    newest = f"(SELECT arg_max(evaluation, written_at) FROM {selected} JOIN runs USING (run_id))"
    return (
        f"WITH every AS MATERIALIZED (FROM {view}), "
        f"chosen AS MATERIALIZED (FROM {selected} WHERE evaluation = {newest}), "
        f"drawn AS (FROM every WHERE evaluation IN (SELECT evaluation FROM chosen) AND ({{where}}{dense})) "
    )


def _several(chosen: str) -> str:
    """SQL: pattern, sparsity and settings, where one method of one model has several of them."""
    counted = f"SELECT count(DISTINCT (pattern, sparsity, setting)) AS n {chosen} GROUP BY model, method"
    named = "concat_ws(' ', pattern, sparsity, nullif(setting, ''))"
    return f"CASE WHEN (SELECT max(n) FROM ({counted})) > 1 THEN {named} END"


_MODEL = "CASE WHEN (SELECT count(DISTINCT model) FROM chosen) > 1 THEN model END"
_RUN = f"concat_ws(' ', {_MODEL}, method, {_several('FROM chosen')}, calibration)"
"""SQL: a run's name among the chosen ones: nothing unlike is averaged."""


def _by_block(view: str, series: str, title: str, y: str) -> Question:
    sql = (
        f"{_every(view)} SELECT {series} AS series, block, avg(value) FROM drawn WHERE method <> 'dense' "
        f"GROUP BY ALL ORDER BY ALL"
    )
    return Question(view, title, "block", y, sql)


def _overlap(view: str) -> Question:
    chosen = f"FROM {view} WHERE {{where}}"
    model = f"CASE WHEN (SELECT count(DISTINCT model) {chosen}) > 1 THEN model END"
    two = "CASE WHEN kind = 'pair' THEN calibration || ' & ' || other END"
    name = f"concat_ws(' ', {model}, method, {_several(chosen)}, {two})"
    sql = (
        f"SELECT concat_ws(' ', kind, {name}, submodule), block, avg(iou) {chosen} GROUP BY ALL "
        f"UNION ALL SELECT concat_ws(' ', kind || ', by chance:', {name}), block, avg(chance) {chosen} "
        f"GROUP BY ALL ORDER BY ALL"
    )
    title = "Overlap of masks; kind 'seeds' within a language, 'languages' between two, 'floor' with its own again"
    return Question(view, title, "block", "IoU", sql)


def _groups(view: str, title: str, y: str) -> Question:
    sql = (
        f"{_every(view, with_dense=True)} SELECT {_RUN} AS series, neuron_group, avg(mean) FROM drawn "
        f"GROUP BY ALL ORDER BY bool_or(method <> 'dense'), series, neuron_group"
    )
    return Question(view, title, "group of neurons (2 % each), sorted by the dense model's LAPE", y, sql)


def _boxes(view: str) -> Question:
    """The dense model's boxes, then those of the runs that are selected."""
    numbers = ", ".join(f"avg({part})" for part in ("low", "q1", "median", "q3", "high"))
    sql = (
        f"{_every(view, with_dense=True)} SELECT {_RUN} AS series, neuron_group, {numbers} FROM drawn "
        f"GROUP BY ALL ORDER BY bool_or(method <> 'dense'), series, neuron_group"
    )
    title = "LAPE of the 30 % most language-specific neurons"
    return Question(view, title, "groups of 2 % of the neurons, by the dense model's LAPE", "nats", sql, boxes=True)


def _outputs(view: str, what: str) -> Question:
    """Of one language, block and linear: the first, the middle, the first of those selected."""
    sql = (
        f"{_every(view)}, one AS (FROM drawn WHERE (language, block, linear) = "
        f"(SELECT (min(language), quantile_disc(block, 0.5), min(linear)) FROM chosen)) "
        f"SELECT concat_ws(' ', {_MODEL}, 'dense') AS series, output, avg(dense) FROM one GROUP BY ALL UNION ALL "
        f"SELECT {_RUN}, output, avg(pruned) FROM one GROUP BY ALL ORDER BY ALL"
    )
    return Question(view, f"Mean activation of {what}: middle block, first language", "output unit", "mean", sql)


QUESTIONS: dict[str, Question] = {
    **{
        name: _by_block(
            name,
            f"concat_ws(' ', part, {_RUN})",
            "Change of language-agnostic and -specific parts, mean over evaluation languages",
            "||.||",
        )
        for name in ("figure1", "figure6", "figure7")
    },
    "figure2": _overlap("figure2"),
    "figure3": _boxes("figure3"),
    "figure8": _boxes("figure8"),
    **{
        name: _by_block(
            name, f"concat_ws(' ', {_RUN}, 'on', language)", "Mean magnitude of the change of hidden states", "||.||"
        )
        for name in ("figure4", "figure5")
    },
    "figure9": _groups("figure9", "Largest activation probability over languages", "probability"),
    "figure10": _groups("figure10", "Mean absolute output of neurons", "mean absolute output"),
    "figure11": _outputs("figure11", "the MLP's down projection"),
    "figure12": _outputs("figure12", "the attention's output projection"),
    "figure13": _outputs("figure13", "linears"),
}

NAMES = {"lsar": "figure1", "masks": "figure2", "lape": "figure3", "hidden": "figure4", "activations": "figure11"}
"""Other names of figures."""
