"""`cotrain demo`: the main job on a real table, from nothing to a verdict."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cotrain.cli._output import JSON_OPTION


def demo(
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for table, config and run.")] = Path(
        "demo"
    ),
    overwrite: Annotated[bool, typer.Option(help="Replace a demo that is in the folder.")] = False,
    as_json: Annotated[bool, JSON_OPTION] = False,
) -> None:
    """Learn six half-empty targets of 17,472 films together, beside a network and trees for each alone.

    Writes a table, a configuration and a run folder that you can go on with. One seed does not judge: cotrain
    compare with the same configuration does, with several seeds.

    [bold]Example:[/bold]  cotrain demo --output my-demo
    """
    from cotrain._base import RunError, write_atomically, write_text_atomically
    from cotrain.cli._films import CONFIG, film_table
    from cotrain.cli._output import status
    from cotrain.cli._train import train

    table, config = output / "films.parquet", output / "films.yaml"
    if not overwrite and (table.exists() or config.exists()):
        raise RunError(
            f"{output} holds a demo already: choose another --output, or replace it with --overwrite."
        )
    films = film_table()
    write_atomically(table, films.write_parquet)
    write_text_atomically(config, CONFIG)
    status(f"Wrote {films.height} films to {table} and the configuration to {config}.")
    train(
        [str(config)],
        run=output / "run",
        settings=None,
        references=None,
        answer=None,
        preset=None,
        time_limit=None,
        resume=False,
        overwrite=overwrite,
        tensorboard=False,
        report=True,
        quiet=as_json,
        as_json=as_json,
    )
    if not as_json:
        status(f"Try: cotrain predict {output / 'run'} {table} --output predictions.csv")
