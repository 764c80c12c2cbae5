"""Every way of sharing on two partially labelled tables under one budget: the same encoder, epochs and seeds.

Adult has three tasks (income, hours, three flags), half of the labels of each missing; the film table has six
tasks of which most films lack most. Every architecture is fitted three times with its default options. The
tables give, per task, the test figure of the metric that selects its weights, the mean of the mean relative
gains over separate networks (delta_m, positive = better, ± deviation over seeds), the parameters, and the CPU
seconds of a fit. Fits are kept in a file as they come, so that a run that was stopped goes on.

    pip install cotrain[demo]
    python benchmarks/sharing_tables.py adult films --write docs/explanation/which-sharing.md
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import polars as pl
import torch

import cotrain as ct
from cotrain.cli._films import film_table
from cotrain.configuration import kinds_of
from cotrain.evaluation import EvaluationRow, EvaluationTable, delta_m_of
from cotrain.networks import Sharing

ADULT = Path(__file__).resolve().parents[1] / ".." / "shared" / "data" / "adult" / "three_tasks.csv"
SEEDS = (0, 1, 2)
#: What everything is measured against.
BASE = "Separate"


def problem(name: str) -> tuple[pl.DataFrame, list[ct.tasks.Task], ct.Training]:
    """Return the rows with a column "split", the tasks and the budget."""
    tasks: list[Any]
    if name == "adult":
        tasks = [ct.tasks.Binary("income"), ct.tasks.Regression("hours")]
        tasks.append(ct.tasks.Multilabel("flags", columns=["married", "capgain", "caploss"]))
        return pl.read_csv(ADULT), tasks, ct.Training(epochs=6, batch_size=512)
    tasks = [ct.tasks.Multilabel("genres", separator=", "), ct.tasks.Multiclass("certificate")]
    tasks += [ct.tasks.Regression(column) for column in ("meter", "metacritic", "box_office")]
    return film_table(), [*tasks, ct.tasks.Binary("oscar")], ct.Training(epochs=6, select="per_task")


def fit(name: str, architecture: str, seed: int) -> dict[str, Any]:
    """Return the test figures of one fit as plain values."""
    frame, tasks, training = problem(name)
    parts = {part: frame.filter(pl.col("split").is_in(keys)) for part, keys in PARTS.items()}
    learner = ct.Learner(
        tasks,
        encoder=ct.networks.TableEncoder(width=64),
        sharing=kinds_of(Sharing)[architecture](),
        training=training,
        columns={"split": "drop"},
        seed=seed,
    )
    begun = time.process_time()
    learner.fit(parts["train"], parts["validation"], progress=False)
    seconds = time.process_time() - begun
    table = learner.evaluate(parts["test"])
    rows = [table.row(task) for task in table.tasks]
    return {
        "table": name,
        "architecture": architecture,
        "seed": seed,
        "seconds": seconds,
        "parameters": sum(p.numel() for p in learner.architecture.build(learner.preprocessor).parameters()),
        "figures": {row.task: [row.metric, row.direction, row.n_labelled, row.value] for row in rows},
    }


PARTS = {"train": ["train"], "validation": ["val", "validation"], "test": ["test"]}


def gain(figures: dict[str, Any], base: dict[str, Any]) -> float:
    """Return delta_m of one fit against that of separate networks with the same seed."""
    rows = [
        EvaluationRow(task, metric, direction, None, n, value, {"single_task": base[task][-1]})
        for task, (metric, direction, n, value) in figures.items()
    ]
    return delta_m_of(EvaluationTable(rows)).value


def markdown(fits: list[dict[str, Any]]) -> str:
    """Return the table of one problem, the best delta_m first."""
    by_kind: dict[str, dict[int, dict[str, Any]]] = defaultdict(dict)
    for one in fits:
        by_kind[one["architecture"]][one["seed"]] = one
    first = fits[0]["figures"]
    columns = [
        f"{task} ({metric} {'↑' if way == 'max' else '↓'})" for task, (metric, way, *_) in first.items()
    ]
    lines = [["architecture", *columns, "Δm, %", "parameters", "CPU s"]]
    ranked: list[tuple[float, list[str]]] = []
    base = by_kind[BASE]
    for kind, runs in by_kind.items():
        values = [[run["figures"][task][-1] for run in runs.values()] for task in first]
        paired = [(run, base[seed]) for seed, run in runs.items() if seed in base]
        gains = [100 * gain(run["figures"], other["figures"]) for run, other in paired]
        cells = [
            f"{statistics.mean(v):.4f}" if abs(v[0]) < 10 else f"{statistics.mean(v):.2f}" for v in values
        ]
        figure = f"{statistics.mean(gains):+.2f} ± {statistics.pstdev(gains):.2f}" if kind != BASE else "0"
        kind = kind if len(runs) == len(SEEDS) else f"{kind} ({len(runs)} of {len(SEEDS)} seeds)"
        count = f"{next(iter(runs.values()))['parameters']:,}"
        seconds = f"{statistics.median(run['seconds'] for run in runs.values()):.1f}"
        ranked.append((-statistics.mean(gains), [kind, *cells, figure, count, seconds]))
    lines += [cells for _, cells in sorted(ranked)]
    lines.insert(1, ["---"] * len(lines[0]))
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def write(page: Path, name: str, table: str) -> None:
    """Put the table between its two marks in the page."""
    begin, end = f"<!-- table {name} -->", f"<!-- end {name} -->"
    pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    page.write_text(pattern.sub(lambda _: f"{begin}\n{table}\n{end}", page.read_text("utf-8")), "utf-8")


def main() -> None:
    """Fit what is not there yet, print the tables and put them into the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("tables", nargs="+", choices=["adult", "films"])
    parser.add_argument("--only", nargs="+", default=sorted(kinds_of(Sharing)), help="architectures")
    parser.add_argument("--results", type=Path, default=Path(tempfile.gettempdir()) / "sharing_tables")
    parser.add_argument("--write", type=Path, help="page with the marks of the tables")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    for name in arguments.tables:
        kept = arguments.results.with_name(f"{arguments.results.name}_{name}.jsonl")
        fits = [json.loads(line) for line in kept.read_text().splitlines()] if kept.exists() else []
        done = {(one["architecture"], one["seed"]) for one in fits}
        # Seed by seed, so that what was stopped early still compares all architectures.
        for seed in SEEDS:
            for architecture in arguments.only:
                if (architecture, seed) not in done:
                    fits.append(fit(name, architecture, seed))
                    with kept.open("a") as file:
                        file.write(json.dumps(fits[-1]) + "\n")
        table = markdown(fits)
        print(f"\n{name}\n\n{table}", flush=True)
        if arguments.write is not None:
            write(arguments.write, name, table)


if __name__ == "__main__":
    main()
