"""Co-training of spans on SNIPS: a tenth of the sentences labelled, the others known by their words alone.

    python benchmarks/cotraining_tokens.py FOLDER --results tokens.jsonl --seeds 0-4
    python benchmarks/cotraining_tokens.py FOLDER --results tokens.jsonl --seeds 0 --rules words
    python benchmarks/cotraining_tokens.py --results tokens.jsonl --table

FOLDER has train/, valid/ and test/ with seq.in and seq.out, a line per utterance each. A seed draws the
labelled sentences, --share of them; a fifth of these is the validation part, and nothing is chosen on other
labels. Rules: "spans", whole spans by their corrected confidence (what `Tagging` does); "words", every word
by its own probability, at least .9, which is what the guard must catch. Of each there are the supervised
start and the answer on the test part, and the validation figure of every round. All networks take equally
many steps: with 1,300 instead of 3,600 the start is 8 points lower, which is no merit of pseudo-labels.
Seconds are of the processor.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import polars as pl
import torch
from kept_fits import KeptFits, gain_in_points, seeds_of

import cotrain as ct
from cotrain.cotraining import Committee, CoTraining, SelfTraining, Threshold, prediction_of_output
from cotrain.cotraining.guards._round_choice import value_on
from cotrain.learner._cotraining_stage import CoTrainingStage
from cotrain.tasks import EntryLabelling, Tagging
from cotrain.training import Examples, FitResult, FrozenNetworks, Logger

USUAL = Tagging.entry_labelling


def words_alone(task: Tagging) -> EntryLabelling:
    """Return the rule that takes no heed of spans."""
    usual = USUAL(task)
    return EntryLabelling(usual.classes, usual.probabilities)


#: Rule -> settings of co-training, and what it changes.
def rules(networks: int = 2, n_rounds: int = 2) -> dict[str, tuple[CoTraining, AbstractContextManager[Any]]]:
    patch = mock.patch.object(Tagging, "entry_labelling", words_alone)
    return {
        "spans": (
            CoTraining(Committee(networks, selector=Threshold(0.8)), max_rounds=n_rounds),
            nullcontext(),
        ),
        "words": (CoTraining(SelfTraining(Threshold(0.9)), max_rounds=n_rounds, pseudo_weight=1.0), patch),
    }


class Rounds(Logger):
    """Keeps the records of the rounds."""

    def __init__(self) -> None:
        self.records: list[dict[str, Any]] = []
        self.messages: list[str] = []

    def round(self, record: Mapping[str, Any], lines: Sequence[str]) -> None:
        self.records.append(dict(record["tasks"]["slots"]))
        print("  ", *lines, flush=True)

    def message(self, text: str) -> None:
        self.messages.append(text)


def read(folder: Path, part: str) -> pl.DataFrame:
    words, slots = ((folder / part / name).read_text().splitlines() for name in ("seq.in", "seq.out"))
    return pl.DataFrame({"tokens": [w.split() for w in words], "slots": [s.split() for s in slots]})


def divided(frame: pl.DataFrame, given: argparse.Namespace, seed: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return training rows, most of them without labels, and validation rows."""
    order = np.random.default_rng(seed).permutation(frame.height)
    n_labelled, n_pool = round(given.share * frame.height), round(given.pool * frame.height)
    held, own = order[: n_labelled // 5], order[n_labelled // 5 : n_labelled]
    pool = frame[order[n_labelled : n_labelled + n_pool]]
    pool = pool.with_columns(slots=pl.lit(None, dtype=frame["slots"].dtype))
    return pl.concat([frame[own], pool]), frame[held]


def fitted(
    given: argparse.Namespace, seed: int, cotraining: CoTraining, rounds: Rounds
) -> tuple[float, float, float]:
    """Return the span F1 of the start and of the answer on the test part, and the seconds of it all."""
    train, validation = divided(read(given.folder, "train"), given, seed)
    learner = ct.Learner(
        [Tagging("slots", spans="BIO")],
        encoder=ct.networks.WordEncoder(given.width, word_embedding=64, character_embedding=16),
        columns={"tokens": "words"},
        training=ct.Training(given.epochs, batch_size=16, patience=None),
        cotraining=cotraining,
        seed=seed,
    )
    kept: list[FitResult] = []
    improve = CoTrainingStage.improve

    def kept_and_improved(stage: CoTrainingStage, start: FitResult, *rows: Examples) -> Any:
        kept.append(start)
        return improve(stage, start, *rows)

    began = time.process_time()
    with mock.patch.object(CoTrainingStage, "improve", kept_and_improved):
        learner.fit(train, validation=validation, progress=False, loggers=[rounds])
    seconds = time.process_time() - began
    test = learner.preprocessor.examples(read(given.folder, "test"))
    task, model = learner.preprocessor.tasks[0], learner.architecture.build(learner.preprocessor)
    before = FrozenNetworks(model, kept[0].weights, kept[0].weights_of).outputs(test.inputs)
    found = [
        value_on(task, prediction_of_output(task, outputs["slots"]), test)
        for outputs in (before, learner.fitted.networks.outputs(test.inputs))
    ]
    return found[0], found[1], seconds


def run(given: argparse.Namespace, seed: int, rule: str) -> dict[str, Any]:
    settings, change = rules(given.networks, given.rounds)[rule]
    rounds = Rounds()
    with change:
        before, after, seconds = fitted(given, seed, settings, rounds)
    records = [
        {name: record.get(name) for name in ("accepted", "coverage", "estimated_accuracy", "start", "after")}
        for record in rounds.records
    ]
    return {
        "start": before,
        "answer": after,
        "seconds": seconds,
        "rounds": records,
        "verdict": rounds.messages,
    }


def print_table(rows: Sequence[Mapping[str, Any]]) -> None:
    groups = defaultdict(list)
    for row in rows:
        groups[row["rule"]].append(row)
    print("| rule | seeds | start | answer | gain (points) | last round on validation (points) | CPU s |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    for rule, found in groups.items():
        last = [
            100 * (row["rounds"][-1]["after"] - row["rounds"][-1]["start"]) for row in found if row["rounds"]
        ]
        print(
            f"| {rule} | {len(found)} | {np.mean([row['start'] for row in found]):.3f} | "
            f"{np.mean([row['answer'] for row in found]):.3f} | {gain_in_points(found)} | "
            f"{np.mean(last) if last else float('nan'):+.1f} | "
            f"{np.mean([row['seconds'] for row in found]):.0f} |"
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, nargs="?", help="folder of SNIPS")
    parser.add_argument("--rules", nargs="+", default=list(rules()), choices=list(rules()))
    parser.add_argument("--seeds", default="0-4", help="first and last")
    parser.add_argument("--share", type=float, default=0.1, help="of the sentences that is labelled")
    parser.add_argument("--pool", type=float, default=0.9, help="share of the sentences without labels")
    parser.add_argument("--epochs", type=int, default=55, help="of the labelled sentences: 3,600 steps")
    parser.add_argument("--networks", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--results", type=Path, required=True)
    parser.add_argument("--table", action="store_true")
    given = parser.parse_args()
    torch.set_num_threads(1)
    kept = KeptFits(given.results, ("rule", "seed"))
    if given.folder is not None:
        for seed in seeds_of(given.seeds):
            for rule in given.rules:
                kept.make({"rule": rule, "seed": seed}, lambda seed=seed, rule=rule: run(given, seed, rule))
    if given.table:
        print_table(kept.fits)


if __name__ == "__main__":
    main()
