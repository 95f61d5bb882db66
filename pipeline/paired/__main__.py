"""Reads JSON from its input: a list of {"a": [scores], "b": [scores]}, items in the same order, or {"a": [scores]}
alone; writes the list of results (Paired or Estimate in pipeline/paired/tests.py) as JSON. The app asks this in
another process: scipy is large."""

import json
import sys
from dataclasses import asdict

import numpy as np

from pipeline.paired.tests import alone, compare


def main() -> None:
    """One result for each pair of lists, or list."""
    results = []
    for asked in json.load(sys.stdin):
        a, *b = (np.array(asked[side], dtype=np.float64) for side in ("a", "b") if side in asked)
        results.append(asdict(compare(a, b[0]) if b else alone(a)))
    json.dump(results, sys.stdout)


if __name__ == "__main__":
    main()
