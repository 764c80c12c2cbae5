"""Co-training of transcripts, from the made-up recordings of the example, by the command line and killed."""

from __future__ import annotations

import json
import runpy
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from processes import checkpoint_by_steps, die, forks, watch

EXAMPLE = Path(__file__).parents[2] / "examples" / "speech" / "prepare.py"
ROWS, TRANSCRIBED = {"train": 32, "validation": 8, "test": 8}, 8
STAGES = {
    "SelfTraining": ["round-0-peer-0.fit.pt", "round-1-peer-0.state.pt", "student.state.pt"],
    "MeanTeacher": ["online.state.pt"],
}
#: Strategies of rounds that label texts, beside `SelfTraining`.
ROUNDS = ("Committee", "TeacherStudent", "TriTraining")
FILES = ("history.jsonl", "model.safetensors", "cotraining.json", "pseudo_labels.parquet", "confidence.json")


def write_recordings(folder: Path) -> None:
    """Write recordings of one or two words, a quarter of those to train on with a text and a speaker."""
    made = runpy.run_path(str(EXAMPLE))
    draw = np.random.default_rng(0)
    speakers, say = made["made_up"](draw)
    lines = ["file,text,speaker,split"]
    (folder / "wavs").mkdir(parents=True)
    for split, n_rows in ROWS.items():
        for number in range(n_rows):
            speaker, digits = speakers[number % 2], draw.integers(0, 3, 1 + number % 2)
            pieces = [piece for d in digits for piece in (say(split, speaker, int(d)), np.zeros(300))]
            name = f"wavs/{split}_{number}.wav"
            made["write"](folder / name, np.concatenate(pieces), 0.5)
            text = " ".join(made["WORDS"][digit] for digit in digits)
            known = split != "train" or number < TRANSCRIBED
            lines.append(f"{name},{text if known else ''},{speaker if known else ''},{split}")
    (folder / "speech.csv").write_text("\n".join(lines) + "\n")


def configuration(folder: Path, strategy: str, *, voice: bool = False) -> Path:
    tasks = ["{kind: Transcription, name: text, units: words}", "{kind: Multiclass, name: speaker}"]
    if voice:
        tasks.append(
            "{kind: Synthesis, name: voice, columns: file, given: [text, speaker], n_mels: 12, iterations: 1}"
        )
    path = folder / "job.yaml"
    path.write_text(
        "data: speech.csv\nsplit: {column: split}\nreferences: constant\ncolumns: {file: sound}\n"
        f"tasks: [{', '.join(tasks)}]\n"
        "encoder: {kind: SoundEncoder, width: 8, depth: 1, n_mels: 12}\n"
        "training: {epochs: 12, batch_size: 8}\n"
        f"cotraining:\n  strategy: {{kind: {strategy}, selector: {{kind: Threshold, threshold: 0.01}}}}\n"
        "  max_rounds: 1\n  updates: 12\n  margin: 0\n  min_labels: 0\n  max_drift: 1.0\n"
    )
    return path


def train(path: Path, run: Path, *more: str) -> str:
    from typer.testing import CliRunner

    from cotrain.cli import app

    done = CliRunner().invoke(app, ["train", str(path), "--run", str(run), *more])
    assert done.exit_code == 0, done.output
    return done.output


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    where = tmp_path_factory.mktemp("recordings")
    write_recordings(where)
    return where


