"""Co-training that is killed between and within its rounds ends exactly as if it never was."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from processes import checkpoint_by_steps, die, forks, watch

#: Files that appear in this order while a run goes on: "state" is a fit under way, "fit" one that has ended.
#: Each process but the last dies when it has come to the next of them.
STAGES = [
    "round-0-peer-0.state.pt",
    "round-0-peer-1.fit.pt",
    "round-1-peer-0.state.pt",
    "round-1-peer-1.state.pt",
    "round-1-peer-1.fit.pt",
    "round-2-peer-0.fit.pt",
    "round-2-peer-1.fit.pt",
    "student.state.pt",
]
FILES = (
    "history.jsonl",
    "model.safetensors",
    "cotraining.json",
    "confidence.json",
    "pseudo_labels.parquet",
    "schema.json",
)


def write_table(path):
    # By hand: polars starts threads when it is used, and a process with threads must not fork.
    generator = np.random.default_rng(0)
    x = generator.normal(size=(300, 3)).round(4)
    lines = ["a,b,c,side,size"]
    for i, (a, b, c) in enumerate(x.tolist()):
        side = ("right" if a + b > 0 else "left") if i % 4 == 0 else ""
        size = str(round(b + c, 4)) if i % 4 == 1 else ""
        lines.append(f"{a},{b},{c},{side},{size}")
    path.write_text("\n".join(lines) + "\n")


def train(path, run, resume):
    import cotrain as ct

    learner = ct.Learner(
        [ct.tasks.Binary("side"), ct.tasks.Regression("size")],
        encoder=ct.networks.TableEncoder(width=32, depth=1, dropout=0.2),
        cotraining=ct.CoTraining(ct.cotraining.Committee(2), 2, updates=120, patience=9),
        training=ct.Training(epochs=4, batch_size=32),
        seed=5,
    )
    learner.fit(str(path), 0.3, run=run, resume=resume, progress=False)


def train_until(stage, path, run, resume):
    """Train, and die at the first step or change of a file that finds the stage reached."""
    checkpoint_by_steps(20)
    if stage is not None:
        watch(run, lambda _: (run / "rounds" / stage).exists() and die())
    train(path, run, resume)


def kill_at_every_stage(folder):
    """Train once in peace and once killed at every stage; return the stages at which it was killed."""
    path, killed = folder / "table.csv", folder / "killed"
    write_table(path)
    context = forks()
    whole = context.Process(target=train, args=(path, folder / "whole", False))
    whole.start()
    whole.join()
    assert whole.exitcode == 0
    reached = []
    for stage in [*STAGES, None]:
        process = context.Process(target=train_until, args=(stage, path, killed, killed.exists()))
        process.start()
        process.join()
        if process.exitcode == -signal.SIGKILL:
            reached.append(stage)
    assert process.exitcode == 0
    return reached


@pytest.mark.slow
def test_kills_between_and_within_rounds_change_nothing(tmp_path):
    # In a process of its own, because a process that has started threads must not fork.
    command = [sys.executable, __file__, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == STAGES
    for name in FILES:
        assert (tmp_path / "killed" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name
    rounds = (tmp_path / "whole" / "history.jsonl").read_text().count('"cotraining"')
    assert rounds == 2, "the run had other rounds than the stages name"
    assert not (tmp_path / "killed" / "rounds").exists()
    assert not list((tmp_path / "killed").glob(".*.part"))


if __name__ == "__main__":
    print(json.dumps(kill_at_every_stage(Path(sys.argv[1]))))
