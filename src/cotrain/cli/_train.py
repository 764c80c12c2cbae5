"""`cotrain train`: from a configuration to a run folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cotrain.cli._output import JSON_OPTION, SETTINGS_OPTION, TRUST_OPTION, console

if TYPE_CHECKING:
    from cotrain.learner import Configuration


def train(
    config: Annotated[
        list[str],
        typer.Argument(
            metavar="CONFIG",
            help="Configuration file, as cotrain init writes it; with --targets a table, as init takes it.",
        ),
    ],
    targets: Annotated[
        list[str] | None,
        typer.Option(help="Target columns of a table: train with what cotrain init would write for them."),
    ] = None,
    query: Annotated[
        str | None, typer.Option(help="With --targets, for SQLite: a SELECT statement or a table.")
    ] = None,
    run: Annotated[Path | None, typer.Option(help="Folder for the run; default runs/NAME-OF-CONFIG.")] = None,
    settings: Annotated[list[str] | None, SETTINGS_OPTION] = None,
    references: Annotated[
        str | None,
        typer.Option(
            help="What to compare with: constant, trees or full (adds single-task networks). Trees are "
            "scikit-learn's, or with --set trees=lightgbm those of LightGBM (extra 'trees')."
        ),
    ] = None,
    answer: Annotated[
        str | None,
        typer.Option(
            help="Who answers: joint, or auto (per task that network, one for the task alone, trees or a "
            "blend, by the validation rows)."
        ),
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option(
            help="fast (a quarter of the usual epochs), good (the defaults) or best (as --answer auto, with "
            "ensembles of three networks); what is written in the configuration stays."
        ),
    ] = None,
    time_limit: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="Time for training, such as 90s, 10m or 1h30m: fewer epochs where not all fit.",
        ),
    ] = None,
    resume: Annotated[bool, typer.Option(help="Go on with an interrupted run.")] = False,
    overwrite: Annotated[bool, typer.Option(help="Replace a run that is in the folder.")] = False,
    tensorboard: Annotated[bool, typer.Option(help="Also log to RUN/tensorboard (extra 'track').")] = False,
    report: Annotated[
        bool, typer.Option(help="Write RUN/report.html if the extra 'report' is installed.")
    ] = True,
    rows: Annotated[
        bool, typer.Option(help="Keep some test rows in the run folder, for the report to show.")
    ] = True,
    quiet: Annotated[bool, typer.Option(help="No progress.")] = False,
    trust: Annotated[bool, TRUST_OPTION] = False,
    as_json: Annotated[bool, JSON_OPTION] = False,
) -> None:
    """Train one network for all tasks and compare it on the test rows with honest references.

    [bold]Examples:[/bold]

    cotrain train films.yaml

    cotrain train films.parquet --targets genres,certificate,meter

    cotrain train films.yaml --set training.epochs=40 --set balancer=Equal --run runs/longer

    cotrain train films.yaml --run runs/longer --resume

    cotrain train films.yaml --time-limit 10m --preset best
    """
    from cotrain.comparison import train_run

    given = list(settings or [])
    asked = {"references": references, "answer": answer, "preset": preset, "training.time_limit": time_limit}
    given += [f"{key}={value}" for key, value in asked.items() if value is not None]
    if not rows:
        given.append("keep_rows=false")
    message = None if quiet or as_json else _message
    if targets is None:
        configuration, name, file = _of_file(config, query, given, trust=trust)
    else:
        configuration, name, file = _of_table(config, targets, query, given, message=message)
    folder = run or Path("runs") / name
    try:
        outcome = train_run(
            configuration,
            folder,
            resume=resume,
            overwrite=overwrite,
            tensorboard=tensorboard,
            progress=False if quiet else None if as_json else True,
            beside=True,
            message=message,
        )
    except KeyboardInterrupt:
        typer.secho(
            f"Interrupted. Go on with: cotrain train {file or folder} --run {folder} --resume",
            fg="yellow",
            err=True,
        )
        raise typer.Exit(130) from None
    written = write_report(folder) if report else None
    if as_json:
        from cotrain.cli._output import print_json

        print_json(outcome.to_json())
    else:
        from cotrain.cli._verdict import print_outcome

        print_outcome(outcome, folder, None if given else file)
        if written is not None:
            console().print(f"The report is in {written}: open it in a browser.", markup=False)


#: What to train, the name of its run, and the file that says so; `None`: there is none but in a run.
Job = tuple["Configuration", str, Path | None]


def _of_file(config: list[str], query: str | None, settings: list[str], *, trust: bool) -> Job:
    from cotrain._base import ConfigError
    from cotrain.learner import Configuration

    path = Path(config[0])
    if len(config) > 1:
        raise ConfigError(
            f"{len(config)} files were given: train takes one configuration, or with --targets all files of "
            "a table."
        )
    if query is not None:
        raise ConfigError("--query goes with --targets; in a configuration file it is query:.")
    if path.is_file() and path.suffix.lower() not in (".yaml", ".yml", ".json", ""):
        raise ConfigError(
            f"{path} is no configuration file: to train on it as a table, add --targets and the names of its "
            "target columns."
        )
    configuration = Configuration.read(path, settings, trust=True if trust else None)
    return configuration, path.name if path.is_dir() else path.stem, None if path.is_dir() else path


def _of_table(
    data: list[str],
    targets: list[str],
    query: str | None,
    settings: list[str],
    *,
    message: Callable[[str], None] | None,
) -> Job:
    from cotrain.cli._table_arguments import table_paths
    from cotrain.learner import Recommendation

    paths = table_paths(data)
    proposal = Recommendation.of_table(paths, targets, query=query, probe=False)
    if message is not None:
        kinds = "; ".join(f"{task['name']}: {task['kind']}" for task in proposal.tasks)
        message(f"{kinds}. {proposal.why}")
    first = next(iter(paths.values())) if isinstance(paths, dict) else data[0]
    return proposal.configuration(settings), Path(first).stem, None


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
