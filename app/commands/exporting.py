"""The command that hands a pruned model on."""

import subprocess
import sys
from pathlib import Path
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
    (sparsegpt, wanda_update, gptq) it is pruned once more, with the run's number of threads, and checked against
    its masks.

    \b
    Examples:
      calib-explorer runs
      calib-explorer export-model wanda-2of4-de-s0 smollm2-wanda-2of4-de
      calib-explorer export-model sparsegpt-0.5-en-s1 /data/out/en --store /data/table-1/results.duckdb
    """
    command = [sys.executable, "-m", "pipeline.export", run, str(folder), "--store", str(store)]
    raise typer.Exit(subprocess.run(command, check=False).returncode)


commands: Commands = {"export-model": export_model}
