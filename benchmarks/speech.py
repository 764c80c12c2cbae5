"""Text, speaker and voice of spoken strings of digits: all at once beside each alone, at equally many steps.

    python benchmarks/speech.py RECORDINGS --results speech.jsonl --seeds 0-2
    python benchmarks/speech.py RECORDINGS --results speech.jsonl --runs joint --part validation --seeds 7
    python benchmarks/speech.py RECORDINGS --results unseen.jsonl --unseen
    python benchmarks/speech.py --results speech.jsonl --table

RECORDINGS holds single digits, DIGIT_SPEAKER_NUMBER.wav, such as those of the Free Spoken Digit Dataset.
`examples/speech/prepare.py` makes strings of them, other ones for every seed: one to four digits to train
on, two to five to validate and to test, of recordings that training does not have. Runs:

- joint: recognition, speaker and synthesis with one network and the library's defaults;
- sum: the same, the losses being added up;
- text, speaker, voice: each task alone;
- with --unseen, for every speaker: joint and text alone, tested on this speaker's strings, the others'
  being learned from.

What a voice says is judged by a recogniser of text and speaker that has learned from other strings, for
longer; its own figures on recorded strings stand in the row "judge". `template` is the log-mel L1 of the
median frame of each speaker's characters. Settings are chosen by --part validation; --part test, the default,
is what is reported. What the results file has is not run again. Seconds are of the processor,
on one thread.
"""

from __future__ import annotations

import argparse
import runpy
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from kept_fits import Fit, KeptFits, interval, markdown, seeds_of

import cotrain as ct

PREPARE = runpy.run_path(str(Path(__file__).parents[1] / "examples" / "speech" / "prepare.py"))
#: Strings of each part, and the fewest and most digits in one.
PARTS = {"train": (2400, 1, 4), "validation": (300, 2, 5), "test": (400, 2, 5)}
#: Passes of a fit, and of the judge's, which has strings of its own.
EPOCHS, JUDGE_EPOCHS, JUDGE_SEED = 6, 16, 1000
#: Run -> its tasks.
RUNS = {
    "joint": ["text", "speaker", "voice"],
    "sum": ["text", "speaker", "voice"],
    "text": ["text"],
    "speaker": ["speaker"],
    "voice": ["voice"],
}
SHOWN = {"text": "wer", "speaker": "accuracy", "voice": "log_mel_l1"}
FIGURES = ["wer", "accuracy", "log_mel_l1", "template", "said_wer", "said_speaker"]
KEY = ("run", "unseen", "seed", "part", "epochs")


def strings(recordings: Path, folder: Path, seed: int, unseen: str | None = None) -> pl.DataFrame:
    """Return strings of digits as paths, texts, speakers and the part of each.

    Args:
        recordings: folder of single digits.
        folder: where the wavs are written.
        seed: of the draws.
        unseen: a speaker of whom all test strings are, and none of the others; `None`: all speak everywhere.
    """
    draw = np.random.default_rng(seed)
    speakers, say = PREPARE["recorded"](recordings, draw)
    rows = []
    folder.mkdir(parents=True)
    for part, (n_rows, fewest, most) in PARTS.items():
        known = [name for name in speakers if name != unseen]
        spoken_by = [unseen] if unseen and part == "test" else known
        for number in range(n_rows):
            speaker = spoken_by[draw.integers(len(spoken_by))]
            digits = draw.integers(0, 10, draw.integers(fewest, most + 1))
            pieces = [np.zeros(draw.integers(200, 1200))]
            for digit in digits:
                pieces += [say(part, speaker, int(digit)), np.zeros(draw.integers(200, 2000))]
            sound = np.concatenate(pieces)
            sound += 1e-3 * np.abs(sound).max() * draw.normal(size=len(sound))
            path = folder / f"{part}_{number}.wav"
            PREPARE["write"](path, sound, 0.5)
            text = " ".join(PREPARE["WORDS"][digit] for digit in digits)
            rows.append({"file": str(path), "text": text, "speaker": speaker, "part": part})
    return pl.DataFrame(rows)


