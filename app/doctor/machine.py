"""Python, torch and its devices, memory, disk."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

from app.doctor.finding import GIB, Finding, gib

PACKAGES = ("duckdb", "textual", "transformers", "polars", "lm_eval")
FREE_MEMORY = 2 * GIB
"""The demo's peak is 1.2 GiB (SmolLM2-135M in float32); below this it may swap."""
FREE_DISK = 2 * GIB
"""Room for the demo model (wheel, GGUF, safetensors), masks and the store, with some to spare."""

GPU_ADVICE = "install the build of torch for your driver into .venv (pytorch.org/get-started)"

ASK_TORCH = """
import json, torch
n_cards = torch.cuda.device_count() if torch.cuda.is_available() else 0
cards = [torch.cuda.get_device_properties(index) for index in range(n_cards)]
print(json.dumps({
    "version": torch.__version__,
    "threads": torch.get_num_threads(),
    "built_for_cuda": torch.version.cuda,
    "cuda": [f"{card.name} ({card.total_memory / 1024**3:.0f} GiB)" for card in cards],
    "mps": torch.backends.mps.is_available(),
}))
"""


def python() -> Finding:
    """This interpreter and the versions that matter."""
    missing = [name for name in PACKAGES if _version(name) is None]
    seen = ", ".join([f"{sys.version.split()[0]} ({sys.executable})", *(f"{p} {_version(p)}" for p in PACKAGES)])
    if missing:
        return Finding("python", "fail", seen, f"not installed: {', '.join(missing)}; run 'make demo' again")
    return Finding("python", "ok", seen)


def start_asking_torch() -> "subprocess.Popen[str]":
    """Import torch in a process of its own: seconds and hundreds of MB that this one must not spend."""
    command = [sys.executable, "-c", ASK_TORCH]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def torch(child: "subprocess.Popen[str]", patience_s: float = 60.0) -> Finding:
    """What the child said of torch and its devices, against the GPUs that the driver shows."""
    try:
        out, err = child.communicate(timeout=patience_s)
    except subprocess.TimeoutExpired:
        child.kill()
        child.communicate()
        return Finding("torch", "warn", f"no answer within {patience_s:.0f} s", "the disk may be busy: try again")
    if child.returncode:
        last = (err.strip().splitlines() or ["no message"])[-1]
        return Finding("torch", "fail", f"import fails: {last}", "delete .venv and run 'make demo' again")
    said = json.loads(out.splitlines()[-1])
    devices = said["cuda"] or (["mps"] if said["mps"] else [])
    seen = ", ".join([said["version"], *devices, f"CPU with {said['threads']} threads"])
    if not said["cuda"] and (gpus := _driver_gpus()):
        reason = "the driver is too old for this build" if said["built_for_cuda"] else "this is a CPU build of torch"
        return Finding("torch", "warn", f"{seen}; not used: {', '.join(gpus)}", f"{reason}: {GPU_ADVICE}")
    return Finding("torch", "ok", seen)


def memory() -> Finding:
    """Memory that processes can have without swapping."""
    machine = psutil.virtual_memory()
    seen = f"{gib(machine.available)} free of {gib(machine.total)}"
    if machine.available < FREE_MEMORY:
        return Finding("memory", "warn", seen, f"the demo wants {gib(FREE_MEMORY)}; end other programs")
    return Finding("memory", "ok", seen)


def disks(folders: dict[str, Path]) -> Iterator[Finding]:
    """Free space and permission to write, for each named folder (or the nearest that exists above it)."""
    for name, folder in folders.items():
        place = next(path for path in (folder, *folder.parents) if path.is_dir())
        free = shutil.disk_usage(place).free
        seen = f"{gib(free)} free for {name} in {folder}"
        if not os.access(place, os.W_OK | os.X_OK):
            yield Finding("disk", "fail", f"{place} is not writable ({name})", "choose another folder with --store")
        elif free < FREE_DISK:
            yield Finding("disk", "warn", seen, f"the demo wants {gib(FREE_DISK)}; make room")
        else:
            yield Finding("disk", "ok", seen)


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _driver_gpus() -> list[str]:
    """GPUs that nvidia-smi names; none where there is no such program."""
    try:
        done = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=5, check=True)
    except (OSError, subprocess.SubprocessError):
        return []
    return [line.partition(" (UUID")[0] for line in done.stdout.splitlines()]
