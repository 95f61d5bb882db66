"""`calib-explorer compare`: two calibrations (or runs) on the items that both answered, tested in pairs."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.failures import CommandError
from app.sql import ask, opened, rendered
from app.statistics import computed
from app.table import Table

ITEMS = """
SELECT task, language, evaluation, item, avg(score) FILTER (side = 'a') AS a, avg(score) FILTER (side = 'b') AS b,
  count(DISTINCT run_id) FILTER (side = 'a') AS runs_a, count(DISTINCT run_id) FILTER (side = 'b') AS runs_b
FROM (
  SELECT i.task, i.language, i.evaluation, i.item, i.score, r.run_id,
    unnest([s for s in ['a', 'b'] if list_contains(CASE s WHEN 'a' THEN $a ELSE $b END, r.run_id)]) AS side
  FROM item i JOIN run r USING (run_key)
  WHERE i.score IS NOT NULL AND ($task = '' OR i.task = $task) AND ($language = '' OR i.language = $language))
GROUP BY ALL HAVING a IS NOT NULL AND b IS NOT NULL ORDER BY task, language, evaluation, item
"""

RUNS = """
SELECT run_id, model, method, sparsity, pattern, calibration, seed FROM run
WHERE source = 'run' AND run_key IN (SELECT run_key FROM item) ORDER BY run_id
"""

COLUMNS = (
    "task", "language", "n", "a", "b", "b - a", "low", "high", "p_permutation", "only_a", "only_b", "p_mcnemar",
    "runs_a", "runs_b", "evaluation",
)  # fmt: skip


@dataclass(frozen=True)
class Filter:
    """What to compare of the two; "" is everything."""

    model: str = ""
    method: str = ""
    task: str = ""
    language: str = ""


def compare(a: str, b: str, chosen: Filter, format: str, store: Path) -> None:
    """Print one row for each task, language and evaluation that both have. Raises CommandError."""
    with opened(store, views=()) as connection:  # the two queries read tables
        found = ask(connection, RUNS)
        runs = [dict(zip(found.columns, row, strict=True)) for row in found.rows]
        sides = {"a": _runs(a, runs, chosen), "b": _runs(b, runs, chosen)}
        _comparable([run for run in runs if run["run_id"] in (*sides["a"], *sides["b"])], a, b)
        values = {**sides, "task": chosen.task, "language": chosen.language}
        rows = connection.execute(ITEMS, values).fetchall()
    groups: dict[tuple[str, str, str], list[tuple[Any, ...]]] = {}
    for row in rows:
        groups.setdefault((row[0], row[1], row[2]), []).append(row)
    pairs = {key: found for key, found in groups.items() if len(found) > 1}
    if not pairs:
        raise CommandError(f"'{a}' and '{b}' have no items of a task in common; 'calib-explorer sql' on table item")
    tested = computed([{"a": [r[4] for r in found], "b": [r[5] for r in found]} for found in pairs.values()])
    table = Table(COLUMNS, tuple(_row(*pair) for pair in zip(pairs, pairs.values(), tested, strict=True)))
    print(rendered(table, format))
    if format == "text":
        print(f"a = {a}, b = {b}; scores in %, low and high: 95 % interval of b - a (bootstrap over items)")


def _runs(name: str, runs: list[dict[str, Any]], chosen: Filter) -> list[str]:
    """The runs that `name` says: a run's id, a calibration, or a method without one ("dense")."""
    if any(run["run_id"] == name for run in runs):
        return [name]
    wanted = "+".join(sorted(name.split("+")))
    found = [
        run["run_id"]
        for run in runs
        if (run["calibration"] == wanted or (run["calibration"] is None and run["method"] == name))
        and chosen.model in ("", run["model"])
        and (chosen.method in ("", run["method"]) or run["method"] == name)
    ]
    if not found:
        valid = sorted({run["calibration"] or run["method"] for run in runs})
        raise CommandError(f"nothing with items is called '{name}'; there is {', '.join(valid) or 'no item at all'}")
    return found


def _comparable(runs: list[dict[str, Any]], a: str, b: str) -> None:
    """Several models or methods behind one calibration are not one thing."""
    for name in ("model", "method", "pattern", "sparsity"):
        values = {run[name] for run in runs if name == "model" or run["calibration"] is not None}
        if len(values) > 1 and not {a, b} <= {run["run_id"] for run in runs}:
            told = ", ".join(sorted(map(str, values)))
            raise CommandError(f"{a} and {b} are there with several of {name}: {told}; give --{name}, or two run ids")


def _row(key: tuple[str, str, str], items: list[tuple[Any, ...]], tested: dict[str, Any]) -> tuple[Any, ...]:
    change = tested["difference"]
    percent = [100 * value for value in (tested["a"]["mean"], tested["b"]["mean"], change["mean"])]
    interval = [100 * change["low"], 100 * change["high"]]
    tests = [tested[name] for name in ("p_permutation", "only_a", "only_b", "p_mcnemar")]
    return (key[0], key[1], len(items), *percent, *interval, *tests, items[0][6], items[0][7], key[2])
