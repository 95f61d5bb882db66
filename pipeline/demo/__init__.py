"""What ships for the demo: its corpus, the questions on its held-out paragraphs, and its grid."""

from pathlib import Path

CORPUS = Path(__file__).parent / "corpus"
"""LANG.jsonl with {"id", "split", "text"}."""

QUESTIONS = Path(__file__).parent / "questions"
"""LANG.jsonl with {"id", "question", "choices", "answer"}: one for each held-out paragraph."""

GRID = Path(__file__).parent / "grid.toml"
"""The grid of `calib-explorer run --headless demo`."""
