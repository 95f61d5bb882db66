"""The C files beside this one, compiled for this machine at first use and kept in the cache.

Without a C compiler the same loops run in torch, slower: `available` tells which it will be. A compiler need not be
the system's: `pip install ziglang` brings one.
"""

import ctypes
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import warnings
from contextlib import suppress
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import platformdirs
from torch import Tensor

FLAGS = (("-march=native", "-fopenmp"), ("-march=native",), ("-fopenmp",), ())
"""Tried in turn: not every compiler knows both. torch's OpenMP library is loaded already and is the one used."""


SWITCH = "CALIB_EXPLORER_KERNELS"
"""Environment variable: "torch" keeps to torch's own operations."""


@cache
def library(name: str, contraction: str) -> ctypes.CDLL | None:
    """NAME.c as a loaded library; None without a compiler, or where SWITCH asks for none.

    contraction: "off" rounds every multiplication and addition by itself, "fast" lets them fuse.
    """
    compiler = _compiler()
    if compiler is None or os.environ.get(SWITCH) == "torch":
        return None
    source = Path(__file__).with_name(f"{name}.c")
    texts = [file.read_bytes() for file in [source, *sorted(source.parent.glob("*.h"))]]
    key = hashlib.sha256(b"\0".join([*texts, contraction.encode(), _version(compiler), _processor()])).hexdigest()[
        :16
    ]
    target = platformdirs.user_cache_path("calib-explorer") / "kernels" / f"{name}-{key}.so"
    with suppress(OSError):  # not there, or made where other libraries were at hand
        return ctypes.CDLL(str(target))
    return _compile(compiler, source, target, contraction)


def available() -> str:
    """The compiler that makes the kernels, or "torch" where there is none."""
    compiler = _compiler()
    return "torch" if compiler is None or library("columns", "off") is None else " ".join(compiler)


def address(tensor: Tensor) -> ctypes.c_void_p:
    """Where a tensor's first element lies, for a C function."""
    return ctypes.c_void_p(tensor.data_ptr())


def _compile(compiler: tuple[str, ...], source: Path, target: Path, contraction: str) -> ctypes.CDLL | None:
    """The library, if that worked. Two processes may compile at once: the file appears whole or not at all."""
    always = ("-O3", f"-ffp-contract={contraction}", "-fno-math-errno", "-shared", "-fPIC", "-lm")
    message = ""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent) as folder:
            for number, flags in enumerate(FLAGS):
                made = Path(folder) / f"{number}.so"
                command = [*compiler, *flags, str(source), *always, "-o", str(made)]
                done = subprocess.run(command, capture_output=True, text=True, timeout=120)
                message = done.stderr.strip() or message
                if done.returncode == 0:
                    with suppress(OSError):  # compiled, but lacks its OpenMP library
                        loaded = ctypes.CDLL(str(made))
                        made.replace(target)
                        return loaded
    except (OSError, subprocess.SubprocessError) as error:
        message = str(error)
    warnings.warn(
        f"{source.name} could not be compiled with {compiler[0]}; torch does its work, slower: {message[:500]}",
        RuntimeWarning,
        stacklevel=3,
    )
    return None


@cache
def _compiler() -> tuple[str, ...] | None:
    for name in (os.environ.get("CC", ""), "cc", "gcc", "clang"):
        if name and (path := shutil.which(name)):
            return (path,)
    return (sys.executable, "-m", "ziglang", "cc") if find_spec("ziglang") else None


@cache
def _version(compiler: tuple[str, ...]) -> bytes:
    """A newer one may know instructions that the one before did not."""
    done = subprocess.run([*compiler, "--version"], capture_output=True, timeout=60, check=False)
    return " ".join(compiler).encode() + b"\0" + done.stdout


def _processor() -> bytes:
    """What -march=native depends on: a cache may be shared by machines of different kinds."""
    if sys.platform == "linux":
        lines = Path("/proc/cpuinfo").read_text(errors="replace").splitlines()
        known = {line.partition(":")[0].strip(): line for line in lines}
        return f"{known.get('model name')} {known.get('flags') or known.get('Features')}".encode()
    return f"{platform.machine()} {platform.processor()} {platform.version()}".encode()
