"""What an ensemble brings: one network beside the mean of two, three and more, on the same rows.

Of every split of a table (those of `batched_ensemble.py`) one ensemble is fitted with the default training,
and smaller ones are made of its first networks, each with temperatures of its own. The tables give the test
figures: of one network, the mean over all networks by themselves; of N, that of their mean prediction, with
the mean difference to one network over the splits and its standard error.

    python benchmarks/ensembles.py energy adult --seeds 0 1 2 3 4
"""

from __future__ import annotations

import argparse
import statistics
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import torch
from batched_ensemble import DATA, problem

import cotrain as ct
from cotrain.evaluation import EvaluationTable
from cotrain.learner import Learner
from cotrain.learner._confidence import CalibratedConfidence
from cotrain.training import FrozenNetworks


def figures_of(learner: Learner, members: list[int], validation: object, test: object) -> EvaluationTable:
    """Return the test figures of some networks of an ensemble."""
    fitted, tasks = learner.fitted, learner.preprocessor.tasks
    some = {task: [of[m] for m in members] for task, of in fitted.networks.weights_of.items()}
    model = learner.architecture.build(learner.preprocessor, start=False)
    networks = FrozenNetworks(model, fitted.networks.weights, some, tasks)
    held = learner.preprocessor.examples(validation)
    confidence = CalibratedConfidence.learn(tasks, networks.outputs(held.inputs), held)
    return replace(fitted, networks=networks).with_confidence(confidence).evaluate(test)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("tables", nargs="+", choices=["energy", "digits", "diabetes", "adult"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2, 3, 4])
    parser.add_argument("--sizes", nargs="+", type=int, default=[3, 5])
    parser.add_argument("--data", type=Path, default=DATA)
    given = parser.parse_args()
    torch.set_num_threads(1)
    for table in given.tables:
        values: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
        for seed in given.seeds:
            (train, validation, test), tasks = problem(table, seed, given.data)
            n = max(given.sizes)
            learner = ct.Learner(tasks, ensemble=n, seed=seed).fit(train, validation, progress=False)
            one = [figures_of(learner, [number], validation, test) for number in range(n)]
            of = {size: [figures_of(learner, list(range(size)), validation, test)] for size in given.sizes}
            for size, found in {1: one, **of}.items():
                for name in _asked(one[0]):
                    values[name][size].append(statistics.mean(_asked(figures)[name] for figures in found))
        print(f"\n{table}: {len(given.seeds)} splits\n")
        print(f"| figure | one | {' | '.join(f'{size} | difference' for size in given.sizes)} |")
        print("|---|---|" + "---|---|" * len(given.sizes))
        for figure, by_size in values.items():
            cells = [f"{statistics.mean(by_size[1]):.4f}"]
            for size in given.sizes:
                apart = [b - a for a, b in zip(by_size[1], by_size[size], strict=True)]
                error = statistics.stdev(apart) / len(apart) ** 0.5 if len(apart) > 1 else float("nan")
                cells.append(f"{statistics.mean(by_size[size]):.4f}")
                cells.append(f"{statistics.mean(apart):+.4f} ± {error:.4f}")
            print(f"| {figure} | {' | '.join(cells)} |", flush=True)


def _asked(figures: EvaluationTable) -> dict[str, float]:
    """Return the figure that selects, and how good the probabilities are, of every task."""
    whole = [row for row in figures if row.part is None]
    selecting = {task: figures.row(task).metric for task in figures.tasks}
    return {
        f"{row.task} {row.metric}": row.value
        for row in whole
        if row.metric in (selecting[row.task], "log_loss")
    }


if __name__ == "__main__":
    main()
