"""`cotrain analyze`: what the tasks did to each other during a run, and where it goes wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from cotrain.cli._output import JSON_OPTION, TRUST_OPTION


def analyze(
    run: Annotated[Path, typer.Argument(help="Run folder, best of a run with training.monitor.")],
    by: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", help="Also the errors on groups of the test rows, by this column."),
    ] = None,
    trust: Annotated[bool, TRUST_OPTION] = False,
    as_json: Annotated[bool, JSON_OPTION] = False,
) -> None:
    """Say which task drowns the others, which pull against each other, what is wrong, and what to try.

    [bold]Examples:[/bold]

    cotrain train films.yaml --set training.monitor=20; cotrain analyze runs/films

    cotrain analyze runs/films --by country
    """
    from cotrain.cli._output import console, print_json
    from cotrain.reporting import analysis_of_folder

    found = analysis_of_folder(run)
    if by is not None:
        from cotrain.cli._groups import errors_by_column

        found["by"] = errors_by_column(run, by, trust=trust)
    if as_json:
        print_json(found)
        return
    for sentence in [*found["sentences"], *found.get("by", {}).get("sentences", [])]:
        console().print(f"• {sentence}", markup=False, highlight=False)
    _print_tasks(found)
    if found["gradients"] is not None:
        _print_gradients(found)
    if found["experts"] is not None:
        _print_experts(found["experts"])
    if found["cotraining"] is not None:
        _print_rounds(found["cotraining"])
    if by is not None:
        _print_groups(found["by"])


def _print_tasks(found: dict[str, Any]) -> None:
    from cotrain.cli._output import print_table

    rows = []
    for task in found["tasks"]:
        first, last = found["losses"][task] or (None, None)
        off, chance = found["calibration"].get(task), found["calibration_by_chance"].get(task)
        rows.append(
            [
                task,
                f"{found['coverage'][task]:.0%}",
                first,
                last,
                found["best_gain"].get(task),
                "–" if off is None else f"{off:.1%}",
                "–" if chance is None else f"{chance:.1%}",
            ]
        )
    header = [
        "task",
        "labelled",
        "first loss",
        "last loss",
        "best gain over a constant",
        "probabilities off by",
        "by chance alone",
    ]
    print_table("Tasks: labels on training rows, training loss, calibration on test rows", header, rows)


def _print_gradients(found: dict[str, Any]) -> None:
    from cotrain.cli._output import console, print_table

    gradients = found["gradients"]
    tasks = gradients["tasks"]
    rows = []
    for k, task in enumerate(tasks):
        share = gradients["share"][k]
        pull = "–" if share is None else f"{share:.0%}"
        rows.append([task, gradients["norms"][k], gradients["weights"][k], pull])
    header = ["task", "gradient length", "weight", "share of the pull"]
    print_table(f"Gradients on the shared parameters, mean of {gradients['n']} records", header, rows)
    length, plain = gradients["update"], gradients["update_of_sum"]
    if length is not None and plain is not None:
        line = f"Length of the weighted update {length:.3g}, of the plain sum of gradients {plain:.3g}."
        console().print(line, markup=False, highlight=False)
    for name, title in (("cosines", "Cosines between gradients"), ("affinity", "Affinity: row helps column")):
        matrix = [[task, *row] for task, row in zip(tasks, gradients[name], strict=True)]
        print_table(title, ["", *tasks], matrix)


def _print_experts(health: dict[str, Any]) -> None:
    from cotrain.cli._output import print_table

    tasks = list(dict.fromkeys(task for record in health["records"] for task in record["share"]))
    rows = [
        [
            f"{record['expert']} ({record['level']})",
            record["load"],
            record["even"],
            f"{record['dead_units']:.0%}",
            *(f"{record['share'][task]:.0%}" if task in record["share"] else "–" for task in tasks),
        ]
        for record in health["records"]
    ]
    header = ["expert (level)", "load", "even", "dead units", *tasks]
    print_table("Experts in the last epoch, and whose weight they get", header, rows)
    gates = [
        [f"level {n}", *(level.get(task) for task in tasks)] for n, level in enumerate(health["entropy"])
    ]
    print_table("Entropy of the gates: 1 = even, 0 = one expert", ["", *tasks], gates)


def _print_rounds(cotraining: dict[str, Any]) -> None:
    from cotrain.cli._output import print_table

    rows = [
        [
            f"{record.get('strategy', '')} {record['round']}".strip(),
            task,
            one["accepted"],
            one.get("estimated_accuracy"),
            one.get("true_accuracy"),
            one.get("before"),
            one.get("after"),
            one["note"],
        ]
        for record in cotraining["rounds"]
        for task, one in record["tasks"].items()
    ]
    header = ["round", "task", "accepted", "estimated accuracy", "true", "before", "after", "note"]
    print_table(f"Co-training: {cotraining['stopped']}", header, rows)


def _print_groups(by: dict[str, Any]) -> None:
    from cotrain.cli._output import print_table

    rows = [
        [
            *(task, one["group"], one["metric"], one["n_labelled"], one["value"], one["rest"]),
            one["word"] or ("too few to tell" if one["too_few"] else ""),
        ]
        for task, records in by["tasks"].items()
        for one in records
    ]
    header = ["task", by["column"], "metric", "rows", "value", "on the others", ""]
    print_table(f"Errors on the test rows by {by['column']}", header, rows)
