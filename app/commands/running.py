"""Commands that start, watch and end runs."""

from pathlib import Path
from typing import Annotated

import typer

from app.commands.options import Commands, Format, Store

NEXT = """
What next:
  .venv/bin/calib-explorer                                   the explorer on these results (? help, q quit)
  .venv/bin/calib-explorer show 'perplexity?source=paper'    the paper's numbers
  .venv/bin/calib-explorer sql --examples                    queries to start from; grids of your own: README.md"""


def run(
    grid: Annotated[str, typer.Argument(metavar="GRID", help="A grid file (TOML), or 'demo'.")],
    headless: Annotated[
        bool, typer.Option("--headless", help="Stay in the foreground: progress here, no explorer.")
    ] = False,
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model",
            metavar="MODEL",
            help="Another model than the grid's: 'demo-gemma', a hub id, id@revision, a folder. Again for more.",
        ),
    ] = None,
    store: Store = Path("results.duckdb"),
    device: Annotated[str, typer.Option("--device", help="auto, cpu, cuda, or cuda:N.")] = "auto",
    threads: Annotated[int | None, typer.Option("--threads", min=1, help="CPU threads of a worker.")] = None,
    workers: Annotated[int | None, typer.Option("--workers", min=1, help="Runs at the same time.")] = None,
    together: Annotated[
        int | None,
        typer.Option("--together", min=1, metavar="K", help="Pruned models measured beside one dense pass."),
    ] = None,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Try failed runs again.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done and what it takes; do nothing.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Say nothing but errors.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Progress as JSON, one object a line.")] = False,
) -> None:
    """Prune and measure what a grid asks for.

    What is there already is not done again. Without --headless the runs start in the background (they outlive this
    terminal) and the explorer opens on them.

    Exit codes with --headless: 0 all done, 1 some runs failed, 2 bad input, 75 somebody else is running this grid,
    130 interrupted. The same command again goes on where it stopped.

    \b
    Examples:
      calib-explorer run --headless demo
      calib-explorer run --headless demo --model demo-gemma
      calib-explorer run table-1.toml --dry-run
      calib-explorer run table-1.toml
      calib-explorer run --headless table-1.toml --store /data/table-1/results.duckdb --device cuda:1
    """
    from app.running import Options, run_grid

    models = tuple(model or ())
    options = Options(models, device, threads, workers, together, retry_failed, dry_run, quiet, as_json)
    run_grid(grid, store, options, headless or dry_run)


def runs(
    format: Format = "text",
    cancel: Annotated[str | None, typer.Option("--cancel", metavar="ID", help="End a grid's or run's work.")] = None,
    store: Store = Path("results.duckdb"),
) -> None:
    """List the runs and how they stand.

    queued, running, done, failed, or interrupted (its process is gone; the same grid again goes on).

    \b
    Examples:
      calib-explorer runs
      calib-explorer runs --format json | jq -r '.[] | select(.status == "failed") | .error'
      calib-explorer runs --cancel table-1-0a1b2c3d
    """
    if cancel is not None:
        from app.running import cancel_work

        cancel_work(cancel, store)
        return
    from app.runs import list_runs

    list_runs(format, store)


def next_steps() -> None:
    """Say what to do after the demo.

    \b
    Example:
      calib-explorer next
    """
    print(NEXT)


commands: Commands = {"run": run, "runs": runs, "next": next_steps}
