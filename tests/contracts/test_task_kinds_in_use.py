"""Every kind of task in everything that takes a task: it works there, or is refused in one sentence."""

from __future__ import annotations

import copy
import io
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import cotrain as ct
import cotrain.tasks as kinds
from cotrain._base import InvalidArgumentError
from cotrain._base._sounds import wav_bytes
from cotrain.comparison import check_data
from cotrain.comparison._compare import compare
from cotrain.comparison._methods import methods_of
from cotrain.comparison._settings import ComparisonSettings
from cotrain.cotraining import (
    CoTraining,
    CrossPseudoSupervision,
    MeanTeacher,
    SelfTraining,
    Threshold,
    prediction_of_output,
)
from cotrain.evaluation import errors_by_group
from cotrain.learner import Configuration, complete
from cotrain.tasks import Task
from cotrain.training import Logger
from cotrain.tuning import tune

KINDS = {
    name
    for name in kinds.__all__
    if issubclass(getattr(kinds, name), Task) and getattr(kinds, name) is not Task
}
N_ROWS, SIDE = 24, 16
WORDS = [["a", "b", "c"][: 1 + i % 3] for i in range(N_ROWS)]
X = np.random.default_rng(0).normal(size=N_ROWS)


def png(values: np.ndarray) -> bytes:
    image = pytest.importorskip("PIL.Image")
    file = io.BytesIO()
    image.fromarray(values).save(file, "PNG")
    return file.getvalue()


def in_table(target: list[Any]) -> pl.DataFrame:
    return pl.DataFrame({"x": X, "y": [None if i % 4 == 0 else cell for i, cell in enumerate(target)]})


def in_words() -> pl.DataFrame:
    tags = [["X" if word == "a" else "Y" for word in row] if i % 4 else None for i, row in enumerate(WORDS)]
    return pl.DataFrame({"words": WORDS, "y": tags})


def in_pictures(target: Callable[[np.ndarray], Any]) -> pl.DataFrame:
    draw = np.random.default_rng(0)
    pictures = [np.kron(draw.integers(0, 255, (2, 2, 1)), np.ones((8, 8, 3))) for _ in range(N_ROWS)]
    cells = [target(picture) if i % 4 else None for i, picture in enumerate(pictures)]
    files = [png(picture.astype(np.uint8)) for picture in pictures]
    return pl.DataFrame({"file": files, "y": cells, "width": [SIDE] * N_ROWS, "height": [SIDE] * N_ROWS})


def in_sounds() -> pl.DataFrame:
    tones = [np.sin(np.arange(1600) * (0.2 + i % 3)) for i in range(N_ROWS)]
    texts = [["ab", "b", "a b"][i % 3] if i % 4 else None for i in range(N_ROWS)]
    return pl.DataFrame({"file": [wav_bytes(tone, 8000) for tone in tones], "y": texts})


