"""Commands that print results."""

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from app.commands.options import Color, Commands, Format, Store


def show(
    what: Annotated[
        str,
        typer.Argument(metavar="VIEW", help="A matrix, or a view of the store; none: a list."),
    ] = "",
    format: Annotated[
        Literal["text", "csv", "json", "latex"], typer.Option("--format", help="How to print it.")
    ] = "text",
    source: Annotated[
        Literal["run", "paper"] | None, typer.Option("--source", help="Measured here, or published in the paper.")
    ] = None,
    sql: Annotated[bool, typer.Option("--sql", help="Print the SQL behind it instead.")] = False,
    intervals: Annotated[
        bool, typer.Option("--intervals", help="A task's 95 % intervals over its items, and how many these are.")
    ] = False,
    store: Store = Path("results.duckdb"),
    color: Color = "auto",
) -> None:
    """Print a matrix of results, or a view of the store.

    VIEW is a matrix (calibration language x evaluation language): a quantity, and what to select, as in the
    examples; keys are model, method, pattern, sparsity, task, source, evaluation, base (what to subtract: dense,
    diagonal, paper or a row). What is left out is taken from what is there.
    Or VIEW is a view or table of the store: runs, metrics, table1, paper_table6, ...
    figure1 to figure13 (lsar, masks, lape, hidden, activations) are plotted; '?column=value&...' selects; figures
    lists them with what each shows.

    Formats: csv is the matrix as it stands, one row a calibration; json has all that is known of each cell (standard
    deviation, number of seeds, run ids); latex wants the package booktabs.

    \b
    Examples:
      calib-explorer show
      calib-explorer show 'perplexity?method=wanda'
      calib-explorer show 'snr?model=Llama-3-8B-Instruct&method=sparsegpt' --source paper
      calib-explorer show 'acc?task=belebele&source=paper' --format csv > belebele.csv
      calib-explorer show 'acc?task=reading' --intervals
      calib-explorer show paper_table6
      calib-explorer show figures
      calib-explorer show 'figure4?language=de'
      calib-explorer show 'perplexity?source=paper' --sql
      calib-explorer show runs --format json | jq '.[].run_id'
    """
    from app.show import show, sql_behind

    if sql:
        print(sql_behind(what, source, store))
    else:
        show(what, format, source, store, color, intervals=intervals)


def sql(
    query: Annotated[
        str, typer.Argument(metavar="QUERY", help="DuckDB's SQL; '-' or nothing: read it from a pipe.")
    ] = "-",
    format: Format = "text",
    examples: Annotated[bool, typer.Option("--examples", help="Print queries to start from.")] = False,
    store: Store = Path("results.duckdb"),
) -> None:
    """Ask the store in SQL. Only reads; works while runs are writing, and without a store on the paper's numbers.

    Any DuckDB client (1.2 or later) can open results.duckdb as well.

    \b
    Examples:
      calib-explorer sql --examples
      calib-explorer sql "FROM metrics LIMIT 5"
      calib-explorer sql "SELECT calibration, avg(value) FROM metrics WHERE quantity = 'snr' GROUP BY ALL"
      calib-explorer sql "COPY (FROM metrics) TO 'metrics.parquet'"
      calib-explorer sql --format csv < query.sql > rows.csv
    """
    from app.sql import answer, example_queries

    if examples:
        print(example_queries())
        return
    if query == "-":
        if sys.stdin.isatty():
            raise typer.BadParameter("give a query, or pipe one in; 'calib-explorer sql --examples' shows some")
        query = sys.stdin.read()
    answer(query, format, store)


def compare(
    a: Annotated[str, typer.Argument(metavar="A", help="A calibration ('de', 'de+en'), 'dense', or a run's id.")],
    b: Annotated[str, typer.Argument(metavar="B", help="What to compare it with.")],
    task: Annotated[str, typer.Option("--task", help="Only this task.")] = "",
    language: Annotated[str, typer.Option("--language", help="Only this evaluation language.")] = "",
    model: Annotated[str, typer.Option("--model", help="Of this model.")] = "",
    method: Annotated[str, typer.Option("--method", help="Pruned by this method.")] = "",
    format: Format = "text",
    store: Store = Path("results.duckdb"),
) -> None:
    """Test whether two calibrations answer downstream tasks differently, item by item.

    Only items that both answered count; runs of several seeds are averaged item by item. low and high: the 95 %
    bootstrap interval of b - a over items; p_permutation: sign flips of the items' differences; only_a, only_b,
    p_mcnemar: items that one of them alone got right, and the exact test of those (for one seed each).

    \b
    Examples:
      calib-explorer compare en de
      calib-explorer compare dense de --task belebele --format csv
      calib-explorer compare en de+en --model Llama-3-8B-Instruct --method wanda --language zh
    """
    from app.paired import Filter, compare

    compare(a, b, Filter(model, method, task, language), format, store)


commands: Commands = {"show": show, "sql": sql, "compare": compare}
