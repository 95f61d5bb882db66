"""Statistics of items' scores, computed in a process of the pipeline: scipy is too large for this one."""

import json
import subprocess
import sys
from typing import Any

from app.failures import CommandError


def computed(asked: list[dict[str, list[float]]]) -> list[dict[str, Any]]:
    """For each {"a": scores, "b": scores} a paired test, for each {"a": scores} an estimate: the fields of Paired and
    Estimate in pipeline/paired/tests.py. Raises CommandError."""
    command = [sys.executable, "-m", "pipeline.paired"]
    done = subprocess.run(command, input=json.dumps(asked), capture_output=True, text=True, check=False)
    if done.returncode:
        raise CommandError(f"the statistics failed: {(done.stderr.strip().splitlines() or ['no message'])[-1]}")
    results: list[dict[str, Any]] = json.loads(done.stdout)
    return results
