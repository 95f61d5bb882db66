"""The estimate: sane before anything is measured, and soon right however wrong the expectation was."""

from pathlib import Path

import pytest

from pipeline.progress import Course, Pace, Report
from pipeline.screen import duration
from pipeline.spec import CalibrationSpec, Dense, Perplexity, RunSpec, Wanda
from pipeline.stages import Machine, Stage, parameters_of, stages

TEXT = CalibrationSpec(languages="de", source="demo", samples=32, length=512, sampling="pack")
PERPLEXITY = Perplexity(
    name="perplexity", languages=("de", "en"), source="demo", samples=8, length=512, sampling="pack"
)
STAGES = (Stage("load", 4.0), Stage("prune", 20.0), Stage("perplexity", 10.0))


class Clock:
    def __init__(self) -> None:
        self.now: float = 0.0

    def __call__(self) -> float:
        return self.now


def test_stages_of_runs() -> None:
    cpu = Machine("cpu", 2)
    wanda = RunSpec(model="demo", method=Wanda(name="wanda"), calibration=TEXT, seed=0)
    fresh = stages(wanda, (PERPLEXITY,), cpu, masks_ready=False, model_ready=False)
    assert [stage.name for stage in fresh] == ["load", "calibrate", "prune", "perplexity"]
    resumed = stages(wanda, (PERPLEXITY,), cpu, masks_ready=True, model_ready=True)
    assert [stage.name for stage in resumed] == ["load", "apply", "perplexity"]
    dense = stages(
        RunSpec(model="demo", method=Dense(name="dense")), (PERPLEXITY,), cpu, masks_ready=False, model_ready=False
    )
    assert [stage.name for stage in dense] == ["load", "perplexity"]
    assert dense[0].seconds > fresh[0].seconds - 1e-9 > resumed[0].seconds
    faster = stages(wanda, (PERPLEXITY,), Machine("cuda", 2), masks_ready=False, model_ready=False)
    assert faster[2].seconds < fresh[2].seconds


def test_size_of_a_model_before_it_is_loaded(tmp_path: Path) -> None:
    assert parameters_of("meta-llama/Meta-Llama-3-8B-Instruct") == 8e9
    assert parameters_of("google/gemma-3-270m") == 270e6
    assert parameters_of("somebody/nothing-known") == 1e9
    (tmp_path / "model.safetensors").write_bytes(bytes(40_000))
    assert parameters_of(str(tmp_path)) == 20_000


@pytest.mark.parametrize("truth", [0.2, 1.0, 7.0])
def test_the_estimate_learns(truth: float) -> None:
    """A machine `truth` times slower than expected: a tenth into pruning the estimate is within a third."""
    clock = Clock()
    course = Course(STAGES, Pace(), clock)
    assert course.remaining_s() == pytest.approx(34)
    course.update(Report("load", 1.0, elapsed_s=4.0))
    for step in range(1, 11):
        clock.now += 0.2 * truth
        course.update(Report("prune", 0.01 * step, elapsed_s=0.2 * truth * step))
    assert course.remaining_s() == pytest.approx(28 * truth, rel=0.35)
    for step in range(11, 101):
        clock.now += 0.2 * truth
        course.update(Report("prune", 0.01 * step, elapsed_s=0.2 * truth * step))
    assert course.remaining_s() == pytest.approx(10 * truth, rel=0.1)


def test_the_remaining_time_runs_down_between_reports_but_not_while_waiting() -> None:
    clock = Clock()
    course = Course(STAGES, Pace(), clock)
    course.update(Report("load", 0.0, "for the device", waiting=True))
    clock.now = 3.0
    assert course.remaining_s() == pytest.approx(34)
    course.update(Report("load"))
    clock.now = 6.0
    assert course.remaining_s() == pytest.approx(31)
    clock.now = 60.0
    assert 30 < course.remaining_s() < 31
    course.update(Report("load", 0.0, elapsed_s=57.0))
    assert 30 < course.remaining_s() < 31


def test_other_runs_profit_from_what_was_learnt() -> None:
    pace = Pace()
    first = Course(STAGES, pace)
    first.update(Report("prune", 1.0, elapsed_s=60.0))
    second = Course(STAGES, pace)
    assert second.remaining_s() == pytest.approx(4 + 60 + 30, rel=0.1)


def test_durations() -> None:
    assert [duration(s) for s in (0.4, 59.0, 61.0, 3600.0, 3900.0)] == ["0 s", "59 s", "1:01 min", "1:00 h", "1:05 h"]
