"""`cotrain complete`: a table with its empty target cells filled."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cotrain.cli._output import JSON_OPTION, TRUST_OPTION


def complete(
    run: Annotated[Path, typer.Argument(help="Run folder.")],
    data: Annotated[str, typer.Argument(help="Table with the input columns and half-empty targets.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write: .csv, .parquet or .jsonl.")
    ] = None,
    min_confidence: Annotated[
        float, typer.Option(help="Leave cells empty of which the run is less sure.")
    ] = 0.0,
    query: Annotated[str | None, typer.Option(help="For SQLite: a SELECT statement or a table.")] = None,
    neutralise: Annotated[
        bool, typer.Option(help="In CSV: put a quote before texts that a spreadsheet runs as formulas.")
    ] = False,
    overwrite: Annotated[bool, typer.Option(help="Replace the file if it is there.")] = False,
    trust: Annotated[bool, TRUST_OPTION] = False,
    as_json: Annotated[bool, JSON_OPTION] = False,
) -> None:
    """Fill the empty target cells of a table; without --output as CSV on standard output.

    Given labels stay. Beside each target stand its confidence and its source: given, pseudo (a label that
    co-training made, with its round and teacher), predicted or open.

    [bold]Example:[/bold]  cotrain complete runs/films films.csv --min-confidence 0.9 --output completed.csv
    """
    from cotrain._base import ConfigError
    from cotrain.cli._output import print_csv, print_json, status
    from cotrain.data import flat, lossless, read_cells, with_written_paths, write_table
    from cotrain.learner import Learner, complete

    if output is not None and output.exists() and not overwrite:
        raise ConfigError(
            f"{output} is there already: choose another --output, or replace it with --overwrite."
        )
    cells = lossless(read_cells(data, query))
    learner = Learner.load(run, trust=trust)
    table = complete(learner, cells, min_confidence=min_confidence)
    table = with_written_paths(table, data, query, output=output)
    targets = [column for task in learner.preprocessor.tasks for column in task.columns]
    counts = {column: dict(table[f"{column}_source"].value_counts().iter_rows()) for column in targets}
    if output is not None:
        write_table(table, output, neutralise=neutralise)
        if as_json:
            print_json({"output": str(output), "rows": table.height, "cells": counts})
        else:
            status(f"Wrote {table.height} rows to {output}.")
            for column, found in counts.items():
                told = ", ".join(f"{number} {source}" for source, number in sorted(found.items()))
                status(f"  {column}: {told}")
    elif as_json:
        print_json(table.to_dicts())
    else:
        print_csv(flat(table, neutralise=neutralise))
