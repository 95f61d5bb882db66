"""How long a grid's runs will take, going by the finished runs that lie beside where they will be."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from pipeline.launch import measures_of, run_spec, tasks_of
from pipeline.plan import Todo
from pipeline.progress import Pace
from pipeline.spec import RunSpec
from pipeline.stages import Machine, stages
from store.folders import RunFolder, run_folders

MOST = 30
"""Earlier runs that are looked at: the latest."""


@dataclass(frozen=True)
class Past:
    """What earlier runs teach: how much longer than expected their stages took."""

    n_runs: int
    pace: Pace

    def seconds(self, todo: tuple[Todo, ...], machine: Machine, width: int) -> float:
        """Of all runs to do, with `width` workers."""
        total, loaded = 0.0, ""
        for each in todo:
            expected = stages(
                each.run,
                each.missing,
                machine,
                masks_ready=each.masks_ready,
                model_ready=each.affinity == loaded,
                tasks=each.tasks,
            )
            total += sum(stage.seconds * self.pace.factor(stage.name) for stage in expected)
            loaded = each.affinity
        return total / max(1, min(width, len(todo)))


def past(runs: Path, machine: Machine) -> Past | None:
    """What the finished runs under `runs` teach; None where there are none."""
    pace, n_runs = Pace(), 0
    for folder, run, seconds in islice(_finished(runs), MOST):
        measures, tasks = measures_of(runs, folder.run_id), tasks_of(runs, folder.run_id)
        for stage in stages(run, measures, machine, masks_ready=False, model_ready=False, tasks=tasks):
            if stage.name in seconds:
                pace.observe(stage.name, stage.seconds, seconds[stage.name])
        n_runs += 1
    return Past(n_runs, pace) if n_runs else None


def _finished(runs: Path) -> Iterator[tuple[RunFolder, RunSpec, dict[str, float]]]:
    """Runs with the seconds of their stages, the latest first."""
    found = [folder for folder in run_folders(runs) if folder.events.exists()]
    for folder in sorted(found, key=lambda each: each.events.stat().st_mtime, reverse=True):
        lines = folder.events.read_text(encoding="utf-8").splitlines()
        ends = [line for line in lines if '"kind": "done"' in line]
        run = run_spec(folder)
        if ends and run is not None:
            yield folder, run, json.loads(ends[-1]).get("seconds", {})
