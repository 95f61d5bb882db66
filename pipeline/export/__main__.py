"""The command: choose a run, make its model once more, write it."""

import argparse
import logging
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from pipeline import stopping
from pipeline.devices import Device, DeviceError, bind, choose, holders, try_claim
from pipeline.export import chosen as choice
from pipeline.export.chosen import Chosen, ExportError
from pipeline.outcome import BAD_INPUT, INTERRUPTED
from pipeline.record import AnotherModel
from pipeline.spec import GridError
from store.errors import StoreError

PATIENCE_S = 5.0

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""What ends an export; it then removes what it has begun to write."""


def command(arguments: Sequence[str]) -> int:
    """`main` as a process, which signals end in good order."""
    for number in SIGNALS:
        if signal.getsignal(number) != signal.SIG_IGN:  # nohup
            signal.signal(number, _stop)
    try:
        code = main(arguments)
        return INTERRUPTED if code and stopping.is_asked() else code
    except BaseException:
        if stopping.is_asked():
            return INTERRUPTED
        raise


def main(arguments: Sequence[str]) -> int:
    """Every error is one message and an exit code."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.export", description=__doc__)
    parser.add_argument("run", metavar="RUN", help="a run's id, or a part that only one has")
    parser.add_argument("target", metavar="DIR", type=Path, help="a folder to be made")
    parser.add_argument("--store", type=Path, default=Path("results.duckdb"))
    options = parser.parse_args(arguments)
    runs = options.store.absolute().parent / "runs"
    try:
        choice.check_target(options.target)
        found = choice.choose(runs, options.run)
        os.environ["OMP_NUM_THREADS"] = str(found.record.get("threads") or 1)  # masks depend on it
        _export(found, options.store, runs, options.target)
    except (ExportError, StoreError, DeviceError, GridError) as error:
        print(f"calib-explorer: {error}", file=sys.stderr)
        return BAD_INPUT
    return 0


def _export(found: Chosen, store: Path, runs: Path, target: Path) -> None:
    with _device(found) as device:
        bind(device)
        _say(f"loading {found.run.model}")
        import torch

        from pipeline import models
        from pipeline.bench import Bench
        from pipeline.export import card, made, written
        from pipeline.work import target as torch_device

        torch.set_num_threads(int(found.record.get("threads") or 1))
        try:
            written.sweep(target)
            bench = Bench(written.disk_of(target))
            loaded = bench.take(found.run.model, found.run.dtype)
            written.check_space(bench, target)
            how = made.make(found, bench, torch_device(device), device.name or device.kind, _say)
        except (models.ModelError, AnotherModel, ValueError, OSError) as error:
            raise ExportError(str(error)) from error
        text = card.card(found, loaded, how, store, runs)
        n_bytes = written.write(loaded, found.run.model, text, target)
    _say(f"Wrote {target}, {n_bytes / 1e6:,.1f} MB: {found.folder.run_id}, {how}.")


@contextmanager
def _device(found: Chosen) -> Iterator[Device]:
    """The kind of device that the run was made on, held where there is pruning to do. Raises DeviceError."""
    if choice.is_cheap(found):
        yield choose("cpu", None)[0]
        return
    allowed = choose("cpu" if found.record.get("device") in (None, "cpu") else "cuda", None)
    while (claim := try_claim(allowed, "export-model", PATIENCE_S)) is None:
        _say(f"waiting for the device, which {holders(allowed)} uses")
    with claim as device:
        yield device


def _stop(number: int, frame: FrameType | None) -> None:
    for each in SIGNALS:
        signal.signal(each, signal.SIG_IGN)
    stopping.stop(number, frame)


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    sys.exit(command(sys.argv[1:]))