def test_recordings_without_a_text_are_labelled_and_the_voice_is_left_as_it_is(folder: Path, tmp_path: Path):
    import polars as pl

    import cotrain as ct
    from cotrain.learner import complete

    said = train(configuration(folder, "SelfTraining", voice=True), tmp_path / "run")
    assert said.count("voice: a Synthesis is not co-trained") == 1
    told = json.loads((tmp_path / "run" / "cotraining.json").read_text())
    assert told["not_co_trained"] == ["voice"]
    assert set(told["chosen"]) == {"text", "speaker"}
    (first,) = told["rounds"]
    assert 0 < first["tasks"]["text"]["accepted"] <= ROWS["train"] - TRANSCRIBED
    assert "per_class" in first["tasks"]["speaker"]
    assert first["tasks"]["text"]["per_class"] == {}
    learner = ct.Learner.load(tmp_path / "run")
    frame = pl.read_csv(folder / "speech.csv").with_columns(file=str(folder) + "/" + pl.col("file"))
    assert {"text", "speaker", "voice"} <= set(learner.predict(frame[:2]).columns)
    if told["kept"]["text"]:
        cells = pl.read_parquet(tmp_path / "run" / "pseudo_labels.parquet").filter(pl.col("task") == "text")
        assert cells["text"].is_not_null().all()
        assert set(cells["text"].str.split(" ").explode()) <= {"zero", "one", "two"}
        filled = complete(learner, frame)
        pseudo = filled.filter(pl.col("text_source") == "pseudo")
        assert set(pseudo["text"]) <= set(cells["text"])
        assert pseudo["text_confidence"].is_not_null().all()


@pytest.mark.parametrize(
    "strategy",
    ["MeanTeacher", *(pytest.param(name, marks=pytest.mark.slow) for name in ROUNDS)],
)
def test_every_strategy_of_networks_labels_texts(folder: Path, tmp_path: Path, strategy: str):
    train(configuration(folder, strategy), tmp_path / "run")
    told = json.loads((tmp_path / "run" / "cotraining.json").read_text())
    assert told["pool"] == ROWS["train"] - TRANSCRIBED
    assert set(told["held_out_labels"].values()) == {ROWS["validation"]}


@pytest.mark.parametrize(
    ("strategy", "why"),
    [
        ("TwoViewCoTraining", "2 views are to divide the columns of numbers, of which there are 0"),
        ("CrossTask", "Transcription('text')"),
    ],
)
def test_strategies_that_hear_nothing_are_refused_before_anything_is_fitted(
    folder: Path, tmp_path: Path, strategy: str, why: str
):
    from typer.testing import CliRunner

    from cotrain._base import InvalidArgumentError
    from cotrain.cli import app

    path = configuration(folder, strategy)
    done = CliRunner().invoke(app, ["train", str(path), "--run", str(tmp_path / "run")])
    assert isinstance(done.exception, InvalidArgumentError)
    assert why in str(done.exception)
    assert not list(tmp_path.glob("run/*.safetensors"))


def train_until(stage: str | None, path: Path, run: Path, resume: bool) -> None:
    """Train, and die at the first step or change of a file that finds the stage reached."""
    checkpoint_by_steps(5)
    if stage is not None:
        watch(run, lambda _: (run / "rounds" / stage).exists() and die())
    train(path, run, *(["--resume"] if resume else []))


def kill_at_every_stage(folder: Path, strategy: str) -> list[str]:
    """Train once in peace and once killed at every stage; return the stages at which it was killed."""
    write_recordings(folder)
    path, killed = configuration(folder, strategy), folder / "killed"
    context = forks()
    whole = context.Process(target=train, args=(path, folder / "whole"))
    whole.start()
    whole.join()
    assert whole.exitcode == 0
    reached = []
    for stage in [*STAGES[strategy], None]:
        process = context.Process(target=train_until, args=(stage, path, killed, killed.exists()))
        process.start()
        process.join()
        if process.exitcode == -signal.SIGKILL and stage is not None:
            reached.append(stage)
    assert process.exitcode == 0
    return reached


@pytest.mark.slow
@pytest.mark.parametrize("strategy", sorted(STAGES))
def test_kills_between_and_within_rounds_change_nothing(tmp_path: Path, strategy: str):
    # In a process of its own, because a process that has started threads must not fork.
    command = [sys.executable, __file__, str(tmp_path), strategy]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == STAGES[strategy]
    for name in FILES:
        one, other = (tmp_path / run / name for run in ("killed", "whole"))
        assert one.exists() == other.exists(), name
        assert not one.exists() or one.read_bytes() == other.read_bytes(), name


if __name__ == "__main__":
    print(json.dumps(kill_at_every_stage(Path(sys.argv[1]), sys.argv[2])))
