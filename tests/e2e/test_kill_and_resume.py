"""A run that is killed again and again ends exactly as one that never was."""

import csv
import json
import random
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from processes import checkpoint_by_steps, die, forks, watch

N_KILLS = 20


def write_table(path):
    # By hand: polars starts threads when it is used, and a process with threads must not fork.
    generator = np.random.default_rng(0)
    x = generator.normal(size=(400, 3))
    city = generator.choice(["Rome", "Oslo", "Lima"], 400)
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["x", "y", "city", "big", "price", "kind"])
        for i, (a, b, c) in enumerate(x.round(4).tolist()):
            kind = "a" if b > 0.4 else "b" if b > -0.4 else "c"
            big, price = "yes" if a + c > 0 else "no", round(3 * a + c, 4)
            writer.writerow(
                [a, b, city[i], "" if i % 3 == 0 else big, "" if i % 2 else price, "" if i % 4 == 0 else kind]
            )


def train(path, run, resume):
    """Run in a process of its own: dropout, averaging, a monitor, per-task weights, all state there is."""
    import cotrain as ct

    learner = ct.Learner(
        [ct.tasks.Binary("big"), ct.tasks.Regression("price"), ct.tasks.Multiclass("kind")],
        encoder=ct.networks.TableEncoder(width=32, depth=1, dropout=0.2),
        training=ct.Training(
            epochs=40,
            batch_size=16,
            patience=None,
            select="per_task",
            average=0.9,
            monitor=7,  # with 20 steps an epoch, records of an epoch are cut in two by most kills
        ),
        seed=3,
    )
    learner.fit(str(path), 0.2, run=run, resume=resume, progress=False)


def moments():
    """Name the moment of every kill: so many steps, then so many changes of files, or a short while."""
    draw = random.Random(1)
    for kill in range(N_KILLS):
        # The very first moments too; every step is lost that came after the last checkpoint.
        steps = draw.randrange(5, 40) if kill % 4 else 0
        files = draw.randrange(4) if kill % 4 == 2 else draw.randrange(12) if kill % 4 == 0 else 0
        yield steps, files, draw.uniform(1e-4, 5e-3) if kill % 4 == 3 else 0.0


def train_until(moment, path, run, resume):
    """Train, and die at this moment."""
    left, set_ = list(moment), False

    def look(what):
        nonlocal set_
        steps, files, while_ = left
        if steps:
            left[0] -= what == "step"
        elif files:
            left[1] -= what == "file"
        elif not while_:
            die()
        elif not set_:
            # In the midst of whatever it does then: without a handler the signal ends the process.
            # Once: set again at every step, it would never ring where steps are short.
            signal.setitimer(signal.ITIMER_REAL, while_)
            set_ = True

    checkpoint_by_steps(7)
    watch(run, look)
    train(path, run, resume)


def in_a_process(context, target, *arguments):
    process = context.Process(target=target, args=arguments)
    process.start()
    process.join()
    return process.exitcode


def kill_again_and_again(folder):
    """Train once in peace and once under fire; return the number of kills and of epochs they came after."""
    path, killed = folder / "table.csv", folder / "killed"
    write_table(path)
    context = forks()
    assert in_a_process(context, train, path, folder / "whole", False) == 0
    kills, epochs_seen = 0, set()
    for moment in moments():
        code = in_a_process(context, train_until, moment, path, killed, killed.exists())
        assert code in (-signal.SIGKILL, -signal.SIGALRM), f"ended with {code}, not killed"
        kills += 1
        for file in killed.glob("*.json"):
            json.loads(file.read_text())
        if (killed / "history.jsonl").exists():
            lines = (killed / "history.jsonl").read_text().splitlines()
            epochs_seen.add(len([json.loads(line) for line in lines]))
    assert in_a_process(context, train, path, killed, True) == 0
    return kills, len(epochs_seen)


@pytest.mark.slow
def test_twenty_kills_change_nothing(tmp_path):
    # In a process of its own, because a process that has started threads must not fork.
    command = [sys.executable, __file__, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    kills, epochs_seen = json.loads(done.stdout.splitlines()[-1])
    assert kills == N_KILLS
    assert epochs_seen > 3, "every kill came before the first epoch: nothing was tested"
    for name in ("history.jsonl", "model.safetensors", "schema.json", "config.yaml"):
        assert (tmp_path / "killed" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name
    history = [json.loads(line) for line in (tmp_path / "killed" / "history.jsonl").read_text().splitlines()]
    assert {record["gradients"]["n"] for record in history} == {2, 3}
    assert not list((tmp_path / "killed").glob(".*.part"))


if __name__ == "__main__":
    print(json.dumps(kill_again_and_again(Path(sys.argv[1]))))
