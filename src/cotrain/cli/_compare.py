"""`cotrain compare`: ways of training beside each other, under the same budget, splits and seeds."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Annotated, Any

import typer

from cotrain.cli._output import JSON_OPTION, SETTINGS_OPTION


def compare(
    config: Annotated[Path, typer.Argument(help="Configuration file with a section compare:.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder; default comparisons/NAME-OF-CONFIG.")
    ] = None,
    settings: Annotated[list[str] | None, SETTINGS_OPTION] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes at a time; default: one for each core.")
    ] = None,
    report: Annotated[
        bool, typer.Option(help="Write report.html if the extra 'report' is installed.")
    ] = True,
    quiet: Annotated[bool, typer.Option(help="No progress.")] = False,
    as_json: Annotated[bool, JSON_OPTION] = False,
) -> None:
    """Compare sharing, balancing and references, and say per task whether learning together helped.

    Every finished fit is kept: stopped and started again, the comparison goes on where it was. Started again
    with the same folder while it runs, here or on a machine that shares the folder, both share the work.

    [bold]Examples:[/bold]

    cotrain compare films.yaml

    cotrain compare films.yaml --output /shared/films --workers 8

    cotrain compare films.yaml --set compare.seeds=3 --set compare.balancers=[Equal,UPGrad] --workers 2
    """
    from cotrain.cli._grid_progress import GridProgress
    from cotrain.cli._output import print_json, status
    from cotrain.cli._train import write_report
    from cotrain.comparison import compare as run_comparison
    from cotrain.comparison._compare import require_finished
    from cotrain.learner import Configuration

    configuration = Configuration.read(config, list(settings or []))
    folder = output or Path("comparisons") / config.stem
    progress = None if quiet else GridProgress()
    try:
        results = run_comparison(
            configuration, folder, workers=workers or os.cpu_count() or 1, progress=progress
        )
    except KeyboardInterrupt:
        typer.secho(
            "Interrupted. What has finished is kept: the same command goes on from here.",
            fg="yellow",
            err=True,
        )
        raise typer.Exit(130) from None
    finally:
        if progress is not None:
            progress.stop()
    require_finished(results)
    written = write_report(folder) if report else None
    if as_json:
        print_json(results)
        return
    print_results(results)
    took = f"{results['seconds']:.0f} s, and {results['cpu_seconds_of_fits']:.0f} s of CPU for all fits"
    status(f"Took {took}. The comparison is in {folder}.")
    if written:
        status(f"Open {written} in a browser.")


def print_results(results: dict[str, Any]) -> None:
    """Print the verdict, then a row per method."""
    from cotrain.cli._output import console, print_table
    from cotrain.evaluation import figure

    chosen = results["chosen"]
    console().print(f"Best on the validation rows: {chosen}.", markup=False, highlight=False)
    for verdict in results["verdicts"].get(chosen, []):
        console().print(f"• {verdict['sentence']}", markup=False, highlight=False)
    over_all = results["verdicts_over_all"].get(chosen)
    if over_all:
        console().print(f"• {over_all['sentence']}", markup=False, highlight=False)
    for verdict in results["verdicts_on_trees"]:
        if verdict["word"] in ("better", "worse"):
            console().print(f"• Against boosted trees: {verdict['sentence']}", markup=False, highlight=False)
    for answer in results.get("answers", []):
        console().print(f"→ Who answers for {answer['sentence']}", markup=False, highlight=False)
    for verdict in results.get("verdicts_on_answer", []):
        console().print(f"• Who answers: {verdict['sentence']}", markup=False, highlight=False)

    def share(value: float | None) -> str:
        return "–" if value is None else f"{value:+.2%}"

    figures, sums = [], []
    for method in results["methods"]:
        name = method["name"]
        means = [
            figure(math.nan if value is None else value, small=task["direction"] == "min")
            for task in results["tasks"]
            for value in [task["figures"].get(name, {}).get("mean")]
        ]
        figures.append([name, *means])
        gains = [share(method["delta_m"]), share(method["delta_m_per_metric"])]
        sums.append([name, *gains, method["worst_task"], method["mean_rank"]])
    columns = [f"{task['name']} ({task['metric']})" for task in results["tasks"]]
    folds = f", all rows of {results['folds']} folds" if results.get("folds") else ""
    title = f"Test figures, mean of {len(results['seeds'])} seeds{folds}"
    print_table(title, ["method", *columns], figures)
    header = ["method", "delta_m", "delta_m per metric", "worst task", "mean rank"]
    print_table("Over all tasks, against a network for each task alone", header, sums)
    for note in (results["definition"], results["definition_per_metric"], *results["notes"]):
        console().print(note, markup=False, highlight=False)
    for method in results["methods"]:
        if method["failed"]:
            console().print(f"{method['name']} has failed: {method['failed']}", markup=False)
