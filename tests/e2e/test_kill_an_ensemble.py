"""An ensemble that is killed in any of its networks ends exactly as if it never was."""

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

#: Files that appear in this order while a run goes on. Each process but the last dies when it has come to the
#: next of them: in the midst of every network, of those for a task alone as well.
STAGES = [
    "state.pt",
    "members/1/history.jsonl",
    "members/1/state.pt",
    "members/2/state.pt",
    "model.safetensors",
    "alone/0/members/1/state.pt",
    "alone/1/members/2/state.pt",
]


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
        encoder=ct.networks.TableEncoder(width=16, depth=1, dropout=0.2),
        training=ct.Training(epochs=6, batch_size=16),
        preset="best",
        seed=5,
    )
    learner.fit(str(path), 0.4, run=run, resume=resume, progress=False)


def train_until(stage, path, run, resume):
    """Train, and die at the first step or change of a file that finds the stage reached."""
    checkpoint_by_steps(5)
    if stage is not None:
        watch(run, lambda _: (run / stage).exists() and die())
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
def test_kills_in_every_network_change_nothing(tmp_path):
    # In a process of its own, because a process that has started threads must not fork.
    command = [sys.executable, __file__, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == STAGES
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    files = {file.relative_to(whole) for file in whole.rglob("*") if file.is_file()}
    assert files == {file.relative_to(killed) for file in killed.rglob("*") if file.is_file()}
    assert len([file for file in files if file.name == "state.pt"]) == 9, (
        "3 networks of both tasks, 3 of each"
    )
    # The others hold times, or hashes of files that do.
    for file in (file for file in files if file.name not in ("state.pt", "manifest.json", "answers.json")):
        assert (killed / file).read_bytes() == (whole / file).read_bytes(), file


if __name__ == "__main__":
    print(json.dumps(kill_at_every_stage(Path(sys.argv[1]))))
