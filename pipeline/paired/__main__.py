"""Reads JSON from its input: a list of {"name": ..., "a": [scores], "b": [scores]}, items in the same order; writes
the list of results (see pipeline/paired/tests.py) as JSON. The app asks this in another process: scipy is large."""

import json
import sys
from dataclasses import asdict

import numpy as np

from pipeline.paired.tests import compare


def main() -> None:
    """One result for each pair of lists."""
    results = []
    for asked in json.load(sys.stdin):
        paired = compare(np.array(asked["a"], dtype=np.float64), np.array(asked["b"], dtype=np.float64))
        results.append({"name": asked["name"], **asdict(paired)})
    json.dump(results, sys.stdout)


if __name__ == "__main__":
    main()
