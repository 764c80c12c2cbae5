"""The tables of benchmarks/cotraining.py, in Markdown, from the file of its results."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

#: Begins the name of a run whose labels of one task are in disorder.
PERMUTED = "permuted: "


def results(path: Path) -> Iterator[dict[str, Any]]:
    if path.exists():
        for line in path.read_text().splitlines():
            yield json.loads(line)


def print_table(path: Path) -> None:
    """Print mean ± standard error over the seeds, and the difference from the contender's own start."""
    rows: dict[str, dict[str, dict[int, dict[str, Any]]]] = defaultdict(lambda: defaultdict(dict))
    for row in results(path):
        if not row["run"].startswith(PERMUTED):
            rows[row["problem"]][row["contender"]][row["seed"]] = row
    for problem, of_contender in rows.items():
        names = list(next(iter(next(iter(of_contender.values())).values()))["figures"])
        heads = [head for name in names for head in (name, f"{name} − start")]
        print(f"\n### {problem}\n\n| contender | {' | '.join(heads)} | seeds | updates | CPU s |")
        print("|---|" + "---|" * (len(heads) + 3))
        for contender, seeds in of_contender.items():
            if contender.endswith("(its start)"):
                continue
            starts = of_contender.get(f"{contender} (its start)", {})
            cells = []
            for name in names:
                values = [row["figures"][name] for row in seeds.values()]
                gaps = [
                    row["figures"][name] - starts[seed]["figures"][name]
                    for seed, row in seeds.items()
                    if seed in starts
                ]
                cells += [mean_and_error(values), mean_and_error(gaps, sign="+")]
            seconds = np.mean([row["seconds"] for row in seeds.values()])
            updates = round(float(np.mean([row["updates"] for row in seeds.values()])))
            print(f"| {contender} | {' | '.join(cells)} | {len(seeds)} | {updates or '–'} | {seconds:.1f} |")


def mean_and_error(values: Sequence[float], sign: str = "") -> str:
    if not values:
        return ""
    mean = f"{np.mean(values):{sign}.3f}"
    if len(values) == 1:
        return mean
    return f"{mean} ± {np.std(values, ddof=1) / len(values) ** 0.5:.3f}"


def print_losses(path: Path) -> None:
    """Print what the other tasks lose when one task's labels are in disorder, without and with co-training.

    A loss is the figure with all labels in order minus that with one task's in disorder, on the same seed.
    """
    figures: dict[str, dict[int, dict[str, dict[str, float]]]] = defaultdict(lambda: defaultdict(dict))
    for row in results(path):
        if row["run"].startswith(PERMUTED):
            figures[row["run"]][row["seed"]][row["contender"].removeprefix(row["run"]).strip()] = row[
                "figures"
            ]
    for run, of_seed in figures.items():
        tasks = list(next(iter(of_seed.values()))["nothing permuted"])
        print(f"\n### {run}\n\n| in disorder | {' | '.join(tasks)} |\n|---|" + "---|" * len(tasks))
        for broken in tasks:
            cells = []
            for task in tasks:
                losses = {
                    which: np.array(
                        [
                            found[f"nothing permuted{which}"][task] - found[f"{broken} permuted{which}"][task]
                            for found in of_seed.values()
                        ]
                    )
                    for which in (", start", "")
                }
                more = mean_and_error((losses[""] - losses[", start"]).tolist(), sign="+")
                cells.append(
                    ""
                    if task == broken
                    else f"{losses[', start'].mean():.3f} → {losses[''].mean():.3f} ({more})"
                )
            print(f"| {broken} | {' | '.join(cells)} |")
