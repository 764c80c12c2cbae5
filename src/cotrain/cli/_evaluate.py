"""`cotrain evaluate`: a run's figures on a table."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cotrain.cli._output import JSON_OPTION


def evaluate(
    run: Annotated[Path, typer.Argument(help="Run folder.")],
    data: Annotated[str, typer.Argument(help="Table with inputs and at least some targets.")],
    query: Annotated[str | None, typer.Option(help="For SQLite: a SELECT statement or a table.")] = None,
    as_json: Annotated[bool, JSON_OPTION] = False,
) -> None:
    """Evaluate a trained network on the labelled rows of a table.

    [bold]Example:[/bold]  cotrain evaluate runs/films new_films.csv --json
    """
    from cotrain.data import read_cells
    from cotrain.learner import Learner

    table = Learner.load(run).evaluate(read_cells(data, query))
    if as_json:
        from cotrain.cli._output import print_json

        print_json(table.to_dicts())
    else:
        from cotrain.cli._verdict import print_evaluation

        print_evaluation(table)
