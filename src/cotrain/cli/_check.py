"""`cotrain check`: what is wrong with a table, before training on it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cotrain.cli._output import JSON_OPTION, SETTINGS_OPTION


def check(
    config: Annotated[Path, typer.Argument(help="Configuration file, as cotrain init writes it.")],
    settings: Annotated[list[str] | None, SETTINGS_OPTION] = None,
    as_json: Annotated[bool, JSON_OPTION] = False,
) -> None:
    """Check the data of a configuration: label coverage, leakage, constant columns, duplicates across splits.

    [bold]Example:[/bold]  cotrain check films.yaml
    """
    from cotrain._base import DataError
    from cotrain.cli._output import print_json, print_table
    from cotrain.comparison import check_data
    from cotrain.learner import Configuration

    report = check_data(Configuration.read(config, settings or []))
    if as_json:
        print_json(report.to_json())
        return
    print_table(
        f"Label coverage ({report.n_rows} rows, {report.n_unlabelled} without any label)",
        ["task", "kind", "train", "validation", "test", "share of all rows"],
        [
            [task, report.tasks[task], *counts.values(), f"{sum(counts.values()) / report.n_rows:.0%}"]
            for task, counts in report.coverage.items()
        ],
    )
    if report.by_source:
        print_table(
            "Labelled rows by source",
            ["source", "task", "train", "validation", "test"],
            [
                [source, task, *counts.values()]
                for source, tasks in report.by_source.items()
                for task, counts in tasks.items()
            ],
        )
    print_table(
        "Inputs",
        ["column", "kind", "distinct", "missing", "why"],
        [[c["column"], c["kind"], c["distinct"], f"{c['missing']:.0%}", c["why"]] for c in report.columns],
    )
    if report.problems:
        print_table("Worth a look", ["", "what"], [[p["severity"], p["sentence"]] for p in report.problems])
    else:
        typer.echo("Nothing suspicious was found.")
    errors = sum(problem["severity"] == "error" for problem in report.problems)
    if errors:
        raise DataError(f"{errors} of what is worth a look must be mended before training: see above.")
