"""Co-training of masks and boxes: a few pictures labelled, the others known by their pixels alone.

    python benchmarks/cotraining_masks.py FOLDER --results masks.jsonl --seeds 0-2
    python benchmarks/cotraining_masks.py FOLDER --results masks.jsonl --seeds 0-2 --task boxes
    python benchmarks/cotraining_masks.py --results masks.jsonl --table

FOLDER is one that `benchmarks/vision.py` reads. A seed draws the labelled pictures, --labels of those that
have a label; of the others the label is taken away. The validation part judges the rounds, and the test part
nothing but the figures here: of the supervised start and of the answer. A round has as many steps as the
start, and the rule "true labels alone" as many as start and rounds together. Masks are cut with their
pictures (CutMix), at the start and in the rounds. Seconds are of the processor.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import polars as pl
import torch
from kept_fits import KeptFits, gain_in_points, seeds_of
from vision import BATCH, table

import cotrain as ct
from cotrain.cotraining import (
    AdaptiveThreshold,
    Committee,
    CoTraining,
    MeanTeacher,
    SelfTraining,
    Strategy,
    Threshold,
    prediction_of_output,
)
from cotrain.cotraining.guards._round_choice import value_on
from cotrain.learner._cotraining_stage import CoTrainingStage
from cotrain.training import Examples, FitResult, FrozenNetworks, Logger, PictureAugmentation

#: Task -> what is learned, made anew for each fit.
TASKS = {
    "mask": lambda: ct.tasks.Segmentation("mask"),
    "boxes": lambda: ct.tasks.Detection("boxes", picture="file"),
}
#: Rule -> strategy by the least confidence; `None`: no rounds, but as many steps. Pictures are moved and
#: recoloured as it is, so that noise on single pixels is small and none comes from other pictures.
RULES = {
    "mean teacher": lambda sure: MeanTeacher(AdaptiveThreshold(sure), gaussian=0.05, swap=0.0),
    "self-training": lambda sure: SelfTraining(Threshold(sure)),
    "committee": lambda sure: Committee(2, selector=Threshold(sure)),
    "true labels alone": lambda _: None,
}


class Rounds(Logger):
    """Keeps the records of the rounds of a task."""

    def __init__(self, task: str) -> None:
        self.task = task
        self.records: list[dict[str, Any]] = []
        self.messages: list[str] = []

    def round(self, record: Mapping[str, Any], lines: Sequence[str]) -> None:
        self.records.append(dict(record["tasks"][self.task]))
        print("  ", *lines, flush=True)

    def message(self, text: str) -> None:
        self.messages.append(text)


def divided(given: argparse.Namespace, seed: int) -> dict[str, pl.DataFrame]:
    """Return the parts, of whose training pictures so many have a label as are asked for."""
    frame = table(given.folder).select("file", given.task, "split")
    parts = {part: frame.filter(pl.col("split") == part).drop("split") for part in ("validation", "test")}
    train = frame.filter(pl.col("split") == "train").drop("split")
    labelled = np.flatnonzero(train[given.task].is_not_null().to_numpy())
    kept = np.zeros(train.height, bool)
    kept[np.random.default_rng(seed).permutation(labelled)[: given.labels]] = True
    parts["train"] = train.with_columns(
        pl.when(pl.Series(kept)).then(pl.col(given.task)).otherwise(None).alias(given.task)
    )
    return parts


def fitted(
    given: argparse.Namespace, seed: int, strategy: Strategy | None, rounds: Rounds
) -> tuple[float, float, float]:
    """Return the selecting figure of the start and of the answer on the test part, and the seconds."""
    parts = divided(given, seed)
    epochs = given.epochs if strategy is not None else given.epochs * (1 + given.rounds)
    learner = ct.Learner(
        [TASKS[given.task]()],
        columns={"file": "picture"},
        training=ct.Training(epochs, batch_size=BATCH, patience=None),
        augmentation=PictureAugmentation(cutmix=given.cutmix),
        cotraining=None if strategy is None else CoTraining(strategy, max_rounds=given.rounds),
        seed=seed,
    )
    kept: list[FitResult] = []
    improve = CoTrainingStage.improve

    def kept_and_improved(stage: CoTrainingStage, start: FitResult, *rows: Examples | None) -> Any:
        kept.append(start)
        return improve(stage, start, *rows)

    began = time.process_time()
    with mock.patch.object(CoTrainingStage, "improve", kept_and_improved):
        learner.fit(parts["train"], validation=parts["validation"], progress=False, loggers=[rounds])
    seconds = time.process_time() - began
    test = learner.preprocessor.examples(parts["test"])
    after = _figure(learner, None, test)
    return _figure(learner, kept[0], test) if kept else after, after, seconds


def _figure(learner: ct.Learner, start: FitResult | None, test: Examples) -> float:
    """Return the selecting figure of the supervised start, or of the answer."""
    task, networks = learner.preprocessor.tasks[0], learner.fitted.networks
    if start is not None:
        model = learner.architecture.build(learner.preprocessor)
        networks = FrozenNetworks(model, start.weights, start.weights_of)
    outputs = networks.outputs(test.inputs)[task.name]
    return value_on(task, prediction_of_output(task, outputs), test)


def run(given: argparse.Namespace, seed: int, rule: str) -> dict[str, Any]:
    rounds = Rounds(given.task)
    before, after, seconds = fitted(given, seed, RULES[rule](given.sure), rounds)
    names = ("accepted", "coverage", "estimated_accuracy", "start", "after", "note")
    return {
        "start": before,
        "answer": after,
        "seconds": seconds,
        "rounds": [{name: record.get(name) for name in names} for record in rounds.records],
        "verdict": rounds.messages,
    }


def print_table(rows: Sequence[Mapping[str, Any]]) -> None:
    groups = defaultdict(list)
    for row in rows:
        groups[row["task"], row["labels"], row["rule"]].append(row)
    print("| task | labels | rule | seeds | start | answer | gain (points) | above the start | CPU s |")
    print("|---|---:|---|---:|---:|---:|---:|---:|---:|")
    for (task, labels, rule), found in groups.items():
        above = sum(row["answer"] > row["start"] for row in found)
        print(
            f"| {task} | {labels} | {rule} | {len(found)} | {np.mean([row['start'] for row in found]):.3f} | "
            f"{np.mean([row['answer'] for row in found]):.3f} | {gain_in_points(found)} | "
            f"{above} of {len(found)} | "
            f"{np.mean([row['seconds'] for row in found]):.0f} |"
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--task", default="mask", choices=list(TASKS))
    parser.add_argument("--rules", nargs="+", default=["mean teacher"], choices=list(RULES))
    parser.add_argument("--seeds", default="0-2", help="first and last")
    parser.add_argument("--labels", type=int, default=40, help="pictures with a label")
    parser.add_argument("--epochs", type=int, default=60, help="of the labelled pictures")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cutmix", type=float, default=1.0, help="α of CutMix; 0: none")
    parser.add_argument("--sure", type=float, default=0.9, help="least confidence of a pseudo-label")
    parser.add_argument("--results", type=Path, required=True)
    parser.add_argument("--table", action="store_true")
    given = parser.parse_args()
    torch.set_num_threads(1)
    kept = KeptFits(given.results, ("task", "labels", "rule", "seed"))
    if given.folder is not None:
        for seed in seeds_of(given.seeds):
            for rule in given.rules:
                told = {"task": given.task, "labels": given.labels, "rule": rule, "seed": seed}
                kept.make(told, lambda seed=seed, rule=rule: run(given, seed, rule))
    if given.table:
        print_table(kept.fits)


if __name__ == "__main__":
    main()
