"""The model card of an exported run: what was done, with what, and its numbers from the store."""

import json
import re
from pathlib import Path
from typing import Any

import duckdb

from pipeline.export.chosen import Chosen
from pipeline.models import Loaded
from pipeline.models.demo import DEMOS
from pipeline.spec import GPTQ
from pipeline.spec.changing import group_of
from store.reader import open_reader

NUMBERS = """
SELECT m.quantity, m.unit, m.task, e.source, e.samples, e.length, m.language, m.value, max_by(d.value, d.written_at)
FROM metrics m JOIN evaluation e USING (evaluation)
LEFT JOIN metrics d ON d.source = 'run' AND d.method = 'dense' AND d.model = m.model AND d.evaluation = m.evaluation
  AND d.quantity = m.quantity AND d.task = m.task AND d.language = m.language AND d.block = -1 AND d.linear = ''
WHERE m.run_id = ? AND m.block = -1 AND m.linear = '' AND m.value IS NOT NULL
GROUP BY ALL ORDER BY ALL
"""

PACKAGES = ("calib-explorer", "torch", "transformers", "python")


def card(chosen: Chosen, loaded: Loaded, how: str, store: Path, runs: Path) -> str:
    """The text of README.md. Raises StoreError where the store cannot be read."""
    with open_reader(store, runs) as connection:
        numbers = _numbers(connection, chosen.folder.run_id)
    spec = json.dumps(json.loads(chosen.run.canonical()), indent=1, ensure_ascii=False)
    parts = [
        _front_matter(chosen, loaded),
        f"# {loaded.name}, {chosen.run.method_label}",
        _summary(chosen, loaded, how),
        "## Settings",
        f"Run `{chosen.folder.run_id}` of calib-explorer; what is not listed is at its default.",
        f"```json\n{spec}\n```",
        "## Where it comes from",
        "\n".join(f"- {line}" for line in _provenance(chosen, loaded)),
        "## Numbers",
        numbers or "None were measured.",
    ]
    return "\n\n".join(parts) + "\n"


def _front_matter(chosen: Chosen, loaded: Loaded) -> str:
    """What the hub reads."""
    lines = ["library_name: transformers", "pipeline_tag: text-generation"]
    if chosen.run.model in DEMOS:
        lines.append(f"base_model: {DEMOS[chosen.run.model].hub}")
    elif loaded.source.startswith("hub:"):
        lines.append(f"base_model: {loaded.source.removeprefix('hub:')}")
    if re.fullmatch(r"[A-Za-z0-9.-]+", loaded.licence):
        lines.append(f"license: {loaded.licence.lower()}")
    elif loaded.licence:
        lines += ["license: other", f"license_name: {json.dumps(loaded.licence)}"]
    kind = "quantised" if isinstance(chosen.run.method, GPTQ) else "pruned"
    lines.append(f"tags: [calib-explorer, {kind}, {chosen.run.coordinates.method}]")
    return "\n".join(["---", *lines, "---"])


def _summary(chosen: Chosen, loaded: Loaded, how: str) -> str:
    at, reached = chosen.run.coordinates, chosen.record.get("sparsity_reached")
    calibration = f", calibrated on {at.calibration}" if at.calibration else ""
    pattern = f" ({at.pattern})" if at.pattern else ""
    sentences = [f"{loaded.name} after {at.method}{pattern}{calibration}."]
    if reached is not None:
        sentences.append(f"{reached:.2%} of the weights in the pruned linears are 0; they are stored as zeros.")
    if group_of(at.pattern):
        sentences.append("No mainstream runtime makes a model of this pattern faster today.")
    if isinstance(chosen.run.method, GPTQ):
        sentences.append(f"Weights keep the dtype {chosen.record.get('dtype')}; their values are those of the grid.")
    return " ".join([*sentences, f"The weights were {how}."])


def _provenance(chosen: Chosen, loaded: Loaded) -> list[str]:
    record = chosen.record
    versions = json.loads(record.get("versions") or "{}")
    known = {
        "dense model": f"{loaded.source} at {loaded.revision}",
        "calibration tokens": record.get("calibration_sha256") and f"SHA-256 {record['calibration_sha256']}",
        "commit of calib-explorer": record.get("git_commit"),
        "versions": ", ".join(f"{name} {versions[name]}" for name in PACKAGES if name in versions),
        "device": record.get("device"),
        "finished": record.get("finished_at") and f"{record['finished_at']:%Y-%m-%d}",
        "note": record.get("note"),
    }
    return [f"{name}: {value}" for name, value in known.items() if value]


def _numbers(connection: duckdb.DuckDBPyConnection, run_id: str) -> str:
    """A row a quantity and text, the dense model's below it where it was measured; a column a language."""
    rows: dict[tuple[Any, ...], dict[str, tuple[float, float | None]]] = {}
    for quantity, unit, task, source, samples, length, language, value, dense in connection.execute(
        NUMBERS, [run_id]
    ).fetchall():
        size = "x".join(str(number) for number in (samples, length) if number)
        label = " ".join(filter(None, (task, quantity, f"({unit})")))
        rows.setdefault((label, f"{source or ''} {size}".strip()), {})[language] = (value, dense)
    if not rows:
        return ""
    languages = sorted({language for values in rows.values() for language in values})
    lines = [["quantity", "text", *(language or "all" for language in languages)], ["---"] * (2 + len(languages))]
    for (label, text), values in rows.items():
        lines.append([label, text, *(_shown(values.get(language), 0) for language in languages)])
        if any(dense is not None for _, dense in values.values()):
            lines.append(["of the dense model", "", *(_shown(values.get(language), 1) for language in languages)])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _shown(pair: tuple[float, float | None] | None, which: int) -> str:
    number = None if pair is None else pair[which]
    return "" if number is None else f"{number:.4g}"
