"""`cotrain analyze`: what the tasks did to each other during a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from cotrain.cli._output import JSON_OPTION


def analyze(
    run: Annotated[Path, typer.Argument(help="Run folder, best of a run with training.monitor.")],
    as_json: Annotated[bool, JSON_OPTION] = False,
) -> None:
    """Say which task drowns the others, which pull against each other, and what to try.

    [bold]Example:[/bold]  cotrain train films.yaml --set training.monitor=20; cotrain analyze runs/films
    """
    from cotrain.cli._output import console, print_json
    from cotrain.reporting import analysis_of_folder

    found = analysis_of_folder(run)
    if as_json:
        print_json(found)
        return
    for sentence in found["sentences"]:
        console().print(f"• {sentence}", markup=False, highlight=False)
    if found["gradients"] is not None:
        _print_gradients(found)


def _print_gradients(found: dict[str, Any]) -> None:
    from cotrain.cli._output import print_table

    gradients = found["gradients"]
    tasks = gradients["tasks"]
    rows = []
    for k, task in enumerate(tasks):
        share, gain = gradients["share"][k], found["best_gain"].get(task)
        pull = "–" if share is None else f"{share:.0%}"
        rows.append([task, gradients["norms"][k], gradients["weights"][k], pull, gain])
    header = ["task", "gradient length", "weight", "share of the pull", "best gain over a constant"]
    print_table(f"Gradients on the shared parameters, mean of {gradients['n']} records", header, rows)
    for name, title in (("cosines", "Cosines between gradients"), ("affinity", "Affinity: row helps column")):
        matrix = [[task, *row] for task, row in zip(tasks, gradients[name], strict=True)]
        print_table(title, ["", *tasks], matrix)
