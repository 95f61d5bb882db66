"""An export as a process: what memory it takes, and what is left where it is stopped or killed."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import medium_model
import pytest
import tiny_grid
import torch
from medium_model import MIB, most_memory
from safetensors import safe_open
from tiny_grid import Place

from pipeline.bench import Bench
from pipeline.export import made, written
from pipeline.export.chosen import Chosen
from pipeline.mask_file import MaskFile
from pipeline.prune import prune
from pipeline.recorded import Recorded
from pipeline.scratch import LINE
from pipeline.spec import Magnitude, RunSpec
from store.folders import RunFolder

SLOW = """
import signal, sys, time
for number in (signal.SIGINT, signal.SIGHUP):  # ignored where the tests run under nohup
    signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
from pipeline.export import __main__ as export, written
written.locate = lambda name: time.sleep(60)  # halfway: weights are written, licences looked for
sys.exit(export.command(sys.argv[1:]))
"""


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Place:
    place = tiny_grid.make(tmp_path_factory.mktemp("exported"))
    place.write_grid(tiny_grid.GRID.replace('calibration = ["de", "en"]', 'calibration = ["de"]'))
    code, output = place.run()
    assert code == 0, output
    return place


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return medium_model.on_a_bench(tmp_path)


def start(place: Place, target: Path, code: str = SLOW) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-c", code, "wanda", str(target), "--store", str(place.store)]
    return subprocess.Popen(command, env=place.environment(), stdin=subprocess.DEVNULL)


def wait_for_weights(target: Path) -> None:
    deadline = time.monotonic() + 60
    while not list(target.parent.glob(f".{target.name}-*/made/tokenizer.json")):
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_nothing_behind(done: Place, number: signal.Signals, tmp_path: Path) -> None:
    process = start(done, tmp_path / "out")
    wait_for_weights(tmp_path / "out")
    process.send_signal(number)
    assert process.wait(timeout=20) == 130
    assert list(tmp_path.iterdir()) == []


def test_what_a_kill_leaves_the_next_export_removes(done: Place, tmp_path: Path) -> None:
    target = tmp_path / "out"
    process = start(done, target)
    wait_for_weights(target)
    process.kill()
    process.wait()
    (left,) = tmp_path.iterdir()
    host = socket.gethostname()
    assert left.name.startswith(f".out-{process.pid}-{host}-")
    others = [
        f".out-{os.getpid()}-{host}-abc",  # at work
        f".out-{process.pid}-elsewhere-abc",
        f".out-{process.pid}-{host}-2-abc",  # another host's whose name begins like ours
        f".out-{process.pid}-abc",
        f".outside-{process.pid}-{host}-abc",
        f"out-{process.pid}-{host}-abc",
    ]
    for name in others:
        (tmp_path / name).mkdir()
    again = start(done, target, SLOW.replace("written.locate =", "_ ="))
    assert again.wait(timeout=60) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*others, "out"])


def test_the_command_waits_for_the_process_that_it_hands_a_signal_to(done: Place, tmp_path: Path) -> None:
    """It takes its time to put away what it has begun."""
    slower = (
        SLOW.replace("sys.exit(", "code = (") + "time.sleep(1.5); open(sys.argv[2] + '.end', 'w'); sys.exit(code)"
    )
    code = f"""
import subprocess, sys
begin = subprocess.Popen
subprocess.Popen = lambda command: begin([command[0], "-c", {slower!r}, *command[3:]])
from app.cli import main
sys.argv.insert(1, "export-model")
sys.exit(main())
"""
    process = start(done, tmp_path / "out", code)
    wait_for_weights(tmp_path / "out")
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=20) == 130
    assert [path.name for path in tmp_path.iterdir()] == ["out.end"]


def test_room_is_asked_for_the_scratch_file_too(
    bench: Bench,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(0, 0, 10**9))
    written.check_space(bench, tmp_path / "out")
    monkeypatch.setattr(written, "BESIDE_WEIGHTS", 10**9 - bench.scratch_bytes() - 144 * MIB + 1)
    with pytest.raises(written.ExportError, match="no space for "):
        written.check_space(bench, tmp_path / "out")
    assert bench.scratch_bytes() == 128 * MIB + 56 * LINE


def pruned(bench: Bench, run: RunSpec, folder: RunFolder) -> str:
    """SHA-256 of the run's model; its masks are in its folder then."""
    loaded = bench.take(run.model, run.dtype)
    bench.change()
    remaking = Recorded().remaking(loaded.model)
    with MaskFile(folder.masks) as file:
        for block in prune(loaded.model, None, run.method, torch.device("cpu")):
            remaking.add(block)
            for name, mask in block.masks.items():
                file.add(name, mask)
    return remaking.result()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("has_masks", [True, False])
def test_it_takes_the_memory_of_a_block_not_of_the_model(
    bench: Bench,
    has_masks: bool,
    tmp_path: Path,
) -> None:
    run = RunSpec(model=str(tmp_path / "model"), method=Magnitude(name="magnitude"))
    folder = RunFolder.at(tmp_path / "runs", run.run_id).create({"run_id": run.run_id})
    record = {"weights_sha256": pruned(bench, run, folder)}
    loaded = bench.take(run.model, run.dtype)
    with most_memory() as most:
        how = made.make(Chosen(folder, run, record, has_masks), bench, torch.device("cpu"), "cpu", lambda _: None)
        written.write(loaded, run.model, how, tmp_path / "out")
    assert most[0] < 24 * MIB, f"{most[0] / MIB:.0f} MiB of 128 MiB in blocks"
    with safe_open(tmp_path / "out" / "model.safetensors", framework="pt") as file:
        assert int((file.get_tensor("model.layers.7.mlp.up_proj.weight") == 0).sum()) >= 512 * 1024
