"""kill -9 of writers and ingesters: 20 trials, or as many as KILL_TRIALS says."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

TRIALS = int(os.environ.get("KILL_TRIALS", "20"))


@pytest.mark.timeout(120 + 5 * TRIALS)
def test_no_acknowledged_row_is_lost_doubled_or_half_there() -> None:
    command = [sys.executable, str(Path(__file__).parent / "killing.py"), str(TRIALS)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout, done.stderr
    outcome = json.loads(done.stdout.splitlines()[-1])
    assert (outcome["lost"], outcome["torn"], outcome["orphans"]) == ([], [], [])
    assert outcome["acknowledged"] > 5 * TRIALS
    assert done.returncode == 0
