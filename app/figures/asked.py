"""Which curves a figure of the paper has, and the query that gives their points.

A query gives (series, x, y), means over seeds, or of boxes (series, x, low, q1, median, q3, high); `{where}` is what
the reader selects, as "figure4?language=de".
"""

from dataclasses import dataclass

NEWEST = "evaluation = (SELECT arg_max(evaluation, written_at) FROM by_block WHERE quantity = '{quantity}')"


@dataclass(frozen=True)
class Question:
    """A figure: the view behind it, what its axes are, the curves' query."""

    view: str
    title: str
    x: str
    y: str
    sql: str
    boxes: bool = False


def _by_block(view: str, quantity: str, series: str, title: str, y: str) -> Question:
    newest = f"{NEWEST.format(quantity=quantity)} AND method <> 'dense'"
    sql = f"SELECT {series}, block, avg(value) FROM {view} WHERE {newest} AND {{where}} GROUP BY ALL ORDER BY ALL"
    return Question(view, title, "block", y, sql)


_RUN = "concat_ws(' ', method, calibration)"
_TEXT = f"{_RUN} || ' on ' || language"


def _overlap(view: str) -> Question:
    """The setting is named where there are several, so that nothing unlike is averaged."""
    several = f"(SELECT count(DISTINCT (pattern, sparsity, setting)) FROM {view} WHERE {{where}}) > 1"
    method = f"concat_ws(' ', method, CASE WHEN {several} THEN concat_ws(' ', pattern, sparsity, setting) END)"
    sql = (
        f"SELECT concat_ws(' ', kind, {method}, submodule), block, avg(iou) FROM {view} WHERE {{where}} GROUP BY ALL "
        f"UNION ALL SELECT concat_ws(' ', kind || ', by chance:', {method}), block, avg(chance) FROM {view} "
        f"WHERE {{where}} GROUP BY ALL ORDER BY ALL"
    )
    title = "Overlap of masks; kind 'seeds' within a language, 'languages' between two, 'floor' with its own again"
    return Question(view, title, "block", "IoU", sql)


def _groups(view: str, value: str, title: str, y: str) -> Question:
    sql = f"SELECT {_RUN}, neuron_group, avg({value}) FROM {view} WHERE {{where}} GROUP BY ALL ORDER BY ALL"
    return Question(view, title, "group of neurons (2 % each), sorted by the dense model's LAPE", y, sql)


def _boxes(view: str) -> Question:
    """The dense model's boxes, then those of the runs that are selected; of the text that was measured last."""
    newest = f"evaluation = (SELECT arg_max(evaluation, started_at) FROM {view} JOIN runs USING (run_id))"
    chosen = f"FROM {view} WHERE {newest} AND {{where}}"
    several = f"(SELECT count(DISTINCT (pattern, sparsity)) {chosen} AND method <> 'dense') > 1"
    models = f"(SELECT count(DISTINCT model) {chosen}) > 1"
    name = (
        f"concat_ws(' ', CASE WHEN {models} THEN model END, method, "
        f"CASE WHEN {several} THEN concat_ws(' ', pattern, sparsity) END, calibration)"
    )
    numbers = ", ".join(f"avg({part})" for part in ("low", "q1", "median", "q3", "high"))
    sql = (
        f"SELECT {name} AS series, neuron_group, {numbers} FROM {view} "
        f"WHERE {newest} AND ({{where}} OR method = 'dense' AND model IN (SELECT model {chosen})) "
        f"GROUP BY ALL ORDER BY bool_or(method <> 'dense'), series, neuron_group"
    )
    title = "LAPE of the 30 % most language-specific neurons"
    return Question(view, title, "groups of 2 % of the neurons, by the dense model's LAPE", "nats", sql, boxes=True)


def _outputs(view: str, what: str) -> Question:
    chosen = f"(language, block, linear) = (SELECT (min(language), max(block) // 2, min(linear)) FROM {view})"
    one = f"'dense' AS series, output, avg(dense) FROM {view}"
    sql = (
        f"SELECT {one} WHERE {chosen} AND {{where}} GROUP BY ALL UNION ALL "
        f"SELECT {_RUN}, output, avg(pruned) FROM {view} WHERE {chosen} AND {{where}} GROUP BY ALL ORDER BY ALL"
    )
    return Question(view, f"Mean activation of {what}: middle block, first language", "output unit", "mean", sql)


_LSAR = "part || ' ' || " + _RUN

QUESTIONS: dict[str, Question] = {
    **{
        name: _by_block(
            name, "agnostic_difference", _LSAR, "Change of language-agnostic and -specific parts", "||.||"
        )
        for name in ("figure1", "figure6", "figure7")
    },
    "figure2": _overlap("figure2"),
    "figure3": _boxes("figure3"),
    "figure8": _boxes("figure8"),
    **{
        name: _by_block(name, "hidden_difference", _TEXT, "Mean magnitude of the change of hidden states", "||.||")
        for name in ("figure4", "figure5")
    },
    "figure9": _groups("figure9", "mean", "Largest activation probability over languages", "probability"),
    "figure10": _groups("figure10", "mean", "Mean absolute output of neurons", "|act(gate)|"),
    "figure11": _outputs("figure11", "the MLP's down projection"),
    "figure12": _outputs("figure12", "the attention's output projection"),
    "figure13": _outputs("figure13", "linears"),
}

NAMES = {"lsar": "figure1", "masks": "figure2", "lape": "figure3", "hidden": "figure4", "activations": "figure11"}
"""Other names of figures."""
