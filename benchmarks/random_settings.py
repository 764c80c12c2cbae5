"""Settings that nobody has tried together, by the hundred: what is fitted with them must hold together.

    python benchmarks/random_settings.py --cases 100
    python benchmarks/random_settings.py --fields pictures sounds --cases 50 --seed 1000
    python benchmarks/random_settings.py --only 17

A case is a small table of a field (numbers and texts, pictures, sounds, sentences) with labels missing, and
random tasks, sharing, balancer, encoder, split, sources, references, answers and co-training. Its number
alone decides what it is. A case that is refused in one sentence is counted, and the sentence printed:
somebody has to read whether it is true. Of every other run:

    alone     a row is predicted by itself as it is among others
    labels    predictions do not hear the labels of the rows
    twice     the same fit gives the same predictions, to the bit
    resumed   so does one whose process died while a file was written
    figures   an evaluation is the same twice, and for rows in another order
    finite    no prediction is NaN, and probabilities are probabilities
    pages     `report`, `analyze` and `evaluate` end without a fault

With --compare each case is a comparison with random references, folds and contenders: it ends, and what it
keeps says the same a second time. `fuzz.py` tries what is typed wrong; here all that is typed is right.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import random
import sys
import tempfile
import traceback
import warnings
import wave
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import polars as pl
import torch
import yaml
from PIL import Image
from typer.testing import CliRunner

from cotrain import balancing, networks
from cotrain._base import CotrainError, RunError, _atomic_files
from cotrain.cli import app
from cotrain.comparison import train_run
from cotrain.learner import Configuration, Learner

SHARING = sorted(
    name
    for name in networks.__all__
    if isinstance(getattr(networks, name), type)
    and issubclass(getattr(networks, name), networks.Sharing)
    and name not in ("Sharing", "ESMM")
)
BALANCERS = sorted(
    name
    for name in balancing.__all__
    if isinstance(getattr(balancing, name), type)
    and issubclass(getattr(balancing, name), balancing.Balancer)
    and not name.endswith("Rule")
    and name not in ("Balancer", "Every", "Smoothed", "Static", "MoDo", "SDMGrad")
)
STRATEGIES = (
    *("SelfTraining", "MeanTeacher", "CrossPseudoSupervision", "TriTraining", "Committee", "auto"),
    *("TwoViewCoTraining", "TeacherStudent", "CrossTask"),
)
#: How far sums of float32 may lie apart in batches of other sizes.
TOLERANCE = 1e-3
Config = dict[str, Any]


class Draw(random.Random):
    """Random choices of settings."""

    def maybe(self, share: float, value: Any) -> Any:
        """Return the value, or `None` in most cases."""
        return value if self.random() < share else None

    def some(self, tasks: list[Config]) -> list[Config]:
        """Return one task or several, in any order, without the options that are `None`."""
        chosen = self.sample(tasks, self.randint(1, len(tasks)))
        return [{key: value for key, value in task.items() if value is not None} for task in chosen]

    def holes(self, values: list[Any], share: float) -> list[Any]:
        """Return the labels, some of them missing."""
        return [None if self.random() < share else value for value in values]


# -- fields: a table in the folder, and the tasks, encoder and columns that suit it ------------------


def numbers(draw: Draw, folder: Path) -> tuple[pl.DataFrame, Config]:
    """Numbers, categories, dates and a text; six kinds of labels."""
    n_rows = draw.choice([40, 90, 150])
    rng = np.random.default_rng(draw.randrange(10**9))
    x = rng.normal(size=(n_rows, 2))
    kind = rng.choice(["u", "v", "w"], n_rows)
    y = x[:, 0] + 0.5 * (kind == "u")
    words = ["red", "blue", "fox", "dog", "sun", "moon"]
    steps = (("m", 0.0), ("k", 0.5), ("h", 1.0))
    frame = pl.DataFrame(
        {
            "a": draw.holes(x[:, 0].tolist(), draw.choice([0, 0, 0.1])),
            "b": x[:, 1],
            "c": kind,
            "note": [" ".join(rng.choice(words, 4)) for _ in range(n_rows)],
            "who": rng.integers(0, max(2, n_rows // 6), n_rows),
            "day": [f"2024-{1 + i % 12:02d}-{1 + i % 28:02d}" for i in range(n_rows)],
            "w": rng.uniform(0.2, 3, n_rows),
            "num": draw.holes((y + 0.3 * rng.normal(size=n_rows)).tolist(), 0.4),
            "pos": np.exp(0.5 * y),
            "bin": draw.holes(["yes" if v > 0.8 else "no" for v in y], 0.5),
            "cls": draw.holes(["p" if v < 0 else "q" if v < 1 else "s" for v in y], 0.3),
            "lab": draw.holes([";".join(name for name, edge in steps if v > edge) for v in y], 0.3),
            "ord": draw.holes([str(int(np.clip(v + 1, 0, 2))) for v in y], 0.3),
        }
    )
    weight, balanced = draw.maybe(0.3, "w"), draw.maybe(0.3, "balanced")
    tasks = [
        {"kind": "Regression", "name": "num", "sample_weight": weight, "weight": draw.maybe(0.2, 2.0)}
        | draw.choice([{"criterion": draw.choice(["mse", "mae", "huber"])}, {"quantiles": [0.1, 0.5, 0.9]}]),
        {"kind": "Regression", "name": "pos", "transform": draw.choice(["none", "log", "log1p"])},
        {"kind": "Binary", "name": "bin", "positive": "yes", "class_weight": balanced}
        | {"focal_gamma": draw.maybe(0.2, 2.0), "sample_weight": weight}
        | {"threshold": draw.maybe(0.4, draw.choice(["f1", "youden", "balanced_accuracy"]))},
        {"kind": "Multiclass", "name": "cls", "class_weight": balanced, "rare": "merge"},
        {"kind": "Multilabel", "name": "lab", "separator": ";", "threshold": draw.maybe(0.3, "f1")},
        {"kind": "Ordinal", "name": "ord", "when": draw.maybe(0.2, "b > -1")},
    ]
    encoders: list[Any] = [
        *(None, None, "FTTransformer", "TableEncoder", {"kind": "TabM", "members": 3, "width": 16}),
        {"kind": "TableEncoder", "numbers": "piecewise"},
    ]
    config: Config = {"tasks": draw.some(tasks), "encoder": draw.choice(encoders)}
    config["split"] = draw.choice(
        [None, None, {"group": "who"}, {"time": "day"}, {"validation": 0, "test": 0.3}, {"test": 0}]
    )
    if draw.random() < 0.2:
        config |= {"columns": {"note": "words"}, "encoder": None}
    elif draw.random() < 0.3:
        config["reconstruction"] = draw.choice([{}, {"weight": 0.5, "mask": 0.0}, {"corruption": 0.9}])
    return frame, config


def pictures(draw: Draw, folder: Path) -> tuple[pl.DataFrame, Config]:
    """Pictures of 16 pixels with a bright square: its class, mask, depth and box."""
    n_rows = draw.choice([14, 30])
    rng = np.random.default_rng(draw.randrange(10**9))
    rows = []
    for i in range(n_rows):
        picture = rng.integers(0, 60, (16, 16, 3), dtype=np.uint8)
        mask, boxes, points = np.zeros((16, 16), np.uint8), [], None
        if i % 5:
            x, y = (int(v) for v in rng.integers(0, 9, 2))
            picture[y : y + 6, x : x + 6], mask[y : y + 6, x : x + 6] = 220, 1 + i % 2
            boxes = [{"box": [float(x), float(y), 6.0, 6.0], "label": "ab"[i % 2]}]
            places = {"corner": [x, y], "middle": [x + 3, y + 3]}
            points = json.dumps([{"point": place, "label": name} for name, place in places.items()])
        Image.fromarray(picture).save(folder / f"{i}.png")
        Image.fromarray(mask).save(folder / f"m{i}.png")
        np.save(folder / f"d{i}.npy", (1 + picture[..., 0] / 50).astype(np.float32))
        rows.append(
            {"file": f"{i}.png", "x": float(rng.normal()), "kind": "ab"[i % 2], "mask": f"m{i}.png"}
            | {"depth": f"d{i}.npy", "things": json.dumps(boxes), "num": float(i % 5), "points": points}
        )
    frame = pl.DataFrame(rows)
    for name in ("kind", "mask", "depth", "things", "points", "num"):
        frame = frame.with_columns(pl.Series(name, draw.holes(frame[name].to_list(), 0.4)))
    tasks = [
        {"kind": "Multiclass", "name": "kind", "rare": "merge"},
        {"kind": "Segmentation", "name": "mask", "dice": draw.maybe(0.3, 0.0)},
        {"kind": "DenseRegression", "name": "depth", "quantity": draw.choice(["depth", "values"])},
        {"kind": "Detection", "name": "things", "picture": "file"},
        {"kind": "Keypoints", "name": "points"},
        {"kind": "Regression", "name": "num"},
    ]
    encoder = [
        None,
        None,
        "VisionTransformer",
        {"kind": "ConvNet", "channels": [8, 8, 8], "strides": [2, 1, 1]},
    ]
    changes: Config | None = draw.choice([None, {"flip": True, "scale": 0.1}, {"mixup": 0.4, "cutmix": 1.0}])
    return frame.drop("x") if changes and "mixup" in changes else frame, {
        "tasks": draw.some(tasks),
        "columns": {"file": "picture"},
        "encoder": draw.choice(encoder),
        "augmentation": changes,
    }


def sounds(draw: Draw, folder: Path) -> tuple[pl.DataFrame, Config]:
    """Recordings of one word or two, each a tone: what is said, by whom, and the voice."""
    n_rows = draw.choice([14, 30])
    rng = np.random.default_rng(draw.randrange(10**9))
    tones = {"lo": 0.2, "hi": 0.9, "mid": 0.5}
    rows = []
    for i in range(n_rows):
        said = [str(word) for word in rng.choice(list(tones), int(rng.integers(1, 3)))]
        sound = [np.sin(np.arange(1200) * tones[word]) * 8000 for word in said]
        with wave.open(str(folder / f"{i}.wav"), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(4000)
            file.writeframes(np.concatenate([*sound, np.zeros(300)]).astype("<i2").tobytes())
        rows.append(
            {"file": f"{i}.wav", "text": " ".join(said), "who": "pq"[i % 2], "num": float(len(said))}
            | {"x": float(rng.normal())}
        )
    frame = pl.DataFrame(rows)
    for name in ("text", "who", "num"):
        frame = frame.with_columns(pl.Series(name, draw.holes(frame[name].to_list(), 0.3)))
    voice = {"kind": "Synthesis", "name": "voice", "columns": "file", "given": ["text", "who"]}
    tasks = [
        {"kind": "Transcription", "name": "text", "units": draw.choice(["words", "characters"])},
        {"kind": "Multiclass", "name": "who", "rare": "merge"},
        {**voice, "n_mels": 12, "iterations": 2},
        {"kind": "Regression", "name": "num"},
    ]
    chosen = draw.some(tasks)
    blocks = draw.choice(["conv", "lstm", "transformer", "conformer"])
    config = {
        "tasks": chosen,
        "encoder": {"kind": "SoundEncoder", "width": 16, "depth": draw.choice([1, 3]), "blocks": blocks},
    }
    heard = {task["name"] for task in chosen} != {"voice"}
    return frame, config | ({"columns": {"file": "sound"}} if heard else {})


def sentences(draw: Draw, folder: Path) -> tuple[pl.DataFrame, Config]:
    """Sentences of one to five words: tags, names, mood and length."""
    n_rows = draw.choice([14, 30])
    rng = np.random.default_rng(draw.randrange(10**9))
    words = ["cat", "dog", "runs", "eats", "the", "a", "big", "Rome", "Oslo"]
    tags = ["N", "N", "V", "V", "D", "D", "A", "B-LOC", "B-LOC"]
    rows = []
    for _ in range(n_rows):
        found = rng.integers(0, 9, int(rng.integers(1, 6)))
        rows.append(
            {
                "tokens": [words[i] for i in found],
                "tags": draw.holes([tags[i] for i in found], 0.1),
                "names": [tags[i] if tags[i] == "B-LOC" else "O" for i in found],
                "mood": "+-"[int(found[0] < 4)],
                "num": float(len(found)),
                "x": float(rng.normal()),
            }
        )
    frame = pl.DataFrame(rows)
    for name in ("tags", "names", "mood", "num"):
        cells = draw.holes(frame[name].to_list(), 0.4)
        frame = frame.with_columns(pl.Series(name, cells, frame[name].dtype))
    tasks = [
        {"kind": "Tagging", "name": "tags"},
        {"kind": "Tagging", "name": "names", "spans": "BIO"},
        {"kind": "Multiclass", "name": "mood", "rare": "merge"},
        {"kind": "Regression", "name": "num"},
    ]
    encoder = {"kind": "WordEncoder", "width": 16, "depth": 3}
    return frame, {
        "tasks": draw.some(tasks),
        "columns": {"tokens": "words"},
        "encoder": draw.maybe(0.5, encoder),
    }


FIELDS = {field.__name__: field for field in (numbers, pictures, sounds, sentences)}


def case(number: int, field: str, folder: Path) -> tuple[pl.DataFrame, Config]:
    """Return the table of a case, which lies in the folder, and its configuration."""
    draw = Draw(f"{field} {number}")
    frame, config = FIELDS[field](draw, folder)
    training = {"epochs": draw.choice([1, 2, 3]), "batch_size": draw.choice([1, 4, 16, 64])}
    if field == "numbers":
        training["batch_size"] = max(4, training["batch_size"])
    options = {
        "select": draw.maybe(0.3, draw.choice(["combined", "per_task", "last"])),
        "monitor": draw.maybe(0.2, 3),
        "balance_every": draw.maybe(0.2, 2),
        "gradients": draw.maybe(0.2, draw.choice(["exact", "ghost"])),
        "average": draw.maybe(0.2, 0.9),
        "reconstruction": config.pop("reconstruction", None),
    }
    training |= {key: value for key, value in options.items() if value is not None}
    config |= {
        "sharing": draw.choice(SHARING),
        "balancer": draw.choice(BALANCERS),
        "training": training,
        "seed": draw.randrange(50),
        "references": draw.choice(["constant", "trees", "full"]),
        "answer": draw.maybe(0.35, "auto"),
        "ensemble": draw.maybe(0.2, 2),
        "preset": draw.maybe(0.1, draw.choice(["fast", "good", "best"])),
    }
    if draw.random() < 0.3:
        strategy = draw.choice(STRATEGIES[: None if field == "numbers" else 6])
        config["cotraining"] = {"strategy": strategy, "max_rounds": draw.choice([1, 2]), "min_labels": 4}
        del config["ensemble"]
    names = {task["name"] for task in config["tasks"]}
    targets = {"num", "kind", "mask", "depth", "things", "points", "text", "who", "tags", "names", "mood"}
    drop = {name: "drop" for name in frame.columns if name in targets - names and field != "numbers"}
    config["columns"] = drop | config.get("columns", {}) or None
    if config.get("split") is None:
        config["split"] = draw.choice([None, {"validation": 0.2, "test": 0.2}])
    _put_into_sources(draw, frame, config, folder)
    return frame, {key: value for key, value in config.items() if value is not None}


def _put_into_sources(draw: Draw, frame: pl.DataFrame, config: Config, folder: Path) -> None:
    """Write the table as one file or as two sources, of which the second has few rows."""
    if draw.random() > 0.25:
        frame.write_parquet(folder / "t.parquet")
        config["data"] = str(folder / "t.parquet")
        return
    edge = frame.height - draw.choice([frame.height // 2, 5])
    config["data"] = {}
    for name, rows in (("one", frame[:edge]), ("two", frame[edge:])):
        rows.write_parquet(folder / f"{name}.parquet")
        config["data"][name] = str(folder / f"{name}.parquet")
    mixing = ["Equal", "Temperature", "Proportional", "RepeatFactor"]
    config["mixing"] = draw.maybe(0.6, draw.choice(mixing))


# -- what must hold -----------------------------------------------------------------------------------


class PowerCut(BaseException):
    """The process is gone while it wrote."""


def interrupted(config: Config, folder: Path, point: int) -> None:
    """Train with a crash at the point-th file that is written, and go on."""
    left, sync = [point], _atomic_files._sync

    def cut(*arguments: Any) -> Any:
        left[0] -= 1
        if left[0] == 0:
            raise PowerCut
        return sync(*arguments)

    with mock.patch.object(_atomic_files, "_sync", cut), contextlib.suppress(PowerCut):
        train_run(Configuration.from_config(config), folder, progress=False)
        return
    try:
        train_run(Configuration.from_config(config), folder, resume=True, progress=False)
    except RunError:  # nothing to go on from yet
        train_run(Configuration.from_config(config), folder, overwrite=True, progress=False)


def differences(first: pl.DataFrame, second: pl.DataFrame, tolerance: float = 0.0) -> str:
    """Return the first cell that differs, or nothing."""
    for name in first.columns:
        for row, (a, b) in enumerate(zip(first[name].to_list(), second[name].to_list(), strict=True)):
            if isinstance(a, float) and isinstance(b, float):
                same = abs(a - b) <= tolerance * max(1.0, abs(a))
            else:
                # What a tolerance lets pass in a nested cell is a tie, and rare.
                same = a == b or (tolerance > 0 and not isinstance(a, str | int | None))
            if not same:
                return f"{name}, row {row}: {a!r} and {b!r}"
    return ""


def problems_of(frame: pl.DataFrame, config: Config, folder: Path) -> Iterator[str]:
    """Yield what does not hold of a fit with these settings."""
    train_run(Configuration.from_config(config), folder / "run", progress=False)
    learner = Learner.load(folder / "run")
    tasks = [task.name for task in learner.tasks]
    given = {name for task in config["tasks"] for name in task.get("given", ())}
    found = learner.predict(frame)

    alone = pl.concat([learner.predict(frame[i : i + 1]) for i in (0, frame.height - 1)])
    if trouble := differences(found[[0, -1]], alone, TOLERANCE):
        yield f"alone: {trouble}"
    unlabelled = frame.drop([name for name in tasks if name in frame.columns and name not in given])
    if trouble := differences(found, learner.predict(unlabelled)):
        yield f"labels: {trouble}"
    yield from _odd_values(found)

    # What stands beside a fit does not change it.
    config = {**config, "references": "constant"}
    train_run(Configuration.from_config(config), folder / "twice", progress=False)
    if trouble := differences(found, Learner.load(folder / "twice").predict(frame)):
        yield f"twice: {trouble}"
    interrupted(config, folder / "cut", random.Random(config["seed"]).randrange(2, 40))
    if trouble := differences(found, Learner.load(folder / "cut").predict(frame)):
        yield f"resumed: {trouble}"

    figures = learner.evaluate(frame)
    order = np.random.default_rng(0).permutation(frame.height)
    for name, again, tolerance in (
        ("twice", Learner.load(folder / "run").evaluate(frame), 0.0),
        ("another order", learner.evaluate(frame[order]), TOLERANCE),
    ):
        for a, b in zip(figures, again, strict=True):
            near = abs(a.value - b.value) <= tolerance * max(1.0, abs(a.value))
            if not near and not (math.isnan(a.value) and math.isnan(b.value)):
                yield f"figures, {name}: {a} and {b}"
    yield from _pages(frame, config, folder)


def problems_of_comparison(config: Config, folder: Path, draw: Draw) -> Iterator[str]:
    """Yield what does not hold of a comparison with these settings, most of which are the learner's."""
    references = draw.sample(["trees", "equal", "pooled"], draw.randint(0, 3))
    section = {"seeds": 3, "learning_rates": [1e-3], "references": ["single_task", *references]}
    section["folds"] = draw.maybe(0.4, 3)
    section["sharing"] = draw.maybe(0.5, ["HardSharing", draw.choice(["MMoE", "CGC", "SoftSharing"])])
    section["balancers"] = draw.maybe(0.5, [draw.choice(BALANCERS), draw.choice(BALANCERS)])
    settings = {key: value for key, value in config.items() if key not in ("references", "ensemble")}
    settings["training"] = {**config["training"], "epochs": 1}
    if 0 in config.get("split", {}).values():
        settings["split"] = {"validation": 0.2, "test": 0.2}
    settings["compare"] = {key: value for key, value in section.items() if value is not None}
    (folder / "compare.yaml").write_text(yaml.safe_dump(settings))
    found = []
    for _ in range(2):
        result = CliRunner().invoke(app, ["compare", "compare.yaml", "--quiet", "--json", "--workers", "1"])
        if isinstance(result.exception, CotrainError):
            raise result.exception
        if result.exception is not None:
            yield f"compare: {type(result.exception).__name__}: {result.exception}: {settings['compare']}"
            return
        results = json.loads(result.stdout)
        found.append({key: value for key, value in results.items() if key != "seconds"})
    if found[0] != found[1]:
        yield f"compare: what was kept says something else: {settings['compare']}"
    failed = {one["name"]: one["failed"] for one in found[0]["methods"] if one["failed"]}
    if failed:
        yield f"compare: {failed}"


