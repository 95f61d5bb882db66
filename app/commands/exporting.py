"""The command that hands a pruned model on."""

import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from app.commands.options import Commands, Store


def export_model(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run's id, or a part of it that no other run has.")],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder to make.")],
    store: Store = Path("results.duckdb"),
) -> None:
    """Write the pruned or quantised model of a finished run as a Hugging Face folder.

    Weights as safetensors, configuration, tokenizer, and a model card with the run's settings, where everything
    comes from, and its numbers; AutoModelForCausalLM.from_pretrained(DIR) loads it. Of methods that leave kept
    weights alone (wanda, ria, magnitude) it is rebuilt from the dense model and the run's masks; of the others
    (sparsegpt, wanda_update, gptq) it is pruned once more, with the run's number of threads, and must come out as it
    was.

    \b
    Examples:
      calib-explorer runs
      calib-explorer export-model wanda-2of4-de-s0 smollm2-wanda-2of4-de
      calib-explorer export-model sparsegpt-0.5-en-s1 /data/out/en --store /data/table-1/results.duckdb
    """
    command = [sys.executable, "-m", "pipeline.export", run, str(folder), "--store", str(store)]
    raise typer.Exit(_run(command))


def _run(command: Sequence[str]) -> int:
    """The exit code of a process that is handed every signal that would end this one: it puts away what it has begun,
    however long that takes."""
    begun: list[subprocess.Popen[bytes]] = []

    def pass_on(number: int, _frame: FrameType | None) -> None:
        for child in begun:
            child.send_signal(number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, pass_on)
    begun.append(subprocess.Popen(command))
    return begun[0].wait()


commands: Commands = {"export-model": export_model}
