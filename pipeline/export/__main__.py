"""The command: choose a run, make its model once more, write it."""

import argparse
import logging
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pipeline.devices import Device, DeviceError, bind, choose, holders, try_claim
from pipeline.export import chosen as choice
from pipeline.export.chosen import Chosen, ExportError
from pipeline.outcome import BAD_INPUT, INTERRUPTED
from pipeline.spec import GridError
from store.errors import StoreError

PATIENCE_S = 5.0


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
    except KeyboardInterrupt:
        return INTERRUPTED
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
        from pipeline.export import card, made, written
        from pipeline.methods import CannotPrune
        from pipeline.text import TextError

        torch.set_num_threads(int(found.record.get("threads") or 1))
        try:
            loaded = models.load(found.run.model, found.run.dtype)
            written.check_space(loaded, target)
            how = made.make(found, loaded, torch.device(device.kind), _say)
        except (models.ModelError, CannotPrune, TextError) as error:
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


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    sys.exit(main(sys.argv[1:]))
