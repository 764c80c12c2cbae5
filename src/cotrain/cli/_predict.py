"""`cotrain predict`: a run's predictions for a table."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cotrain.cli._output import JSON_OPTION, TRUST_OPTION


def predict(
    run: Annotated[Path, typer.Argument(help="Run folder.")],
    data: Annotated[
        str,
        typer.Argument(
            help="Table with the input columns; targets are not needed. NAME=TABLE says which source it is."
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="File to write: .csv, .parquet, .jsonl, or .json for COCO results."
        ),
    ] = None,
    keep: Annotated[
        list[str] | None, typer.Option(help="Column of the table to put before the predictions; repeatable.")
    ] = None,
    query: Annotated[str | None, typer.Option(help="For SQLite: a SELECT statement or a table.")] = None,
    neutralise: Annotated[
        bool, typer.Option(help="In CSV: put a quote before texts that a spreadsheet runs as formulas.")
    ] = False,
    overwrite: Annotated[bool, typer.Option(help="Replace the file if it is there.")] = False,
    trust: Annotated[bool, TRUST_OPTION] = False,
    as_json: Annotated[bool, JSON_OPTION] = False,
) -> None:
    """Predict every task for every row; without --output as CSV on standard output.

    [bold]Example:[/bold]  cotrain predict runs/films new_films.csv --keep title --output predictions.csv
    """
    import polars as pl

    from cotrain._base import ConfigError, DataError, did_you_mean
    from cotrain.cli._answers import tell_answers
    from cotrain.cli._output import print_csv, print_json, status
    from cotrain.cli._table_arguments import table_paths
    from cotrain.data import flat, read_cells, with_written_paths, write_coco_results, write_table
    from cotrain.data._coco_results import coco_column
    from cotrain.learner import Learner

    if output is not None and output.exists() and not overwrite:
        raise ConfigError(
            f"{output} is there already: choose another --output, or replace it with --overwrite."
        )
    is_coco = output is not None and output.suffix.lower() == ".json"
    paths = table_paths([data])
    (source, path), *_ = paths.items() if isinstance(paths, dict) else [(None, data)]
    table = read_cells(path, query)
    for name in keep or ():
        if name not in table.columns:
            raise DataError(f"--keep {name}: {data} has no such column; {did_you_mean(name, table.columns)}")
    learner = Learner.load(run, trust=trust)
    # COCO's results are for figures, which look at all boxes.
    model = learner.fitted.saying_all if is_coco else learner.fitted
    predictions = model.predict(table) if source is None else model.predict({source: table})[source]
    for name in keep or ():
        if name in predictions.columns:
            raise ConfigError(
                f"--keep {name}: the predictions have a column of that name; rename it in {data}."
            )
    kept = with_written_paths(table.select(dict.fromkeys(keep or ()).keys()), path, query, output=output)
    predictions = pl.concat([kept, predictions], how="horizontal")
    if output is not None:
        written, lines = predictions.columns, f"{predictions.height} rows, {predictions.width} columns"
        if is_coco:
            n_results = write_coco_results(predictions, path, output)
            written = [coco_column(predictions, output)[0]]
            lines = f"{n_results} COCO results of {written[0]!r}"
        else:
            write_table(predictions, output, neutralise=neutralise)
        left_out = [name for name in predictions.columns if name not in written]
        if as_json:
            print_json({"output": str(output), "rows": predictions.height, "columns": written})
        else:
            status(f"Wrote {lines} to {output}.")
            tell_answers(learner)
        if left_out:
            status(
                f"Not written: {', '.join(left_out)}, for which COCO results have no place; .jsonl has all."
            )
    elif as_json:
        print_json(predictions.to_dicts())
    else:
        print_csv(flat(predictions, neutralise=neutralise))
