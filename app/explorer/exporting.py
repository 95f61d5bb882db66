"""Writing what is on screen to ./out, as text and as CSV."""

import re
from pathlib import Path

from app import matrix_files, matrix_text
from app.explorer.shown import slice_name
from store.matrix import Matrix

OUT = Path("out")


def write_matrix(matrix: Matrix) -> str:
    """Write NAME.txt and NAME.csv. What happened, in a line."""
    text = "\n".join([matrix.title, "", *matrix_text.grid(matrix, "none", None), "", *matrix_text.legend(matrix)])
    view = matrix.view
    base = "" if view.baseline == "none" else f"less {view.baseline}"
    origin = "paper" if view.source == "paper" else ""
    name = " ".join(filter(None, (view.quantity, view.task, view.model, slice_name(view), origin, base)))
    return write(name, text, matrix_files.csv(matrix))


def write(name: str, text: str, csv: str) -> str:
    """Write both files under ./out. What happened, in a line."""
    stem = OUT / "-".join(re.findall(r"[\w.+]+", name.lower()))[:120]
    try:
        OUT.mkdir(exist_ok=True)
        stem.with_name(f"{stem.name}.txt").write_text(text + "\n", encoding="utf-8")
        stem.with_name(f"{stem.name}.csv").write_text(csv + "\n", encoding="utf-8")
    except OSError as error:
        return f"not written: {error.filename}: {error.strerror}"
    return f"wrote {stem}.txt and .csv"
