"""The devices of this machine and the claim on one: one lock file per device, held by the process that uses it.

Torch-free. GPUs are known by UUID, from nvidia-ml-py where it is installed, else from nvidia-smi. A machine
without a GPU has one slot per worker that a grid may use, so that the runs of a second grid queue.
"""

import importlib
import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import platformdirs
from filelock import FileLock, Timeout

INTERVAL_S = 0.05
"""Between two looks of who waits for a device."""

PAUSE_S = 0.15
"""How long a released device is left alone if somebody waits for it, so that they get it."""


class DeviceError(RuntimeError):
    """A device that is asked for and can't be used: no run of this call can start."""


@dataclass(frozen=True)
class Device:
    """kind: "cpu" or "cuda". slot: the name of its lock file: a GPU's UUID, or "cpu-0"."""

    kind: str
    slot: str
    index: int = 0
    name: str = ""


def choose(wanted: str, workers: int | None) -> tuple[Device, ...]:
    """The devices a call may use: `wanted` is "auto", "cpu", "cuda" or "cuda:N". Raises DeviceError."""
    if wanted not in ("auto", "cpu") and not wanted.startswith("cuda"):
        raise DeviceError(f"no device '{wanted}'; valid: auto, cpu, cuda, cuda:0, cuda:1, ...")
    found = () if wanted == "cpu" else gpus()
    if wanted == "cpu" or (wanted == "auto" and not found):
        return tuple(Device("cpu", f"cpu-{index}") for index in range(workers or 1))
    if not found:
        raise DeviceError(f"--device {wanted}: no NVIDIA GPU found (neither nvidia-ml-py nor nvidia-smi sees one)")
    if ":" in wanted:
        found = tuple(gpu for gpu in found if wanted == f"cuda:{gpu.index}")
        if not found:
            raise DeviceError(f"--device {wanted}: no such GPU; there are {', '.join(_names(gpus()))}")
    return found


def gpus() -> tuple[Device, ...]:
    """The NVIDIA GPUs that CUDA_VISIBLE_DEVICES allows."""
    by_library = _from_library()
    found = _from_command() if by_library is None else by_library
    allowed = os.environ.get("CUDA_VISIBLE_DEVICES")
    if allowed is None:
        return found
    names = [name.strip() for name in allowed.split(",") if name.strip()]
    return tuple(gpu for gpu in found if str(gpu.index) in names or any(gpu.slot.startswith(n) for n in names))


@dataclass(frozen=True)
class Claim:
    """A device held by this process for `whom`. Leaving gives it back, with a pause where somebody waits for it."""

    device: Device
    lock: FileLock
    whom: str

    def __post_init__(self) -> None:
        holder = {"pid": os.getpid(), "for": self.whom}
        with suppress(OSError):
            _holder(self.lock).write_text(json.dumps(holder), encoding="utf-8")

    def __enter__(self) -> Device:
        return self.device

    def __exit__(self, *_: object) -> None:
        self.lock.release()
        with suppress(FileNotFoundError):
            if time.time() - _wanted(self.lock).stat().st_mtime < 1.0:
                time.sleep(PAUSE_S)


def try_claim(devices: tuple[Device, ...], whom: str = "", patience_s: float = 0.0) -> Claim | None:
    """Hold the first of `devices` that becomes free within `patience_s`; None where none does.

    whom: what the device is for, as others who want it are told.
    """
    _folder().mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + patience_s
    while True:
        for device in devices:
            lock = _lock(device)
            try:
                lock.acquire(timeout=0)
            except Timeout:
                _wanted(lock).touch()
                continue
            return Claim(device, lock, whom)
        if time.monotonic() >= deadline:
            return None
        time.sleep(INTERVAL_S)


def holders(devices: tuple[Device, ...]) -> str:
    """Who has `devices`, as far as they said: "process 4711 (grid demo-0a1b2c3d)"; "another process" otherwise."""
    found = []
    for device in devices:
        with suppress(OSError, ValueError, KeyError, TypeError):
            holder = json.loads(_holder(_lock(device)).read_text(encoding="utf-8"))
            found.append(f"process {holder['pid']}" + (f" ({holder['for']})" if holder["for"] else ""))
    return ", ".join(dict.fromkeys(found)) or "another process"


def _folder() -> Path:
    return platformdirs.user_cache_path("calib-explorer") / "devices"


def _lock(device: Device) -> FileLock:
    return FileLock(_folder() / f"{device.slot}.lock", thread_local=False)


def _holder(lock: FileLock) -> Path:
    """Where whoever holds the lock says who they are."""
    return Path(lock.lock_file).with_suffix(".holder")


def _wanted(lock: FileLock) -> Path:
    """A file touched by whoever waits for the lock."""
    return Path(lock.lock_file).with_suffix(".wanted")


def bind(device: Device) -> None:
    """Make a GPU the only one that this process sees. Must come before the first use of CUDA."""
    if device.kind == "cuda":
        os.environ["CUDA_VISIBLE_DEVICES"] = device.slot


def bound(devices: tuple[Device, ...]) -> tuple[Device, ...]:
    """The device that this process is bound to, where it is to one of `devices`; else all of them."""
    slot = os.environ.get("CUDA_VISIBLE_DEVICES")
    return tuple(device for device in devices if device.slot == slot) or devices


def _names(found: tuple[Device, ...]) -> list[str]:
    return [f"cuda:{gpu.index} ({gpu.name})" for gpu in found]


def free_bytes() -> int | None:
    """Memory that is free on the fullest GPU; None where it can't be told."""
    with _nvml() as nvml:
        return min((int(nvml.nvmlDeviceGetMemoryInfo(handle).free) for handle in _handles(nvml)), default=None)


def _from_library() -> tuple[Device, ...] | None:
    """By NVML, or None where nvidia-ml-py or the driver is missing."""
    with _nvml() as nvml:
        if nvml is None:
            return None
        return tuple(
            Device("cuda", _text(nvml.nvmlDeviceGetUUID(handle)), index, _text(nvml.nvmlDeviceGetName(handle)))
            for index, handle in enumerate(_handles(nvml))
        )


@contextmanager
def _nvml() -> Iterator[Any]:
    """NVML, ready to be asked; None where nvidia-ml-py or the driver is missing."""
    try:
        nvml = importlib.import_module("pynvml")
        nvml.nvmlInit()
    except Exception:  # NVMLError has no home without the module
        yield None
        return
    try:
        yield nvml
    finally:
        nvml.nvmlShutdown()


def _handles(nvml: Any) -> list[Any]:
    """Of all GPUs; none without NVML."""
    return [] if nvml is None else [nvml.nvmlDeviceGetHandleByIndex(i) for i in range(nvml.nvmlDeviceGetCount())]


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


def _from_command() -> tuple[Device, ...]:
    command = ["nvidia-smi", "--query-gpu=index,uuid,name", "--format=csv,noheader"]
    try:
        output = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return ()
    rows = [[part.strip() for part in line.split(",", 2)] for line in output.splitlines() if line.count(",") >= 2]
    return tuple(Device("cuda", uuid, int(index), name) for index, uuid, name in rows)
