"""`cotrain init`: look at a table and write a configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from cotrain.cli._output import JSON_OPTION


def init(
    data: Annotated[
        list[str],
        typer.Argument(
            help="Table: CSV, Parquet, JSONL, COCO, CoNLL-U, IOB or SQLite, or all files of it; of several "
            "tables each as NAME=TABLE."
        ),
    ],
    targets: Annotated[
        list[str],
        typer.Option(
            help="Target columns, separated by commas; repeatable. tox_* takes all that fit, !id all but id."
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="File to write.")] = Path("cotrain.yaml"),
    query: Annotated[str | None, typer.Option(help="For SQLite: a SELECT statement or a table.")] = None,
    overwrite: Annotated[bool, typer.Option(help="Replace the file if it is there.")] = False,
    probe: Annotated[
        bool, typer.Option(help="Train for some seconds to see whether the tasks get along.")
    ] = True,
    as_json: Annotated[bool, JSON_OPTION] = False,
) -> None:
    """Look at a table, or at several, infer what kind of task each target is, and write a configuration file.

    [bold]Examples:[/bold]

    cotrain init films.parquet --targets genres,certificate,meter

    cotrain init tags=train.jsonl reviews=train.csv --targets upos,sentiment

    cotrain init pictures.csv instances_train.json instances_val.json --targets stain,mask,boxes
    """
    from cotrain._base import write_text_atomically
    from cotrain.learner import Recommendation

    if output.exists() and not overwrite:
        from cotrain._base import ConfigError

        raise ConfigError(
            f"{output} is there already: choose another --output, or replace it with --overwrite."
        )
    from cotrain.cli._table_arguments import table_paths

    paths = table_paths(data)
    proposal = Recommendation.of_table(paths, targets, query=query, relative_to=output.parent, probe=probe)
    write_text_atomically(output, proposal.to_yaml())
    from cotrain.cli._alike_columns import lines_of_columns
    from cotrain.cli._output import console, print_json, print_table, status

    if as_json:
        print_json({"output": str(output), "config": proposal.config, "tasks": proposal.tasks,
                    "columns": proposal.columns, "why": proposal.why})  # fmt: skip
        return
    print_table(
        "Tasks (inferred: change what is wrong in the file)",
        ["task", "kind", "labelled", "share", "why"],
        [[t["name"], t["kind"], t["labelled"], f"{t['share']:.0%}", t["why"]] for t in proposal.tasks],
    )
    print_table(
        "Inputs",
        ["column", "kind", "distinct", "missing", "why"],
        lines_of_columns(proposal.columns),
    )
    console().print(Text(proposal.why))
    console().print(f"Wrote {output}.", highlight=False)
    status(f"Next: cotrain check {output}, then cotrain train {output}")
