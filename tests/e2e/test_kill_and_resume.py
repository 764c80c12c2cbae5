"""A run that is killed again and again ends exactly as one that never was."""

import csv
import json
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

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
            epochs=100,
            batch_size=16,
            patience=None,
            select="per_task",
            average=0.9,
            monitor=7,  # with 20 steps an epoch, records of an epoch are cut in two by most kills
            checkpoint_seconds=0.02,
        ),
        seed=3,
    )
    learner.fit(str(path), 0.2, run=run, resume=resume, progress=False)


def start(context, path, run, resume):
    process = context.Process(target=train, args=(path, run, resume))
    process.start()
    return process


def kill_again_and_again(folder):
    """Train once in peace and once under fire; return the number of kills and of epochs they came after."""
    import torch

    import cotrain.learner  # noqa: F401 - once, before the forks

    torch.set_num_threads(1)
    path, killed = folder / "table.csv", folder / "killed"
    write_table(path)
    context = multiprocessing.get_context("fork")
    begun = time.monotonic()
    whole = start(context, path, folder / "whole", False)
    whole.join()
    duration = time.monotonic() - begun
    assert whole.exitcode == 0

    draw = random.Random(1)
    kills, epochs_seen = 0, set()
    while True:
        process = start(context, path, killed, killed.exists())
        if kills >= N_KILLS:
            process.join()
        elif kills % 4 == 0:
            process.join(draw.uniform(0.0, duration / 8))  # at any moment, the very first ones too
        else:
            # Every other time a few epochs further, however fast the machine is.
            wait_for_training(process, killed, epochs=4 if kills % 2 else 0)
            process.join(draw.uniform(0.0, duration / 30))
        if process.exitcode is not None:
            assert process.exitcode == 0
            return kills, len(epochs_seen)
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        kills += 1
        for file in killed.glob("*.json"):
            json.loads(file.read_text())
        if (killed / "history.jsonl").exists():
            lines = (killed / "history.jsonl").read_text().splitlines()
            epochs_seen.add(len([json.loads(line) for line in lines]))


def wait_for_training(process, folder, epochs):
    """Wait until the process has written the history, as it does when it begins, and so many epochs more."""
    history = folder / "history.jsonl"

    def file():
        return history.stat().st_ino if history.exists() else 0

    before = file()
    while process.exitcode is None and file() == before:
        time.sleep(0.002)
    wanted = epochs + (len(history.read_text().splitlines()) if history.exists() else 0)
    while process.exitcode is None and len(history.read_text().splitlines()) < wanted:
        time.sleep(0.002)


@pytest.mark.slow
def test_twenty_kills_change_nothing(tmp_path):
    # In a process of its own, because a process that has started threads must not fork.
    command = [sys.executable, __file__, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    kills, epochs_seen = json.loads(done.stdout.splitlines()[-1])
    assert kills == N_KILLS, "the run ended before it was killed often enough: make it longer"
    assert epochs_seen > 3, "every kill came before the first epoch: nothing was tested"
    for name in ("history.jsonl", "model.safetensors", "schema.json", "config.yaml"):
        assert (tmp_path / "killed" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name
    history = [json.loads(line) for line in (tmp_path / "killed" / "history.jsonl").read_text().splitlines()]
    assert {record["gradients"]["n"] for record in history} == {2, 3}
    assert not list((tmp_path / "killed").glob(".*.part"))


if __name__ == "__main__":
    print(json.dumps(kill_again_and_again(Path(sys.argv[1]))))
