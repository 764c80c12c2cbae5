"""What is said, who says it, and saying it: three tasks over one table, by the command line."""

from __future__ import annotations

import math
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import cotrain as ct
from cotrain._base import DataError, InvalidArgumentError
from cotrain._base._sounds import parse_wav, wav_bytes
from cotrain.data import read_table

RATE, N_TRAIN, N_TEST = 8000, 90, 18
#: A tone a character; one speaker is higher than the other.
HERTZ = {"a": 400.0, "b": 900.0, " ": 0.0}
PITCH = {"ann": 1.5, "bob": 1.0}
YAML = """
data: digits.csv
columns: {file: sound}
tasks:
  - {kind: Transcription, name: text}
  - {kind: Multiclass, name: speaker}
  - {kind: Synthesis, name: voice, columns: file, given: [text, speaker]}
encoder: {kind: SoundEncoder, width: 16, depth: 2}
split: {column: part}
training: {epochs: 4, batch_size: 16, learning_rate: 0.005}
"""


def said(text: str, speaker: str, draw: np.random.Generator) -> np.ndarray:
    parts = []
    for character in text:
        time = np.arange(int(RATE * draw.uniform(0.06, 0.1))) / RATE
        parts.append(0.3 * np.sin(2 * math.pi * HERTZ[character] * PITCH[speaker] * time))
    sound = np.concatenate(parts)
    return sound + draw.normal(size=len(sound)) * 1e-3


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table of recordings, some without a text and some without a speaker."""
    where = tmp_path_factory.mktemp("speech")
    (where / "sounds").mkdir()
    draw, rows = np.random.default_rng(0), []
    for number in range(N_TRAIN + N_TEST):
        text = "".join(draw.choice(["a", "b"], size=int(draw.integers(1, 5))))
        speaker = ["ann", "bob"][number % 2]
        file = f"sounds/{number}.wav"
        (where / file).write_bytes(wav_bytes(said(text, speaker, draw), RATE))
        test = number >= N_TRAIN
        rows.append(
            {
                "file": file,
                "text": text if test or number % 9 else None,
                "speaker": speaker if test or number % 7 else None,
                "part": "test" if test else "validation" if number % 6 == 5 else "train",
            }
        )
    pl.DataFrame(rows).write_csv(where / "digits.csv")
    (where / "speech.yaml").write_text(YAML)
    return where


def run(folder: Path, *arguments: str) -> str:
    code = "from cotrain.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def trained(folder: Path) -> Path:
    run(folder, "train", "speech.yaml", "--run", "run")
    return folder


def test_the_configuration_is_trained_and_evaluated(trained: Path) -> None:
    told = run(trained, "evaluate", "run", "digits.csv")
    for figure in ("wer", "accuracy", "log_mel_l1", "mel_cepstral_distance"):
        assert figure in told


def test_a_table_without_sounds_is_said_and_the_wavs_lie_beside_it(trained: Path) -> None:
    new = pl.DataFrame({"text": ["ab", "b a", ""], "speaker": ["ann", "bob", "eve"]})
    new.write_csv(trained / "new.csv")
    run(trained, "predict", "run", "new.csv", "--output", "said.csv")
    found = pl.read_csv(trained / "said.csv")
    assert found.columns == ["voice"]
    assert found["voice"].to_list() == ["said_files/voice_0.wav", "said_files/voice_1.wav", None]
    samples, rate = parse_wav((trained / "said_files" / "voice_0.wav").read_bytes())
    assert rate == RATE
    assert len(samples) > 100
    assert Path(read_table(trained / "said.csv")["voice"][0]).is_file()


def test_recordings_alone_are_heard(trained: Path) -> None:
    learner = ct.Learner.load(trained / "run")
    table = read_table(trained / "digits.csv")
    heard = learner.predict(table.select("file"))
    assert "voice" not in heard.columns
    assert {"text", "speaker"} <= set(heard.columns)
    assert heard.equals(learner.predict(table).drop("voice"))
    with pytest.raises(DataError, match="lacks 1 input column"):
        learner.predict(table.select("text"))


def test_what_is_said_depends_on_no_sound(trained: Path) -> None:
    learner = ct.Learner.load(trained / "run")
    table = read_table(trained / "digits.csv").tail(6)
    other = table.with_columns(file=pl.col("file").reverse())
    assert learner.predict(other)["voice"].equals(learner.predict(table)["voice"])


#: Trains, and dies after so many steps; with none, not at all.
DYING = """
import sys
from pathlib import Path
from itertools import count
sys.path.insert(0, sys.argv[1])
from processes import checkpoint_by_steps, die, watch
from cotrain.cli import main
last, steps = int(sys.argv[2]), count(1)
checkpoint_by_steps(3)
watch(Path("killed"), lambda what: what == "step" and next(steps) == last and die())
sys.argv[1:] = sys.argv[3:]
main()
"""


@pytest.mark.slow
def test_kills_change_nothing_where_sounds_are_heard_and_said(trained: Path) -> None:
    command = [sys.executable, "-c", DYING, str(Path(__file__).parent)]
    options = ["train", "speech.yaml", "--run", "killed", "--quiet"]
    for last, resume in [(4, []), (7, ["--resume"]), (5, ["--resume"])]:
        done = subprocess.run([*command, str(last), *options, *resume], cwd=trained, capture_output=True)
        assert done.returncode == -signal.SIGKILL
    run(trained, *options, "--resume")
    for name in ("history.jsonl", "model.safetensors", "schema.json"):
        assert (trained / "killed" / name).read_bytes() == (trained / "run" / name).read_bytes(), name


def test_without_being_named_a_sound_is_no_input(folder: Path) -> None:
    table = read_table(folder / "digits.csv").drop("part")
    voice = ct.tasks.Synthesis("voice", "file", given=["text", "speaker"], n_mels=20)
    training = ct.Training(epochs=1, batch_size=16)
    encoder = ct.networks.SoundEncoder(width=8, depth=1)
    learner = ct.Learner([voice], encoder=encoder, training=training)
    learner.fit(table, validation=None, progress=False)
    assert learner.preprocessor.schema is not None
    assert [column.name for column in learner.preprocessor.schema.columns] == []
    both = ct.Learner([voice, ct.tasks.Multiclass("speaker")], encoder=encoder, training=training)
    with pytest.raises(InvalidArgumentError):
        both.fit(table, validation=None, progress=False)
