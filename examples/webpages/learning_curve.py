"""Two views of web pages label for each other: accuracy and F1 of the rare class over the rounds.

    python examples/webpages/learning_curve.py webkb_course.npz --seed 0

The file holds the pages of Blum and Mitchell (1998): the words on a page are one view, the words of the links
that lead to it the other. Twelve pages are labelled, three of them of courses.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import numpy as np
import polars as pl
import torch

import cotrain as ct
from cotrain._base import mix_seed
from cotrain.cotraining import TwoViewCoTraining, View
from cotrain.cotraining._network_factory import NetworkFactory
from cotrain.cotraining.rounds._run import CoTrainingRun
from cotrain.cotraining.rounds._strategy_selection import run_rounds
from cotrain.networks import MLP, HardSharing, InputSpec, MultiTaskNetwork
from cotrain.tasks import Task
from cotrain.training import Examples

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("file")
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--rounds", type=int, default=6)
given = parser.parse_args()

# -- the data: two sparse matrices side by side ---------------------------------------------------------
data = np.load(given.file)
course = data["course"].astype(int)
words = np.zeros((len(course), 4840), dtype=np.float32)
words[data["page_row"], data["page_col"]] = data["page_value"]
words[data["link_row"], 3000 + data["link_col"]] = data["link_value"]
random = np.random.default_rng(given.seed)
order = random.permutation(len(course))
test, rest = order[: len(course) // 4], order[len(course) // 4 :]
few = np.concatenate([rest[course[rest] == 1][:3], rest[course[rest] == 0][:9]])
train = np.concatenate([few, np.setdiff1d(rest, few)])

task = ct.tasks.Binary("course", metrics=["f1", "accuracy"])
task.fit(pl.DataFrame({"course": course[train]}))
targets = {"course": torch.from_numpy(course[train]).float()[:, None]}
masks = {"course": torch.arange(len(train))[:, None] < len(few)}
examples = Examples({"inputs": torch.from_numpy(words[train])}, targets, masks)

# -- the peers: a small network per view ----------------------------------------------------------------
page = torch.arange(4840) < 3000
settings = ct.CoTraining(TwoViewCoTraining(["page", "links"]), given.rounds, pseudo_weight=1.0, updates=300)


def build(name: str, tasks: Sequence[Task]) -> MultiTaskNetwork:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(mix_seed(given.seed, name))
        sharing = HardSharing().build(
            lambda: MLP((64,), n_inputs=4840).build(InputSpec()), [task.name for task in tasks]
        )
        return MultiTaskNetwork(sharing, {task.name: task.head(64) for task in tasks})


factory = NetworkFactory(
    [task],
    build=build,
    balancer=ct.balancing.Equal(),
    training=ct.Training(1, 128, learning_rate=3e-3, select="last", average=0.95),
    settings=settings,
    shapes={"inputs": (4840,)},
    views={"page": View({"inputs": page}), "links": View({"inputs": ~page})},
    seed=given.seed,
)
outcome = run_rounds(
    CoTrainingRun(
        tasks=[task],
        examples=examples,
        validation=None,
        settings=settings,
        factory=factory,
        seed=given.seed,
    )
)

# -- the curve ------------------------------------------------------------------------------------------
inputs, truth = {"inputs": torch.from_numpy(words[test])}, course[test]
for number, peers in enumerate(outcome.fitted):
    probability = np.mean(
        [one.predictions(inputs)["course"].scores(task).numpy()[:, 0] for one in peers], axis=0
    )
    predicted = (probability > 0.5).astype(int)
    right = float((predicted == truth).mean())
    hits = int((predicted & truth).sum())
    f1 = 2 * hits / max(1, int(predicted.sum() + truth.sum()))
    accepted = outcome.records[number - 1].tasks[0].accepted if number else 0
    bar = "#" * round(40 * f1)
    print(
        f"round {number}  {accepted:4d} pseudo-labels  accuracy {right:.3f}  F1 {f1:.3f}  {bar}", flush=True
    )
print(f"stopped: {outcome.stopped}; answer: {outcome.verdicts['course']}")
