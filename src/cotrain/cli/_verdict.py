"""How the figures of a run are printed."""

from __future__ import annotations

from pathlib import Path

from cotrain.cli._output import console, print_table
from cotrain.comparison import RunResult
from cotrain.evaluation import EvaluationTable, unseen_sentences
from cotrain.reporting._run_report import beaten_by_trees

#: More parts than these (genres, classes) stay in metrics.json.
MOST_PARTS = 6
TITLES = {"constant": "constant", "trees": "trees", "single_task": "alone", "answer": "answer"}


def print_evaluation(
    table: EvaluationTable, title: str = "Figures on the labelled rows", *, model: str = "together"
) -> None:
    """Print a table of figures; a task's parts are shown for its selecting metric if they are few.

    Args:
        table: the figures.
        title: above them.
        model: what the model is called that they are of.
    """
    rows = []
    for row in table:
        selecting = table.row(row.task).metric
        n_parts = sum(other.task == row.task and other.metric == row.metric and other.part is not None
                      for other in table)  # fmt: skip
        if row.part is not None and (row.metric != selecting or n_parts > MOST_PARTS):
            continue
        name = row.task if row.part is None else f"  {row.part}"
        figures = [row.shown(reference) for reference in table.references]
        rows.append([name, row.metric, str(row.n_labelled), row.shown(), *figures])
    references = [TITLES.get(reference, reference) for reference in table.references]
    print_table(title, ["task", "metric", "labelled", model, *references], rows)


def print_by_source(table: EvaluationTable) -> None:
    """Print the selecting figure of every task by source, where one has labels in several."""
    own = {source: figures for source, figures in table.by_source.items() if len(figures)}
    tasks = [task for figures in own.values() for task in figures.tasks]
    if len(set(tasks)) == len(tasks):
        return  # each task has one source, whose figures stand above
    rows = [
        [source, task, row.metric, str(row.n_labelled), row.shown()]
        for source, figures in own.items()
        for task in figures.tasks
        for row in [figures.row(task)]
    ]
    print_table("Figures by source", ["source", "task", "metric", "labelled", "together"], rows)


def print_by_group(table: EvaluationTable, column: str) -> None:
    """Print the selecting figure of every task for each value of a column."""
    rows = [
        [group, task, row.metric, str(row.n_labelled), row.shown()]
        for group, figures in table.by_group.items()
        for task in figures.tasks
        for row in [figures.row(task)]
    ]
    print_table(f"Figures by {column}", [column, "task", "metric", "labelled", "together"], rows)


def print_outcome(outcome: RunResult, folder: Path, config: Path | None = None) -> None:
    """Print what a run came to.

    Args:
        outcome: of the run.
        folder: of the run.
        config: what a comparison that judges could start from; default: the one in the folder.
    """
    if len(outcome.table):
        print_evaluation(outcome.table, f"Test figures ({outcome.n_rows['test']} rows)")
        print_by_source(outcome.table)
    out = console()
    for sentence in unseen_sentences(outcome.table.unseen):
        out.print(f"Warning: {sentence}", markup=False, highlight=False)
    for verdict in outcome.verdicts:
        out.print(f"• {verdict.sentence}", markup=False, highlight=False)
    for answer in outcome.answers:
        out.print(f"→ {answer.sentence}", markup=False, highlight=False)
    for sentence in [*outcome.thresholds, *filter(None, [outcome.ensemble])]:
        out.print(f"→ {sentence}", markup=False, highlight=False)
    if outcome.delta_m_sentence:
        out.print(outcome.delta_m_sentence, markup=False, highlight=False)
    beaten = beaten_by_trees(outcome.table.to_dicts())
    if beaten and not outcome.answers:
        out.print(
            f"Boosted trees are ahead on {len(beaten)} of {len(outcome.table.tasks)} tasks: with --answer "
            "auto the best one answers for each.",
            markup=False,
            highlight=False,
        )
    for task, steps in outcome.skipped.items():
        out.print(
            f"Warning: {task} was left out of {steps} steps, because its loss or gradient was not finite.",
            markup=False,
        )
    took = ", ".join(f"{name.replace('_', '-')} {seconds:.1f} s" for name, seconds in outcome.seconds.items())
    out.print(f"Took: {took}.", markup=False, highlight=False)
    out.print(f"The run is in {folder}: model, configuration, history and metrics.json.", markup=False)
    if any(verdict.difference is not None for verdict in outcome.verdicts):
        command = f"cotrain compare {config or folder / 'config.yaml'}"
        out.print(
            f"One seed does not judge learning together. For a verdict: {command}",
            markup=False,
            soft_wrap=True,
        )
