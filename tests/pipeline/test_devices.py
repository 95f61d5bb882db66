"""Claims on devices: one process at a time, given back at its end; what is told of a device that is not there."""

import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from pipeline import devices
from pipeline.devices import Claim, Device, DeviceError, bind, bound, choose, holders, try_claim

SMI = '#!/bin/sh\necho "0, GPU-aaa, NVIDIA H100"\necho "1, GPU-bbb, NVIDIA H100"\n'
CPU = choose("cpu", None)
HOLDER = """
import time
from pipeline.devices import choose, try_claim
with try_claim(choose("cpu", 1), "grid table-1"):
    print("mine", flush=True)
    time.sleep(60)
"""


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(devices, "_from_library", lambda: None)
    monkeypatch.setenv("PATH", str(tmp_path))  # no nvidia-smi


def test_devices_of_a_machine_without_a_gpu() -> None:
    assert choose("auto", None) == CPU == (Device("cpu", "cpu-0"),)
    assert [device.slot for device in choose("auto", 2)] == ["cpu-0", "cpu-1"]
    with pytest.raises(DeviceError, match="no NVIDIA GPU"):
        choose("cuda", None)
    with pytest.raises(DeviceError, match="no device 'gpu'"):
        choose("gpu", None)


def test_devices_of_a_machine_with_two_gpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "nvidia-smi").write_text(SMI)
    (tmp_path / "nvidia-smi").chmod(0o755)
    assert [device.slot for device in choose("auto", None)] == ["GPU-aaa", "GPU-bbb"]
    assert choose("cuda:1", None) == (Device("cuda", "GPU-bbb", 1, "NVIDIA H100"),)
    with pytest.raises(DeviceError, match=r"no such GPU; there are cuda:0 \(NVIDIA H100\)"):
        choose("cuda:7", None)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    assert [device.index for device in choose("auto", None)] == [1]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert choose("auto", None) == CPU


def wait_for_claim() -> Claim:
    while (claim := try_claim(CPU)) is None:
        pass
    return claim


def test_who_waits_gets_the_device_next() -> None:
    order: list[str] = []

    def second() -> None:
        with wait_for_claim():
            order.append("second")

    with wait_for_claim():
        thread = threading.Thread(target=second)
        thread.start()
        time.sleep(0.2)
        assert try_claim(CPU) is None
    with wait_for_claim():
        order.append("first again")
    thread.join()
    assert order == ["second", "first again"]


def test_a_killed_holder_gives_the_device_back() -> None:
    holder = subprocess.Popen([sys.executable, "-c", HOLDER], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    holder.stdout.readline()
    assert try_claim(CPU) is None
    assert holders(CPU) == f"process {holder.pid} (grid table-1)"
    holder.kill()
    with wait_for_claim() as device:
        assert device == CPU[0]
    holder.communicate()


def test_a_holder_that_said_nothing_is_another_process() -> None:
    assert holders(CPU) == "another process"


def test_a_worker_stays_with_its_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    pair = (Device("cuda", "GPU-aaa", 0), Device("cuda", "GPU-bbb", 1))
    assert bound(pair) == pair
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    bind(pair[1])
    assert bound(pair) == (pair[1],)


def test_gpus_and_their_free_memory_by_nvml(monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[bool] = []
    nvml = SimpleNamespace(
        nvmlInit=lambda: None,
        nvmlShutdown=lambda: closed.append(True),
        nvmlDeviceGetCount=lambda: 2,
        nvmlDeviceGetHandleByIndex=lambda index: index,
        nvmlDeviceGetUUID=lambda index: f"GPU-{index}".encode(),
        nvmlDeviceGetName=lambda _: "NVIDIA H100",
        nvmlDeviceGetMemoryInfo=lambda index: SimpleNamespace(free=(80, 7)[index]),
    )
    monkeypatch.undo()
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert devices.free_bytes() == 7
    assert [(gpu.slot, gpu.index, gpu.name) for gpu in devices.gpus()] == [
        ("GPU-0", 0, "NVIDIA H100"), ("GPU-1", 1, "NVIDIA H100"),
    ]  # fmt: skip
    assert closed == [True, True]


def test_without_nvml_free_memory_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert devices.free_bytes() is None