def task_of(name: str) -> ct.tasks.Task:
    """Return a task by its name."""
    if name == "voice":
        return ct.tasks.Synthesis("voice", "file", given=["text", "speaker"])
    return ct.tasks.Transcription("text", units="words") if name == "text" else ct.tasks.Multiclass("speaker")


def part_of(table: pl.DataFrame, part: str) -> pl.DataFrame:
    """Return the rows of a part."""
    return table.filter(pl.col("part") == part).drop("part")


def fitted(table: pl.DataFrame, run: Sequence[str], seed: int, epochs: int, **options: Any) -> ct.Learner:
    """Return a learner of some tasks that has seen the training strings."""
    columns = {"file": "sound"} if set(run) & {"text", "speaker"} else {}
    columns |= {name: "drop" for name in ("text", "speaker") if name not in run and "voice" not in run}
    learner = ct.Learner(
        [task_of(name) for name in run],
        columns=columns,
        training=ct.Training(epochs, patience=None),
        seed=seed,
        **options,
    )
    return learner.fit(part_of(table, "train"), validation=part_of(table, "validation"), progress=False)


def judged(judge: ct.Learner, sounds: pl.DataFrame, true: pl.DataFrame) -> dict[str, float]:
    """Return the word error rate and the share of speakers that a judge hears in sounds."""
    found = judge.evaluate(sounds.with_columns(true["text"], true["speaker"]))
    return {"said_wer": found.value("text", "wer"), "said_speaker": found.value("speaker", "accuracy")}


def template(learner: ct.Learner, train: pl.DataFrame, test: pl.DataFrame) -> float:
    """Return the log-mel L1 of the median frame of every speaker's characters."""
    task = next(task for task in learner.preprocessor.tasks if task.name == "voice")
    frames: dict[tuple[str, str], list[np.ndarray]] = defaultdict(list)

    def cells(table: pl.DataFrame) -> list[tuple[np.ndarray, list[tuple[str, str]]]]:
        coded, _ = task.encode(table)
        found = []
        for row, text, speaker in zip(coded, table["text"], table["speaker"], strict=True):
            logs = task.original(row)[:, : task.n_mels].numpy()
            said = f" {text} "
            found.append((logs, [(speaker, said[int(place)]) for place in row[:, -2]]))
        return found

    for logs, units in cells(train):
        for frame, unit in zip(logs, units, strict=True):
            frames[unit].append(frame)
    medians = {unit: np.median(rows, axis=0) for unit, rows in frames.items()}
    errors = [
        np.abs(frame - medians[unit]).mean()
        for logs, units in cells(test)
        for frame, unit in zip(logs, units, strict=True)
        if unit in medians
    ]
    return float(np.mean(errors))


def figures(
    learner: ct.Learner, table: pl.DataFrame, run: Sequence[str], part: str, judge: ct.Learner | None
) -> dict[str, float]:
    """Return the figures of a fit on a part."""
    rows = part_of(table, part)
    found = learner.evaluate(rows)
    values = {SHOWN[name]: found.value(name, SHOWN[name]) for name in run}
    if "voice" in run and judge is not None:
        values["template"] = template(learner, part_of(table, "train")[:600], rows[:100])
        said = learner.predict(rows.select("text", "speaker"))
        values |= judged(judge, said.rename({"voice": "file"}), rows)
    return values


def judge_of(recordings: Path, folder: Path) -> ct.Learner:
    """Return the recogniser that hears what voices say, fitted unless the folder has it."""
    if not (folder / "judge").exists():
        with tempfile.TemporaryDirectory() as place:
            table = strings(recordings, Path(place) / "strings", JUDGE_SEED)
            fitted(table, ["text", "speaker"], JUDGE_SEED, JUDGE_EPOCHS).save(folder / "judge")
    return ct.Learner.load(folder / "judge")


def fit(given: argparse.Namespace, run: str, unseen: str | None, seed: int) -> dict[str, Any]:
    """Return seconds and figures of a run."""
    with tempfile.TemporaryDirectory() as folder:
        table = strings(given.recordings, Path(folder) / "strings", seed, unseen)
        judge = judge_of(given.recordings, given.work) if "voice" in RUNS[run] and unseen is None else None
        options = {"balancer": ct.balancing.Equal()} if run == "sum" else {}
        began = time.process_time()
        learner = fitted(table, RUNS[run], seed, given.epochs, **options)
        seconds = time.process_time() - began
        found = figures(learner, table, RUNS[run], given.part, judge)
        return {"seconds": seconds, "figures": found}


