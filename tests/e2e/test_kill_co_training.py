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

#: Files that appear in this order while a run of two peers goes on, and of one: "state" is a fit under way,
#: "fit" one that has ended. Each process but the last dies when it has come to the next of them.
OF_TWO = [
    "round-0-peer-0.state.pt",
    "round-0-peer-1.fit.pt",
    "round-1-peer-0.state.pt",
    "round-1-peer-1.state.pt",
    "round-1-peer-1.fit.pt",
    "round-2-peer-0.fit.pt",
    "round-2-peer-1.fit.pt",
    "student.state.pt",
]
OF_ONE = [
    "round-0-peer-0.state.pt",
    "round-0-peer-0.fit.pt",
    "fold-1-peer-0.state.pt",
    "round-1-peer-0.state.pt",
    "round-1-peer-0.fit.pt",
    "round-2-peer-0.state.pt",
    "round-2-peer-0.fit.pt",
    "student.state.pt",
]
#: Who learns -> the stages of such a run.
RUNS = {"networks": OF_TWO, "batched ensembles": OF_TWO, "a batched ensemble": OF_ONE}
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


def train(who, path, run, resume):
    import cotrain as ct

    encoder, held, settings = ct.networks.TableEncoder(width=32, depth=1, dropout=0.2), 0.3, {}
    if who != "networks":
        encoder, held = ct.networks.TabM(width=16, depth=1, members=4, dropout=0.2), None
        # Without any guard, so that a round is taken and there is a student.
        settings = {"margin": 0.0, "min_labels": 0, "max_drift": 1.0}
    strategy = ct.cotraining.Committee(2)
    if who == "a batched ensemble":
        strategy = ct.cotraining.SelfTraining(ct.cotraining.KBest(0.8))
    learner = ct.Learner(
        [ct.tasks.Binary("side"), ct.tasks.Regression("size")],
        encoder=encoder,
        cotraining=ct.CoTraining(strategy, 2, updates=120, patience=9, **settings),
        training=ct.Training(epochs=4, batch_size=32),
        seed=5,
    )
    learner.fit(str(path), held, run=run, resume=resume, progress=False)


def train_until(stage, who, path, run, resume):
    """Train, and die at the first step or change of a file that finds the stage reached."""
    checkpoint_by_steps(20)
    if stage is not None:
        watch(run, lambda _: (run / "rounds" / stage).exists() and die())
    train(who, path, run, resume)


def kill_at_every_stage(who, folder):
    """Train once in peace and once killed at every stage; return the stages at which it was killed."""
    path, killed = folder / "table.csv", folder / "killed"
    write_table(path)
    context = forks()
    whole = context.Process(target=train, args=(who, path, folder / "whole", False))
    whole.start()
    whole.join()
    assert whole.exitcode == 0
    reached = []
    for stage in [*RUNS[who], None]:
        process = context.Process(target=train_until, args=(stage, who, path, killed, killed.exists()))
        process.start()
        process.join()
        if process.exitcode == -signal.SIGKILL:
            reached.append(stage)
    assert process.exitcode == 0
    return reached


@pytest.mark.slow
@pytest.mark.parametrize("who", RUNS)
def test_kills_between_and_within_rounds_change_nothing(tmp_path, who):
    # In a process of its own, because a process that has started threads must not fork.
    command = [sys.executable, __file__, who, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == RUNS[who]
    for name in FILES:
        assert (tmp_path / "killed" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name
    rounds = (tmp_path / "whole" / "history.jsonl").read_text().count('"cotraining"')
    assert rounds == 2, "the run had other rounds than the stages name"
    assert not (tmp_path / "killed" / "rounds").exists()
    assert not list((tmp_path / "killed").glob(".*.part"))


if __name__ == "__main__":
    print(json.dumps(kill_at_every_stage(sys.argv[1], Path(sys.argv[2]))))
