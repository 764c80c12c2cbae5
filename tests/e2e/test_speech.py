"""Recognition and speakers at once, from recordings of tones some of whose labels are missing."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import wave
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

import cotrain as ct
from cotrain._base import CotrainError, DataError
from cotrain._base._sounds import wav_bytes
from cotrain.data import read_table, write_table
from cotrain.learner._single_task import single_task_learners

RATE, N_TRAIN, N_TEST = 4000, 96, 32
#: A word is a tone of its own, a speaker an overtone beside it.
TONES, OVERTONES = {"low": 300.0, "mid": 600.0, "high": 1000.0}, {"ann": 1400.0, "bob": 1800.0}


def recording(number: int) -> tuple[np.ndarray, str, str]:
    draw = np.random.default_rng(number)
    speaker = ["ann", "bob"][number % 2]
    words = [list(TONES)[i] for i in draw.integers(0, 3, draw.integers(1, 4))]
    parts = [np.zeros(draw.integers(100, 300))]
    for word in words:
        places = np.arange(draw.integers(500, 700)) / RATE
        tone = np.sin(2 * np.pi * TONES[word] * places) + 0.5 * np.sin(
            2 * np.pi * OVERTONES[speaker] * places
        )
        parts += [tone, np.zeros(draw.integers(200, 500))]
    sound = np.concatenate(parts)
    sound = sound + 0.01 * draw.normal(size=len(sound))
    # Some are eighty times as loud as others.
    return 0.5 * sound / 80 ** draw.uniform(0, 1), " ".join(words), speaker


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    where = tmp_path_factory.mktemp("speech")
    (where / "wavs").mkdir()
    rows = []
    for number in range(N_TRAIN + N_TEST):
        sound, text, speaker = recording(number)
        (where / "wavs" / f"{number}.wav").write_bytes(wav_bytes(sound, RATE))
        test = number >= N_TRAIN
        known = {"text": test or number % 4 != 0, "speaker": test or number % 4 != 1}
        told = {"text": text if known["text"] else None, "speaker": speaker if known["speaker"] else None}
        rows.append({"file": f"wavs/{number}.wav", **told})
    pl.DataFrame(rows[:N_TRAIN]).write_csv(where / "train.csv")
    pl.DataFrame(rows[N_TRAIN:]).write_csv(where / "test.csv")
    return where


def learner(epochs: int, **options) -> ct.Learner:
    return ct.Learner(
        [ct.tasks.Transcription("text", units="words"), ct.tasks.Multiclass("speaker")],
        encoder=ct.networks.SoundEncoder(width=16, depth=2, n_mels=20, dropout=0.0, masks=0),
        training=ct.Training(epochs=epochs, batch_size=8, learning_rate=1e-2, select="last", average=0.9),
        **options,
    )


@pytest.fixture(scope="module")
def trained(folder: Path) -> ct.Learner:
    return learner(12).fit(folder / "train.csv", validation=None, progress=False)


def test_both_are_learned_where_labels_are_missing(folder: Path, trained: ct.Learner):
    table = trained.evaluate(folder / "test.csv")
    found = {(r.task, r.metric): (r.value, r.references["constant"]) for r in table.rows if r.part is None}
    assert found["text", "wer"][1] == 1.0
    assert found["text", "wer"][0] < 0.2
    assert found["text", "exact_match"][0] > 0.6
    assert found["speaker", "accuracy"][0] > 0.9


def test_predictions_are_texts_and_are_the_same_after_loading_and_row_by_row(
    folder: Path, trained: ct.Learner, tmp_path: Path
):
    test = read_table(folder / "test.csv").drop("text", "speaker")
    said = trained.predict(test)
    assert said["text"].dtype == pl.String
    assert set(" ".join(said["text"]).split()) <= set(TONES)
    trained.save(tmp_path / "run")
    again = ct.Learner.load(tmp_path / "run")
    assert again.predict(test).equals(said)
    data = (folder / "wavs" / f"{N_TRAIN}.wav").read_bytes()
    for cell in (test["file"][0], data, {"bytes": data, "path": None}):
        one = again.predict({"file": cell})
        assert (one["text"], one["speaker"]) == (said["text"][0], said["speaker"][0])


def wide_stereo(sound: np.ndarray) -> bytes:
    """The same sound at another rate, with 24 bits and two channels."""
    times = np.arange(int(len(sound) * 44_100 / RATE)) / 44_100
    whole = np.rint(np.interp(times, np.arange(len(sound)) / RATE, sound) * (2**23 - 1)).astype("<i4")
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setparams((2, 3, 44_100, 0, "NONE", ""))
        file.writeframes(b"".join(2 * sample.tobytes()[:3] for sample in whole))
    return buffer.getvalue()


def test_recordings_of_every_form_are_heard_or_named(folder: Path, trained: ct.Learner, tmp_path: Path):
    sound, text, speaker = recording(1000)
    cells = [wav_bytes(sound, RATE), wide_stereo(sound), wav_bytes(np.zeros(RATE), RATE), None]
    cells.append(wav_bytes(np.array([0.5]), RATE))
    said = trained.predict(pl.DataFrame({"file": cells}))
    assert said["text"].to_list()[:2] == [text, text]
    assert said["speaker"].to_list()[:2] == [speaker, speaker]
    # Nothing is said where nothing is heard.
    assert said["text"][3] == ""
    (tmp_path / "a.wav").write_bytes(cells[0][:100])
    pl.DataFrame({"file": ["a.wav"]}).write_csv(tmp_path / "t.csv")
    with pytest.raises(CotrainError, match=r"Column 'file', row 0: The sound '.*a\.wav' is cut off: .*\.$"):
        trained.predict(tmp_path / "t.csv")


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_a_text_of_no_word_is_a_label_and_a_missing_one_is_none(folder: Path, tmp_path: Path, ending: str):
    table = read_table(folder / "train.csv")[:24].with_row_index()
    silent, unknown = pl.col("index") < 4, pl.col("index") >= 20
    text = pl.when(silent).then(pl.lit("<silence>")).when(~unknown).then(pl.lit("low mid"))
    write_table(table.with_columns(text=text).drop("index"), tmp_path / f"t.{ending}")
    heard = ct.Learner(
        [ct.tasks.Transcription("text", units="words", empty="<silence>")],
        columns={"speaker": "drop"},
        encoder=ct.networks.SoundEncoder(width=8, depth=1),
        training=ct.Training(epochs=1, batch_size=8),
    ).fit(tmp_path / f"t.{ending}", validation=None, progress=False)
    (row,) = (row for row in heard.evaluate(tmp_path / f"t.{ending}").rows if row.metric == "exact_match")
    assert row.n_labelled == 20
    task = heard.preprocessor.tasks[0]
    assert task.parts == ["low", "mid"]
    targets, mask = task.encode(read_table(tmp_path / f"t.{ending}"))
    assert mask.flatten().tolist() == [True] * 20 + [False] * 4
    assert not targets[:4].any()
    said = heard.predict(pl.DataFrame({"file": [wav_bytes(np.zeros(8), RATE), None]}))["text"].to_list()
    assert said[1] == "<silence>"


def test_three_words_in_a_tenth_of_a_second_are_one_sentence_with_their_row(folder: Path):
    frame = read_table(folder / "train.csv")
    short = pl.DataFrame(
        {"file": [wav_bytes(np.ones(RATE // 10), RATE)], "text": ["low mid low mid low high"]}
    )
    (folder / "short.wav").write_bytes(short["file"][0])
    row = pl.DataFrame({"file": [str(folder / "short.wav")], "text": short["text"], "speaker": ["ann"]})
    sentence = "row 96 has the text 'low mid low mid low high', which needs 6 positions, and its sound has 5"
    with pytest.raises(DataError, match=rf"^Task 'text': {sentence}: .*\.$"):
        learner(1).fit(pl.concat([frame, row]), validation=None, progress=False)


@pytest.mark.parametrize("sharing", ["MMoE", "CrossStitch", "MTAN", "Hierarchical", "SoftSharing"])
def test_every_way_of_sharing_takes_sounds(folder: Path, sharing: str):
    mixed = learner(1, sharing=getattr(ct.networks, sharing)())
    mixed.fit(read_table(folder / "train.csv")[:16], validation=None, progress=False)
    assert set(mixed.outputs(folder / "test.csv")) == {"text", "speaker"}


def test_words_beside_sounds_enter_the_same_trunk(folder: Path):
    frame = read_table(folder / "train.csv")[:16].with_columns(hint=pl.lit(["seen", "heard"]))
    both = ct.Learner(
        [ct.tasks.Transcription("text", units="words", sound="file"), ct.tasks.Multiclass("speaker")],
        columns={"file": "sound", "hint": "words"},
        training=ct.Training(epochs=1, batch_size=8),
    )
    both.fit(frame, validation=None, progress=False)
    lengths = [len(row) for row in both.outputs(frame)["text"]]
    alone = learner(1).fit(frame.drop("hint"), validation=None, progress=False)
    assert lengths == [len(row) for row in alone.outputs(frame)["text"]]


def test_lazy_sounds_learn_the_same_weights(folder: Path, monkeypatch: pytest.MonkeyPatch):
    frame = read_table(folder / "train.csv")[:24]
    held = learner(1).fit(frame, validation=None, progress=False).outputs(frame)
    monkeypatch.setattr("cotrain.data.columns._sound.MOST_BYTES", 100)
    lazy = learner(1).fit(frame, validation=None, progress=False).outputs(frame)
    assert torch.equal(held["speaker"], lazy["speaker"])
    assert torch.equal(held["text"].values, lazy["text"].values)


def run_command(arguments: list[str], where: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", "from cotrain.cli import main; main()", *arguments],
        cwd=where,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_command_line_proposes_trains_evaluates_and_predicts(folder: Path, tmp_path: Path):
    run_command(["init", str(folder / "train.csv"), "--targets", "text,speaker", "-o", "job.yaml"], tmp_path)
    written = (tmp_path / "job.yaml").read_text()
    assert "Transcription" in written
    small = ["--set", "training.epochs=1", "--set", "training.batch_size=16", "--set", "references=constant"]
    encoder = json.dumps({"kind": "SoundEncoder", "width": 8, "depth": 1})
    run_command(
        ["train", "job.yaml", "--run", "run", "--quiet", *small, "--set", f"encoder={encoder}"], tmp_path
    )
    run_command(["evaluate", "run", str(folder / "test.csv"), "--json"], tmp_path)
    run_command(["predict", "run", str(folder / "test.csv"), "-o", "said.csv"], tmp_path)
    assert read_table(tmp_path / "said.csv").height == N_TEST
    assert (tmp_path / "run" / "report.html").is_file()


@pytest.mark.slow
def test_the_example_prepares_its_recordings_and_trains_on_them(tmp_path: Path):
    example = Path(__file__).parents[2] / "examples" / "speech"
    command = [sys.executable, str(example / "prepare.py"), "speech", "--small"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    run_command(
        [
            *["train", str(example / "speech.yaml"), "--set", f"data={tmp_path / 'speech' / 'speech.csv'}"],
            *["--set", "training.epochs=1", "--set", "references=constant", "--run", "run", "--quiet"],
        ],
        tmp_path,
    )
    assert (tmp_path / "run" / "report.html").is_file()


def test_a_task_alone_hears_what_another_one_says_aloud():
    tasks = [
        ct.tasks.Transcription("text"),
        ct.tasks.Multiclass("speaker"),
        ct.tasks.Synthesis("voice", columns="file", given=["text", "speaker"]),
    ]
    singles = single_task_learners(ct.Learner(tasks, columns={"file": "sound"}))
    assert {name: one.columns for name, one in singles.items()} == {
        "text": {"file": "sound", "speaker": "drop"},
        "speaker": {"file": "sound", "text": "drop"},
        "voice": {"file": "sound", "text": "drop", "speaker": "drop"},
    }
