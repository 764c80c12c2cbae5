"""`cotrain train`: from a configuration to a run folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cotrain.cli._output import JSON_OPTION, TRUST_OPTION, console


def train(
    config: Annotated[Path, typer.Argument(help="Configuration file, as cotrain init writes it.")],
    run: Annotated[Path | None, typer.Option(help="Folder for the run; default runs/NAME-OF-CONFIG.")] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Override a value; can be repeated."),
    ] = None,
    references: Annotated[
        str | None,
        typer.Option(help="What to compare with: constant, trees or full (adds single-task networks)."),
    ] = None,
    resume: Annotated[bool, typer.Option(help="Go on with an interrupted run.")] = False,
    overwrite: Annotated[bool, typer.Option(help="Replace a run that is in the folder.")] = False,
    tensorboard: Annotated[bool, typer.Option(help="Also log to RUN/tensorboard (extra 'track').")] = False,
    report: Annotated[
        bool, typer.Option(help="Write RUN/report.html if the extra 'report' is installed.")
    ] = True,
    quiet: Annotated[bool, typer.Option(help="No progress.")] = False,
    trust: Annotated[bool, TRUST_OPTION] = False,
    as_json: Annotated[bool, JSON_OPTION] = False,
) -> None:
    """Train one network for all tasks and compare it on the test rows with honest references.

    [bold]Examples:[/bold]

    cotrain train films.yaml

    cotrain train films.yaml --set training.epochs=40 --set balancer=Equal --run runs/longer

    cotrain train films.yaml --run runs/longer --resume
    """
    from cotrain.comparison import train_run
    from cotrain.learner import Configuration

    given = list(settings or [])
    if references is not None:
        given.append(f"references={references}")
    configuration = Configuration.read(config, given, trust=True if trust else None)
    folder = run or Path("runs") / (config.name if config.is_dir() else config.stem)
    try:
        outcome = train_run(
            configuration,
            folder,
            resume=resume,
            overwrite=overwrite,
            tensorboard=tensorboard,
            progress=False if quiet else None if as_json else True,
            message=None if quiet or as_json else _message,
        )
    except KeyboardInterrupt:
        typer.secho(
            f"Interrupted. Go on with: cotrain train {config} --run {folder} --resume", fg="yellow", err=True
        )
        raise typer.Exit(130) from None
    written = write_report(folder) if report else None
    if as_json:
        from cotrain.cli._output import print_json

        print_json(outcome.to_json())
    else:
        from cotrain.cli._verdict import print_outcome

        print_outcome(outcome, folder, None if given or config.is_dir() else config)
        if written is not None:
            console().print(f"The report is in {written}: open it in a browser.", markup=False)


def write_report(folder: Path) -> Path | None:
    """Write the report and return its path; `None` where the extra is not installed."""
    from cotrain._base import MissingExtraError, write_text_atomically
    from cotrain.reporting import REPORT, report_of_folder

    try:
        text = report_of_folder(folder)
    except MissingExtraError:
        return None
    write_text_atomically(folder / REPORT, text)
    return folder / REPORT


def _message(text: str) -> None:
    from cotrain.cli._output import status

    status(text)