def said_in_sounds() -> pl.DataFrame:
    """A text said as tones, a character each."""
    texts = [["ab", "ba", "a b"][i % 3] for i in range(N_ROWS)]
    hertz = {"a": 400.0, "b": 1200.0, " ": 0.0}
    time = np.arange(480) / 8000
    said = [np.concatenate([np.sin(2 * np.pi * hertz[c] * time) for c in text]) for text in texts]
    cells = [wav_bytes(0.3 * sound, 8000) if i % 4 else None for i, sound in enumerate(said)]
    return pl.DataFrame({"text": texts, "speaker": ["ann", "bob"] * (N_ROWS // 2), "y": cells})


#: Kind -> the task, its table, and what the table's columns are.
PROBLEMS: dict[str, Callable[[], tuple[Task, pl.DataFrame, dict[str, Any]]]] = {
    "Binary": lambda: (kinds.Binary("y"), in_table([v > 0 for v in X]), {}),
    "Multiclass": lambda: (kinds.Multiclass("y"), in_table(["abc"[i % 3] for i in range(N_ROWS)]), {}),
    "Multilabel": lambda: (
        kinds.Multilabel("y", separator=","),
        in_table([["a", "a,b", "b"][i % 3] for i in range(N_ROWS)]),
        {},
    ),
    "Ordinal": lambda: (
        kinds.Ordinal("y", levels=["s", "m", "l"]),
        in_table(["sml"[i % 3] for i in range(N_ROWS)]),
        {},
    ),
    "Regression": lambda: (kinds.Regression("y"), in_table([float(v) for v in X]), {}),
    "Tagging": lambda: (kinds.Tagging("y"), in_words(), {"words": "words"}),
    "Transcription": lambda: (kinds.Transcription("y"), in_sounds(), {}),
    "Segmentation": lambda: (
        kinds.Segmentation("y", classes=["ground", "thing"]),
        in_pictures(lambda picture: png((picture[..., 0] > 127).astype(np.uint8))),
        {"file": "picture", "width": "drop", "height": "drop"},
    ),
    "DenseRegression": lambda: (
        kinds.DenseRegression("y"),
        in_pictures(lambda picture: png((9 + picture[..., 0]).astype(np.uint16))),
        {"file": "picture", "width": "drop", "height": "drop"},
    ),
    "Detection": lambda: (
        kinds.Detection("y", classes=["thing"], least=0.0, most=2),
        in_pictures(lambda _: [{"box": [2.0, 2.0, 6.0, 6.0], "label": "thing"}]),
        {"file": "picture", "width": "drop", "height": "drop"},
    ),
    "Keypoints": lambda: (
        kinds.Keypoints("y", pairs=[["left", "right"]]),
        in_pictures(
            lambda picture: [
                {"point": [4.0, 4.0 + 8 * float(picture[0, 0, 0] > 127)], "label": "left"},
                {"point": [12.0, 4.0], "label": "right"},
            ]
        ),
        {"file": "picture", "width": "drop", "height": "drop"},
    ),
    "Synthesis": lambda: (
        kinds.Synthesis("y", given=["text", "speaker"], n_mels=12, iterations=2),
        said_in_sounds(),
        {},
    ),
}


class Told(Logger):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def message(self, text: str) -> None:
        self.lines.append(text)


def learner_of(name: str, **options: Any) -> tuple[ct.Learner, pl.DataFrame]:
    task, frame, columns = PROBLEMS[name]()
    encoder = {
        "vector": ct.networks.TableEncoder(width=4, depth=0),
        "positions": ct.networks.WordEncoder(width=8, depth=1),
        "map": ct.networks.ConvNet((4, 4), strides=(2, 1)),
    }[task.reads]
    if name == "Transcription":
        encoder = ct.networks.SoundEncoder(width=8, depth=1)
    training = ct.Training(epochs=1, batch_size=8)
    return ct.Learner([task], encoder=encoder, columns=columns, training=training, **options), frame


@pytest.mark.parametrize("name", sorted(KINDS))
def test_an_ensemble_answers_with_a_mean_or_says_that_there_is_none(name, tmp_path):
    learner, frame = learner_of(name, ensemble=2)
    told = Told()
    learner.fit(frame, validation=0.25, progress=False, run=tmp_path / "run", loggers=[told])
    found = ct.Learner.load(tmp_path / "run").predict(frame)
    assert found.equals(learner.predict(frame))
    said = [line for line in told.lines if "have no mean" in line]
    if name in ("Detection", "Transcription", "Synthesis"):
        assert said == [f"y: predictions of a {name} have no mean: the first network answers alone."]
        assert learner.fitted.ensemble_sentence == ""
        plain, _ = learner_of(name)
        assert plain.fit(frame, validation=0.25, progress=False).predict(frame).equals(found)
    else:
        assert not said
        assert len(learner.fitted.networks.weights_of["y"]) == 2
        assert learner.fitted.ensemble_sentence


@pytest.fixture(scope="module", params=sorted(PROBLEMS))
def fitted(request: pytest.FixtureRequest) -> tuple[ct.Learner, pl.DataFrame]:
    learner, frame = learner_of(request.param)
    return learner.fit(frame, validation=0.3, progress=False), frame


def test_every_kind_has_a_problem() -> None:
    assert set(PROBLEMS) == KINDS


def test_it_predicts_a_table_and_a_row_and_is_evaluated(fitted: tuple[ct.Learner, pl.DataFrame]) -> None:
    learner, frame = fitted
    inputs = frame.drop("y")
    assert learner.predict(inputs)["y"].null_count() == 0
    assert "y" in learner.predict(inputs.row(1, named=True))
    assert learner.evaluate(frame).tasks == ["y"]


def test_a_run_of_it_is_read_again(fitted: tuple[ct.Learner, pl.DataFrame], tmp_path: Path) -> None:
    learner, frame = fitted
    learner.save(tmp_path / "run")
    assert ct.Learner.load(tmp_path / "run").predict(frame).equals(learner.predict(frame))


@pytest.mark.parametrize("absent", [False, True])
def test_its_empty_cells_are_filled_or_said_to_be_open(
    fitted: tuple[ct.Learner, pl.DataFrame], absent: bool
) -> None:
    learner, frame = fitted
    table = frame.drop("y") if absent else frame
    found = complete(learner, table)
    empty = np.ones(N_ROWS, bool) if absent else frame["y"].is_null().to_numpy()
    word = "predicted" if learner.tasks[0].plain_cells else "open"
    assert found["y_source"].to_list() == [word if one else "given" for one in empty]
    assert (found["y"].is_null().to_numpy() == (empty & (word == "open"))).all()
    if not absent:
        assert found.filter(~empty)["y"].equals(frame.filter(~empty)["y"])


def test_tags_fill_a_column_of_texts_as_lists_that_are_read_again() -> None:
    learner, frame = learner_of("Tagging")
    learner.fit(frame, validation=None, progress=False)
    texts = frame.with_columns(y=pl.Series([cell and json.dumps(cell) for cell in frame["y"].to_list()]))
    found = complete(learner, texts)
    assert [len(json.loads(cell)) for cell in found["y"]] == [len(words) for words in WORDS]
    assert learner.preprocessor.tasks[0].encode(found)[1].values.all()


@pytest.mark.parametrize("name", sorted(PROBLEMS))
def test_co_training_takes_it_or_refuses_it_before_anything_is_fitted(name: str) -> None:
    learner, frame = learner_of(name)
    task = learner.tasks[0]
    ways = (task.entry_labelling(), task.row_labelling(), task.hypothesis_labelling())
    if task.reads == "vector" or any(way is not None for way in ways):
        assert learner_of(name, cotraining=CoTraining())[0].cotraining is not None
        return
    with pytest.raises(
        InvalidArgumentError,
        match="^Co-training labels rows, their texts or boxes, or words and pixels one by one, but .*$",
    ):
        learner_of(name, cotraining=CoTraining())
    learner.cotraining = CoTraining()
    with pytest.raises(InvalidArgumentError, match="many answers a row"):
        learner.fit(frame, validation=None, progress=False)
    learner.cotraining = None
    with pytest.raises(InvalidArgumentError, match="many answers a row"):
        methods_of(learner, ComparisonSettings(cotraining=[CoTraining()]))
    with pytest.raises(InvalidArgumentError, match="many answers a row"):
        prediction_of_output(learner.tasks[0], None)


@pytest.mark.parametrize(
    "name", [name for name in sorted(PROBLEMS) if PROBLEMS[name]()[0].entry_labelling() is not None]
)
def test_its_empty_cells_are_labelled_entry_by_entry(name: str, tmp_path: Path) -> None:
    settings = CoTraining(
        SelfTraining(Threshold(0.01)), 1, updates=20, margin=0.0, min_labels=0, max_drift=1.0
    )
    learner, frame = learner_of(name, cotraining=settings)
    run = tmp_path / "run"
    learner.fit(frame, validation=0.25, progress=False, run=run)
    told = json.loads((run / "cotraining.json").read_text())
    assert told["rounds"][0]["tasks"]["y"]["accepted"] > 0
    assert set(told["rounds"][0]["tasks"]["y"]["per_class"]) == set(
        learner.preprocessor.tasks[0].entry_labelling().classes
    )
    assert learner.predict(frame.drop("y"))["y"].null_count() == 0
    assert ct.Learner.load(run).predict(frame).equals(learner.predict(frame))
    if told["kept"]["y"]:
        labels = pl.read_parquet(run / "pseudo_labels.parquet")
        assert labels["row"].n_unique() <= N_ROWS // 4
        assert labels["target"].min() >= 0


@pytest.mark.parametrize("strategy", [MeanTeacher, CrossPseudoSupervision])
def test_pixels_are_labelled_by_networks_that_learn_on_moved_pictures(strategy: Any, tmp_path: Path) -> None:
    settings = CoTraining(strategy(Threshold(0.01)), 1, updates=20, margin=0.0, min_labels=0, max_drift=1.0)
    learner, frame = learner_of("Segmentation", cotraining=settings)
    learner.training.epochs = 8
    learner.fit(frame, validation=0.25, progress=False, run=tmp_path / "run")
    told = json.loads((tmp_path / "run" / "cotraining.json").read_text())
    assert 0 < told["rounds"][0]["tasks"]["y"]["accepted"] <= N_ROWS // 4 * SIDE**2
    assert learner.evaluate(frame).value("y", "miou") > 0.4


@pytest.mark.parametrize("strategy", [SelfTraining, MeanTeacher])
def test_sure_boxes_are_labels_of_pictures_without_any(strategy: Any, tmp_path: Path) -> None:
    settings = CoTraining(
        strategy(selector=Threshold(0.01)), 1, updates=60, margin=0.0, min_labels=0, max_drift=1.0
    )
    learner, frame = learner_of("Detection", cotraining=settings)
    learner.training.epochs, learner.training.learning_rate = 30, 3e-2
    learner.fit(frame, validation=0.25, progress=False, run=tmp_path / "run")
    told = json.loads((tmp_path / "run" / "cotraining.json").read_text())
    assert 0 < told["rounds"][0]["tasks"]["y"]["accepted"] <= N_ROWS // 4
    assert told["rounds"][0]["tasks"]["y"]["per_class"]["none"] == 0
    assert ct.Learner.load(tmp_path / "run").predict(frame).equals(learner.predict(frame))
    if told["kept"]["y"]:
        labels = pl.read_parquet(tmp_path / "run" / "pseudo_labels.parquet")
        assert labels["target"].unique().to_list() == [0]
        assert labels["value"].unique().to_list() == [1.0]


def configuration_of(name: str, folder: Path, **sections: Any) -> Configuration:
    """What a file would say: two tasks of one kind over a table that is divided."""
    learner, frame = learner_of(name)
    table = pl.concat([frame] * 3)
    frame = table.with_columns(z=pl.col("y"))
    frame.write_parquet(folder / "table.parquet")
    second = copy.deepcopy(learner.tasks[0])
    second.name, second.columns = "z", ["z"]
    both = ct.Learner(
        [*learner.tasks, second],
        encoder=learner.encoder,
        columns=learner.columns,
        training=learner.training,
    )
    described = both.config() | {"data": str(folder / "table.parquet")} | sections
    return Configuration.from_config(described)


def test_its_errors_are_told_by_groups(fitted: tuple[ct.Learner, pl.DataFrame]) -> None:
    learner, frame = fitted
    records = learner.fitted.evaluation(frame).records["y"]
    found = errors_by_group(records, [["a", "b"][i % 2] for i in range(N_ROWS)])
    assert {record["group"] for record in found} == {"a", "b"}
    assert sum(record["n_labelled"] for record in found) == frame["y"].count()


@pytest.mark.parametrize("name", sorted(PROBLEMS))
def test_its_table_is_checked(name: str, tmp_path: Path) -> None:
    report = check_data(configuration_of(name, tmp_path))
    assert {problem["severity"] for problem in report.problems} <= {"warning", "note"}
    told = [one for one in report.problems if one["check"] == "coverage" and one["subject"]]
    assert {one["subject"]: one["values"]["labelled"] for one in told} == {
        "y": N_ROWS * 3 * 3 // 4,
        "z": N_ROWS * 3 * 3 // 4,
    }


@pytest.mark.parametrize("name", sorted(PROBLEMS))
def test_its_options_are_searched(name: str, tmp_path: Path) -> None:
    pytest.importorskip("optuna", reason="optuna is not installed")
    section = {"fields": {"training.learning_rate": {"low": 0.001, "high": 0.01}}, "trials": 1}
    found = tune(configuration_of(name, tmp_path, tune=section), tmp_path / "tuned")
    assert [trial["state"] for trial in found["trials"]] == ["complete"]
    assert all(math.isfinite(gain) for gain in found["trials"][0]["gains"].values())


@pytest.mark.parametrize("name", sorted(name for name in PROBLEMS if getattr(kinds, name).reads != "vector"))
def test_ways_of_training_many_answers_a_row_are_compared(name: str, tmp_path: Path) -> None:
    section = {
        "seeds": 3,
        "sweep": "first_seed",
        "learning_rates": [0.01],
        "references": ["trees", "single_task", "pooled"],
    }
    asked = configuration_of(name, tmp_path, compare=section, answer="auto")
    results = compare(asked, tmp_path / "compared")
    assert [method["failed"] for method in results["methods"] if method["failed"] is not None] == []
    assert {"No boosted trees of y, z: trees answer once a row."} < set(results["notes"])
    assert any("No pooled network" in note for note in results["notes"])
    assert "trees" not in {method["name"] for method in results["methods"]}
    for task in results["tasks"]:
        assert {"constant", "single_task", "answer", results["chosen"]} <= set(task["figures"])
