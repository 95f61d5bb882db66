"""How texts begin, LANG.txt, one opening a line: self-calibration lets the model go on from them."""

from pathlib import Path

FOLDER = Path(__file__).parent
"""LANG.txt, UTF-8."""