def _odd_values(found: pl.DataFrame) -> Iterator[str]:
    for name in found.columns:
        if found[name].dtype.is_float() and not found[name].is_finite().all():
            yield f"finite: {name}"
        if name.endswith(("_probability", "_confidence")) and found[name].dtype.is_float():
            low, high = found[name].min(), found[name].max()
            if not (low >= 0 and high <= 1 + 1e-6):
                yield f"finite: {name} from {low} to {high}"


def _pages(frame: pl.DataFrame, config: Config, folder: Path) -> Iterator[str]:
    frame.write_parquet(folder / "all.parquet")
    run = str(folder / "run")
    for command in (
        ["report", run, "-o", str(folder / "report.html")],
        ["analyze", run],
        ["evaluate", run, str(folder / "all.parquet"), "--json"],
    ):
        result = CliRunner().invoke(app, command)
        fault = result.exception
        if fault is not None and not isinstance(fault, SystemExit | CotrainError):
            yield f"pages: cotrain {command[0]}: {type(fault).__name__}: {fault}"


def outcome(number: int, field: str, *, comparing: bool = False) -> tuple[str, str]:
    """Return what became of a case, and what to say of it."""
    with tempfile.TemporaryDirectory() as name, contextlib.chdir(name):
        try:
            frame, config = case(number, field, Path(name))
            if comparing:
                draw = Draw(f"compare {number}")
                troubles = list(problems_of_comparison(config, Path(name), draw))
            else:
                troubles = list(problems_of(frame, config, Path(name)))
        except CotrainError as error:
            return "refused", str(error)
        except Exception:
            return "fault", traceback.format_exc(limit=-6)
    return ("trouble", "\n".join(troubles)) if troubles else ("right", "")


def main() -> None:
    """Try the cases and print what is not right."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--fields", nargs="+", choices=list(FIELDS), default=list(FIELDS))
    parser.add_argument("--cases", type=int, default=20, help="of each field")
    parser.add_argument("--seed", type=int, default=0, help="number of the first case")
    parser.add_argument("--compare", action="store_true", help="comparisons in place of fits")
    parser.add_argument("--only", type=int, help="this case alone, with its settings")
    given = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("error", RuntimeWarning)
    numbers_of = range(given.seed, given.seed + given.cases) if given.only is None else [given.only]
    counts: Counter[str] = Counter()
    for number in numbers_of:
        for field in given.fields:
            if given.only is not None:
                with tempfile.TemporaryDirectory() as name, contextlib.chdir(name):
                    print(json.dumps(case(number, field, Path(name))[1], indent=1))
            kind, said = outcome(number, field, comparing=given.compare)
            counts[f"{field}: {kind}"] += 1
            if said:
                print(f"{field} {number}: {kind}\n{said}\n", flush=True)
    for kind, count in sorted(counts.items()):
        print(f"{kind}: {count}")
    sys.exit(any(kind.endswith(("fault", "trouble")) for kind in counts))


if __name__ == "__main__":
    main()
