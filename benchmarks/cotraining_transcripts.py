"""Co-training of transcripts: a tenth of the recordings transcribed, the others known by their sound alone.

    python benchmarks/cotraining_transcripts.py RECORDINGS --results texts.jsonl --seeds 0 --part validation
    python benchmarks/cotraining_transcripts.py RECORDINGS --results texts.jsonl --seeds 1-3
    python benchmarks/cotraining_transcripts.py --results texts.jsonl --table

RECORDINGS holds single digits, as `benchmarks/speech.py` reads them, of which it makes 2,400 strings to train
on, other ones for every seed. --labels of them keep their text and speaker, drawn by the seed; of the others
both are taken away. --held strings of the validation part choose the epoch and judge the rounds; figures are
word error rates of the supervised start and of the answer, on the rest of the validation part, by which
settings are chosen, or on the test part. All networks of a run take equally many steps. Seconds are of the
processor.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import polars as pl
import torch
from cotraining_masks import Rounds
from kept_fits import KeptFits, gain_in_points, interval, markdown, seeds_of
from speech import part_of, strings, task_of

import cotrain as ct
from cotrain.cotraining import (
    Calibrator,
    Committee,
    CoTraining,
    CoTrainingResult,
    Isotonic,
    MeanTeacher,
    SelfTraining,
    Strategy,
    TeacherStudent,
    Temperature,
    Threshold,
    prediction_of_output,
)
from cotrain.cotraining.guards._round_choice import value_on
from cotrain.cotraining.rounds._records import answers
from cotrain.cotraining.rounds._run import CoTrainingRun
from cotrain.cotraining.rounds._strategy_selection import run_rounds
from cotrain.learner._cotraining_stage import CoTrainingStage
from cotrain.training import Examples, FitResult, FrozenNetworks

#: Rule -> strategy by the least confidence.
RULES = {
    "self-training": lambda sure: SelfTraining(Threshold(sure)),
    "noisy student": lambda sure: TeacherStudent("joint", selector=Threshold(sure)),
    "mean teacher": lambda sure: MeanTeacher(Threshold(sure), align=False),
    "committee": lambda sure: Committee(2, selector=Threshold(sure), align=False),
}
CALIBRATIONS: dict[str, type[Calibrator]] = {"temperature": Temperature, "isotonic": Isotonic}
KEY = ("rule", "sure", "calibration", "labels", "epochs", "rounds", "weight", "select", "seed", "part")
SECTION = "cotrain.learner._cotraining_stage.run_rounds"


def divided(given: argparse.Namespace, seed: int, folder: Path) -> dict[str, pl.DataFrame]:
    """Return the parts; so many training rows keep their labels as are asked for, and "truth" has all."""
    table = strings(given.recordings, folder, seed)
    truth, validation = part_of(table, "train"), part_of(table, "validation")
    kept = np.zeros(truth.height, bool)
    kept[np.random.default_rng(seed).permutation(truth.height)[: given.labels]] = True
    known = [
        pl.when(pl.Series(kept)).then(pl.col(name)).otherwise(None).alias(name)
        for name in ("text", "speaker")
    ]
    return {
        "truth": truth,
        "train": truth.with_columns(known),
        "held": validation[: given.held],
        "validation": validation[given.held :],
        "test": part_of(table, "test"),
    }


def fitted(
    given: argparse.Namespace, parts: Mapping[str, pl.DataFrame], seed: int, rounds: Rounds
) -> dict[str, Any]:
    """Return the word error rates of the start, of the answer and of every round, and the seconds."""
    strategy: Strategy = RULES[given.rule](given.sure)
    learner = ct.Learner(
        [task_of("text"), task_of("speaker")],
        columns={"file": "sound"},
        training=ct.Training(given.epochs, patience=None, select=given.select),
        cotraining=CoTraining(
            strategy,
            max_rounds=given.rounds,
            calibration=CALIBRATIONS[given.calibration](),
            pseudo_weight=given.weight,
        ),
        seed=seed,
    )
    starts: list[FitResult] = []
    outcomes: list[CoTrainingResult] = []
    improve = CoTrainingStage.improve

    def kept_and_improved(stage: CoTrainingStage, start: FitResult, *rows: Examples | None) -> Any:
        starts.append(start)
        truth = stage.preprocessor.examples(parts["truth"])

        def with_truth(run: CoTrainingRun) -> CoTrainingResult:
            outcomes.append(run_rounds(replace(run, truth=truth)))
            return outcomes[0]

        with mock.patch(SECTION, with_truth):
            return improve(stage, start, *rows)

    began = time.process_time()
    with mock.patch.object(CoTrainingStage, "improve", kept_and_improved):
        learner.fit(parts["train"], validation=parts["held"], progress=False, loggers=[rounds])
    seconds = time.process_time() - began
    rows, task = learner.preprocessor.examples(parts[given.part]), learner.preprocessor.tasks[0]
    of_rounds = [
        value_on(task, answers(fitted, outcomes[0].answering, rows.inputs)["text"], rows)
        for fitted in outcomes[0].fitted
    ]
    return {
        "start": _figure(learner, starts[0], rows),
        "answer": _figure(learner, None, rows),
        "of_rounds": of_rounds,
        "seconds": seconds,
    }


def _figure(learner: ct.Learner, start: FitResult | None, rows: Examples) -> float:
    """Return the word error rate of the supervised start, or of the answer."""
    task, networks = learner.preprocessor.tasks[0], learner.fitted.networks
    if start is not None:
        model = learner.architecture.build(learner.preprocessor)
        networks = FrozenNetworks(model, start.weights, start.weights_of)
    outputs = networks.outputs(rows.inputs, ["text"])["text"]
    return value_on(task, prediction_of_output(task, outputs), rows)


def run(given: argparse.Namespace, seed: int) -> dict[str, Any]:
    rounds = Rounds("text")
    with tempfile.TemporaryDirectory() as folder:
        parts = divided(given, seed, Path(folder) / "strings")
        found = fitted(given, parts, seed, rounds)
    names = ("accepted", "coverage", "estimated_accuracy", "true_accuracy", "start", "after", "note")
    return {
        **found,
        "records": [{name: record.get(name) for name in names} for record in rounds.records],
        "verdict": rounds.messages,
    }


def table_of(fits: Sequence[Mapping[str, Any]]) -> str:
    """Return word error rates before and after, by rule."""
    groups = defaultdict(list)
    for one in fits:
        groups[tuple(one[name] for name in KEY if name != "seed")].append(one)
    rows = []
    for (rule, sure, calibration, labels, epochs, n_rounds, weight, select, part), found in groups.items():
        last = [one["records"][-1] for one in found if one["records"]]
        right = [one["true_accuracy"] for one in last if one["true_accuracy"] is not None]
        hoped = [one["estimated_accuracy"] for one in last if one["estimated_accuracy"] is not None]
        settings = f"{rule}, {sure:g}, {calibration}, weight {weight:g}, {n_rounds} rounds, select {select}"
        ends = [one["of_rounds"] for one in found]
        below = sum(one["answer"] < one["start"] for one in found)
        rows.append(
            [
                settings,
                f"{labels}, {epochs} epochs",
                part,
                str(len(found)),
                interval([one["start"] for one in found]),
                interval([one["answer"] for one in found]),
                f"{interval([of[0] for of in ends])} to {interval([of[-1] for of in ends])}",
                gain_in_points(found),
                f"{below} of {len(found)}",
                f"{np.mean([one['coverage'] for one in last]):.2f}" if last else "",
                f"{np.mean(hoped):.2f} / {np.mean(right):.2f}" if right else "",
                f"{np.mean([one['seconds'] for one in found]):.0f}",
            ]
        )
    header = ["rule", "labels", "part", "seeds", "WER, start", "WER, answer"]
    header += ["rounds: first and last peers", "change (points)"]
    return markdown([*header, "below the start", "labelled", "right: estimate / truth", "CPU s"], rows)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("recordings", type=Path, nargs="?", help="folder of single digits")
    parser.add_argument("--rule", default="self-training", choices=list(RULES))
    parser.add_argument("--sure", type=float, default=0.8, help="least confidence of a pseudo-label")
    parser.add_argument("--calibration", default="temperature", choices=list(CALIBRATIONS))
    parser.add_argument("--weight", type=float, default=0.5, help="of a pseudo-label beside a true one")
    parser.add_argument("--select", default="auto", choices=["auto", "last"], help="the epoch of every fit")
    parser.add_argument("--seeds", default="1-3", help="first and last")
    parser.add_argument("--part", default="test", choices=["validation", "test"])
    parser.add_argument("--labels", type=int, default=240, help="strings with a text and a speaker")
    parser.add_argument("--held", type=int, default=100, help="strings that judge the rounds")
    parser.add_argument("--epochs", type=int, default=60, help="of the labelled strings")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--results", type=Path, required=True)
    parser.add_argument("--table", action="store_true")
    given = parser.parse_args()
    torch.set_num_threads(1)
    kept = KeptFits(given.results, KEY)
    if given.recordings is not None:
        for seed in seeds_of(given.seeds):
            told = {name: getattr(given, name) for name in KEY if name != "seed"} | {"seed": seed}
            kept.make(told, lambda seed=seed: run(given, seed))
    if given.table:
        print(table_of(kept.fits))


if __name__ == "__main__":
    main()
