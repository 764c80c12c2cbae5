"""`cotrain compare`: ways of training beside each other, under the same budget, splits and seeds."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any, final

import typer

from cotrain.cli._output import JSON_OPTION


def compare(
    config: Annotated[Path, typer.Argument(help="Configuration file with a section compare:.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder; default comparisons/NAME-OF-CONFIG.")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Override a value; can be repeated."),
    ] = None,
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

    Every finished fit is kept: stopped and started again, the comparison goes on where it was.

    [bold]Examples:[/bold]

    cotrain compare films.yaml

    cotrain compare films.yaml --set compare.seeds=3 --set compare.balancers=[Equal,UPGrad] --workers 2
    """
    from cotrain.cli._output import print_json, status
    from cotrain.cli._train import write_report
    from cotrain.comparison import compare as run_comparison
    from cotrain.comparison import require_finished
    from cotrain.learner import Job
    from cotrain.training import write_text_atomically

    job = Job.read(config, list(settings or []))
    folder = output or Path("comparisons") / config.stem
    progress = None if quiet else GridProgress()
    try:
        write_text_atomically(folder / "config.yaml", _yaml(job.config()))
        results = run_comparison(job, folder, workers=workers or os.cpu_count() or 1, progress=progress)
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
    status(f"The comparison is in {folder}." + (f" Open {written} in a browser." if written else ""))


def print_results(results: dict[str, Any]) -> None:
    """Print the verdict, then a row per method."""
    from cotrain.cli._output import console, print_table
    from cotrain.evaluation import figure

    chosen = results["chosen"]
    console().print(f"Best on the validation rows: {chosen}.", markup=False, highlight=False)
    for verdict in results["verdicts"].get(chosen, []):
        console().print(f"• {verdict['sentence']}", markup=False, highlight=False)
    rows = []
    for method in results["methods"]:
        name, gain = method["name"], method["delta_m"]
        figures = [task["figures"].get(name, {}).get("mean") for task in results["tasks"]]
        cells = ["–" if value is None else figure(value) for value in figures]
        rows.append([name, *cells, "–" if gain is None else f"{gain:+.2%}", method["mean_rank"]])
    columns = [f"{task['name']} ({task['metric']})" for task in results["tasks"]]
    n_seeds = len(results["seeds"])
    print_table(f"Test figures, mean of {n_seeds} seeds", ["method", *columns, "delta_m", "mean rank"], rows)
    for method in results["methods"]:
        if method["failed"]:
            console().print(f"{method['name']} has failed: {method['failed']}", markup=False)


@final
class GridProgress:
    """One bar for the grid with the time left; a line per job where there is no terminal."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        self.console = Console(stderr=True)
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=self.console,
            refresh_per_second=2,
            disable=not self.console.is_terminal,
        )
        self._task = self._bar.add_task("comparing", total=None)
        self._n, self._n_done = 0, 0

    def total(self, jobs: int) -> None:
        """Draw the bar."""
        self._n = jobs
        self._bar.update(self._task, total=jobs)
        self._bar.start()

    def done(self, title: str, reason: str | None, kept: bool) -> None:
        """Move the bar, and say why a job has failed."""
        self._n_done += 1
        self._bar.update(self._task, advance=1)
        if reason is not None:
            self.console.print(f"Failed: {title}: {reason}", markup=False, soft_wrap=True)
        elif not self.console.is_terminal:
            how = "kept from before" if kept else "done"
            self.console.print(f"{self._n_done} of {self._n}: {title}: {how}", markup=False, soft_wrap=True)

    def stop(self) -> None:
        """Take the bar away."""
        self._bar.stop()


def _yaml(config: dict[str, Any]) -> str:
    import yaml

    return yaml.safe_dump(config, sort_keys=False, allow_unicode=True)
