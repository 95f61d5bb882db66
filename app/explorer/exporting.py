"""Writing what is on screen to ./out, as text and as CSV."""

from pathlib import Path

from app import matrix_files, matrix_text
from store.matrix import Matrix

OUT = Path("out")


def write_matrix(matrix: Matrix) -> str:
    """Write NAME.txt and NAME.csv. What happened, in a line."""
    text = "\n".join([matrix.title, "", *matrix_text.grid(matrix, "none", None), "", *matrix_text.legend(matrix)])
    return write(str(matrix.view), text, matrix_files.csv(matrix))


def write(name: str, text: str, csv: str) -> str:
    """Write both files under ./out. What happened, in a line."""
    stem = OUT / "".join(letter if letter.isalnum() or letter in "-+.=" else "_" for letter in name)[:120]
    try:
        OUT.mkdir(exist_ok=True)
        stem.with_name(f"{stem.name}.txt").write_text(text + "\n", encoding="utf-8")
        stem.with_name(f"{stem.name}.csv").write_text(csv + "\n", encoding="utf-8")
    except OSError as error:
        return f"not written: {error.filename}: {error.strerror}"
    return f"wrote {stem}.txt and .csv"
