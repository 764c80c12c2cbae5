"""`cotrain evaluate`: a run's figures on a table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from cotrain.cli._output import JSON_OPTION, TRUST_OPTION, status

if TYPE_CHECKING:
    import polars as pl

    from cotrain.learner import Learner
    from cotrain.learner._configuration import Paths
    from cotrain.training import Examples

Part = Literal["train", "validation", "test"]


def evaluate(
    run: Annotated[Path, typer.Argument(help="Run folder.")],
    data: Annotated[
        list[str] | None,
        typer.Argument(
            help="Table with inputs and at least some targets, or all files of it, or NAME=TABLE for each "
            "source; default the run's own."
        ),
    ] = None,
    part: Annotated[
        Part | None, typer.Option(help="Only these rows of the table, divided as it was for the training.")
    ] = None,
    query: Annotated[str | None, typer.Option(help="For SQLite: a SELECT statement or a table.")] = None,
    by: Annotated[
        str | None, typer.Option(help="Column whose values are groups that are also evaluated by themselves.")
    ] = None,
    trust: Annotated[bool, TRUST_OPTION] = False,
    as_json: Annotated[bool, JSON_OPTION] = False,
) -> None:
    """Evaluate a trained network on the labelled rows of a table.

    Rows that the network was trained on are counted and named: figures on them say little.

    [bold]Examples:[/bold]

    cotrain evaluate runs/films new_films.csv --json

    cotrain evaluate runs/films films.csv --part test --by country

    cotrain evaluate runs/language tags=test.jsonl reviews=test.csv
    """
    from cotrain._base import ConfigError
    from cotrain.cli._table_arguments import table_paths
    from cotrain.data import read_cells
    from cotrain.evaluation import unseen_sentences
    from cotrain.learner import Learner

    learner = Learner.load(run, trust=trust)
    paths = table_paths(data) if data else None
    if query is not None and isinstance(paths, dict):
        raise ConfigError("--query goes with one database, not with several sources: leave it out.")
    if part is not None:
        table = rows_of_part(run, learner, part, data=paths, query=query, trust=trust)
    elif paths is not None:
        table = paths if isinstance(paths, dict) else read_cells(paths, query)
    else:
        raise ConfigError("evaluate needs a table, or --part test for the test rows of the run's own table.")
    fitted = learner.fitted
    tell_absent_tasks(learner, table)
    table = fitted.labelled_table(table)
    examples = fitted.preprocessor.examples(table)
    if part is None:
        tell_seen_rows(run, examples)
    found = fitted.evaluate(table, by=by, examples=examples)
    for sentence in unseen_sentences(found.unseen):
        status(f"Warning: {sentence}")
    if as_json:
        from cotrain.cli._output import print_json

        by_source = {source: table.to_dicts() for source, table in found.by_source.items()}
        parts = {"by_source": by_source} if by_source else {}
        if by is not None:
            parts["by_group"] = {group: table.to_dicts() for group, table in found.by_group.items()}
        rows = [
            {**row, "unseen": found.unseen[row["task"]]} if row["task"] in found.unseen else row
            for row in found.to_dicts()
        ]
        print_json({"rows": rows, **parts} if parts else rows)
    else:
        from cotrain.cli._answers import tell_answers
        from cotrain.cli._verdict import print_by_group, print_by_source, print_evaluation

        tell_answers(learner)

        print_evaluation(found, model="answer" if learner.fitted.answers.others else "together")
        print_by_source(found)
        if by is not None:
            print_by_group(found, by)


def rows_of_part(
    run: Path, learner: Learner, part: Part, *, data: Paths | None, query: str | None, trust: bool
) -> pl.DataFrame:
    """Return the rows of a part of a run's split, after a look whether they are those of the run.

    Args:
        run: folder.
        learner: loaded from it.
        part: which rows.
        data: table, or source -> table; `None`: the one that stands in the run's configuration.
        query: for a database; `None`: the configuration's.
        trust: whether kinds from outside this library may be imported.

    Raises:
        DataError: the part has no rows.
        RunError: the rows are others than those that the run has seen.
    """
    from cotrain.learner import Configuration, SplitTable
    from cotrain.learner._run_record import require_same_rows

    configuration = Configuration.read(run, trust=trust)
    if data is not None:
        # Other tables are divided by themselves: those that parts of the run had have no more to say.
        configuration.data, configuration.validation, configuration.test = data, None, None
    configuration.query = query or configuration.query
    split = SplitTable.of(configuration)
    split.require_rows("evaluate --part", part)
    if part != "train":  # with co-training a run also learns from rows without any label
        require_same_rows(run, {part: learner.preprocessor.examples(split[part]).fingerprint()})
    return split[part]


def tell_absent_tasks(learner: Learner, table: object) -> None:
    """Say of which tasks a table has no column, so that nothing is said of them."""
    from cotrain.learner._absent_targets import absent_tasks

    preprocessor = learner.fitted.preprocessor
    for task in absent_tasks(preprocessor.table(table), preprocessor.tasks):
        columns = " and ".join(repr(column) for column in task.columns)
        status(f"Warning: {task.name}: the table has no column {columns}; the task is not evaluated.")


def tell_seen_rows(run: Path, examples: Examples) -> None:
    """Say how many rows, coded as the run codes them, the network knows from its training."""
    from cotrain.learner._run_folder import count_seen_rows

    seen = count_seen_rows(run, examples)
    if n_train := seen.get("train", 0):
        chosen = f", and {seen['validation']} helped to choose its epoch" if seen["validation"] else ""
        status(
            f"{n_train} of the {len(examples)} rows have the inputs of rows that this network was trained on"
            f"{chosen}: these figures flatter it. For the test rows alone add --part test."
        )