def fit_all(given: argparse.Namespace, kept: KeptFits) -> None:
    """Fit what the file has not."""
    if not given.unseen and any("voice" in RUNS[run] for run in given.runs):

        def judge_alone() -> dict[str, Any]:
            with tempfile.TemporaryDirectory() as folder:
                table = strings(given.recordings, Path(folder) / "strings", 0)
                rows = part_of(table, given.part)
                found = judged(judge_of(given.recordings, given.work), rows.select("file"), rows)
            return {
                "seconds": 0.0,
                "figures": {"wer": found["said_wer"], "accuracy": found["said_speaker"]},
            }

        told = dict(zip(KEY, ("judge", None, JUDGE_SEED, given.part, JUDGE_EPOCHS), strict=True))
        kept.make(told, judge_alone)
    draw = np.random.default_rng(0)
    speakers = PREPARE["recorded"](given.recordings, draw)[0] if given.unseen else [None]
    for seed in seeds_of(given.seeds):
        for speaker in speakers:
            for run in ["joint", "text"] if given.unseen else given.runs:
                told = dict(zip(KEY, (run, speaker, seed, given.part, given.epochs), strict=True))
                kept.make(told, lambda run=run, speaker=speaker, seed=seed: fit(given, run, speaker, seed))


def table_of(fits: Sequence[Fit]) -> str:
    """Return runs by figures, and what learning together adds to each alone, over the seeds they share."""
    groups: dict[tuple[Any, ...], dict[int, Mapping[str, float]]] = defaultdict(dict)
    seconds: dict[tuple[Any, ...], list[float]] = defaultdict(list)
    for one in fits:
        name = one["run"] if one["unseen"] is None else f"{one['run']}, {one['unseen']} unseen"
        groups[name, one["part"], one["epochs"]][one["seed"]] = one["figures"]
        seconds[name, one["part"], one["epochs"]].append(one["seconds"])
    names = [
        name for name in FIGURES if any(name in found for by in groups.values() for found in by.values())
    ]
    rows = []
    for group, by_seed in groups.items():
        values = [[found[name] for found in by_seed.values() if name in found] for name in names]
        cells = [interval(column) if column else "" for column in values]
        rows.append([group[0], group[1], str(len(by_seed)), f"{np.mean(seconds[group]):.0f}", *cells])
    for (name, part, epochs), by_seed in groups.items():
        run, _, speaker = name.partition(", ")
        joint = groups.get((f"joint, {speaker}" if speaker else "joint", part, epochs), {})
        both = [seed for seed in by_seed if seed in joint]
        if run in ("joint", "judge") or not both:
            continue
        cells = [
            interval([joint[seed][name] - by_seed[seed][name] for seed in both])
            if all(name in joint[seed] and name in by_seed[seed] for seed in both)
            else ""
            for name in names
        ]
        rows.append([f"joint − {name}", part, str(len(both)), "", *cells])
    return markdown(["run", "part", "seeds", "CPU s", *names], rows)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("recordings", type=Path, nargs="?", help="folder of single digits")
    parser.add_argument("--runs", nargs="+", default=list(RUNS), choices=list(RUNS))
    parser.add_argument("--unseen", action="store_true", help="leave one speaker out, each once")
    parser.add_argument("--seeds", default="0-2", help="first and last")
    parser.add_argument("--part", default="test", choices=["validation", "test"])
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--work", type=Path, help="folder of the judge; default: beside the results")
    parser.add_argument("--results", type=Path, required=True)
    parser.add_argument("--table", action="store_true")
    given = parser.parse_args()
    torch.set_num_threads(1)
    given.work = given.work or given.results.with_suffix(".work")
    kept = KeptFits(given.results, KEY)
    if given.recordings is not None:
        fit_all(given, kept)
    if given.table:
        print(table_of(kept.fits))


if __name__ == "__main__":
    main()
