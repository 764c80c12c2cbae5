"""`cotrain tune`: search for better values of what a configuration leaves open."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, final

import typer

from cotrain.cli._output import JSON_OPTION, SETTINGS_OPTION

#: Trials of the table, the best first.
MOST = 10


def tune(
    config: Annotated[Path, typer.Argument(help="Configuration file with a section tune:.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder; default tunings/NAME-OF-CONFIG.")
    ] = None,
    settings: Annotated[list[str] | None, SETTINGS_OPTION] = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes at a time.")] = 1,
    storage: Annotated[
        str | None,
        typer.Option(
            metavar="journal:PATH|sqlite:///PATH",
            help="Where the trials are kept; default a journal in the folder. Any database of Optuna's.",
        ),
    ] = None,
    quiet: Annotated[bool, typer.Option(help="No progress.")] = False,
    as_json: Annotated[bool, JSON_OPTION] = False,
) -> None:
    """Search for better values of the fields that the config names, on the validation rows.

    Stopped and started again, the search goes on where it was. Started several times with the same folder,
    here or on machines that share it, all work on the same search. Needs the extra 'hpo'.

    [bold]Examples:[/bold]

    cotrain tune films.yaml --set tune.trials=50 --workers 2

    cotrain train tunings/films          # with the best values
    """
    from cotrain.cli._output import print_json, status
    from cotrain.learner import Configuration
    from cotrain.tuning import tune as run_search

    configuration = Configuration.read(config, list(settings or []))
    folder = output or Path("tunings") / config.stem
    callback = None if quiet else SearchProgress()
    try:
        results = run_search(configuration, folder, workers=workers, storage=storage, callback=callback)
    except KeyboardInterrupt:
        typer.secho(
            "Interrupted. Trials that have ended are kept: the same command goes on from here.",
            fg="yellow",
            err=True,
        )
        raise typer.Exit(130) from None
    if as_json:
        print_json(results)
        return
    print_search(results)
    status(f"Train with the best values: cotrain train {folder}")
    if results["front"]:
        status(f"The front is drawn in {folder / 'front.svg'}; its configurations are in {folder / 'front'}.")


@final
class SearchProgress:
    """A line for each trial that ends, with the best so far."""

    def __init__(self) -> None:
        self._best: tuple[float, int] | None = None
        self._n_done = 0

    def __call__(self, trial: Mapping[str, Any], n_trials: int) -> None:
        """Tell of one trial."""
        from cotrain.cli._output import status

        self._n_done += 1
        score, number = trial["score"], trial["number"]
        if score is not None and (self._best is None or score > self._best[0]):
            self._best = (score, number)
        what = trial["failed"] or (trial["state"] if score is None else f"{score:.4f}")
        best = "" if self._best is None else f" (best {self._best[0]:.4f}, trial {self._best[1]})"
        values = ", ".join(f"{key}={value}" for key, value in trial["values"].items())
        status(f"{self._n_done} of {n_trials}: trial {number}: {what}{best}: {values}")


def print_search(results: Mapping[str, Any]) -> None:
    """Print the best trials, or those of the front."""
    from cotrain.cli._output import console, print_table

    done = [trial for trial in results["trials"] if trial["state"] == "complete"]
    ended = {state: sum(t["state"] == state for t in results["trials"]) for state in ("pruned", "fail")}
    if results["front"]:
        shown = [trial for trial in done if trial["number"] in results["front"]]
        title = f"Pareto front: {len(shown)} of {len(done)} trials, each better on some task than all others"
    else:
        shown = sorted(done, key=lambda trial: -trial["score"])[:MOST]
        title = f"Best of {len(results['trials'])} trials, {ended['pruned']} pruned, {ended['fail']} failed"
    if not shown:
        return
    tasks, keys = list(shown[0]["gains"]), list(shown[0]["values"])
    header = ["trial", "mean gain", *tasks, *keys]
    rows = [
        [str(trial["number"]), trial["score"], *trial["gains"].values(), *trial["values"].values()]
        for trial in shown
    ]
    print_table(title, header, rows)
    for task in results.get("left_out", ()):
        console().print(
            f"{task}: too few labels among the validation rows for a gain. No trial was judged by it.",
            markup=False,
        )
    console().print("Gain: over the best constant on the validation rows; 0 is no better, 1 is perfect.")
