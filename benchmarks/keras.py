"""Cost of a balanced step in Keras beside the plain compiled one: K=3 tasks on 64-512-512-512, Adam.

Both models run in turn within each repetition, on one thread, through the function that `fit` calls; what is
printed is the median over the repetitions of the ratio of CPU times.

    python benchmarks/keras.py [--repetitions 25] [--rows 32 64 256]
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable

# This folder comes first on the path, and this file would be taken for Keras.
sys.path.pop(0)
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf

from cotrain.balancing import Balancer, Equal, Every, UPGrad
from cotrain.keras import MultiTaskModel

TASKS = ("a", "b", "c")


def network() -> tuple[object, dict[str, object]]:
    inputs = x = keras.Input((64,))
    for _ in range(3):
        x = keras.layers.Dense(512, activation="relu")(x)
    return inputs, {task: keras.layers.Dense(1)(x) for task in TASKS}


def stepper(model: keras.Model, rows: int) -> Callable[[], None]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(rows, 64)).astype("float32")
    y = {task: rng.normal(size=(rows, 1)).astype("float32") for task in TASKS}
    model.compile("adam", dict.fromkeys(TASKS, "mse"))
    model.make_train_function()
    steps = iter(tf.data.Dataset.from_tensors((x, y)).cache().repeat())

    def step() -> None:
        model.train_function(steps)

    return step


def balanced(balancer: Balancer, source: str = "auto") -> keras.Model:
    return MultiTaskModel(*network(), balancer=balancer, source=source)


def main(repetitions: int, rows: list[int]) -> None:
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    for size in rows:
        ways = {
            "plain": keras.Model(*network()),
            "Equal": balanced(Equal()),
            "UPGrad": balanced(UPGrad()),
            "UPGrad, exact": balanced(UPGrad(), "exact"),
            "UPGrad, ghost": balanced(UPGrad(), "ghost"),
            "Every(UPGrad, 10)": balanced(Every(UPGrad(), k=10)),
        }
        steps = {name: stepper(model, size) for name, model in ways.items()}
        for step in steps.values():
            for _ in range(5):
                step()
        times: dict[str, list[float]] = {name: [] for name in steps}
        for _ in range(repetitions):
            for name, step in steps.items():
                start = time.process_time()
                for _ in range(10):
                    step()
                times[name].append(time.process_time() - start)
        plain = times["plain"]
        print(f"B={size}: plain {100 * statistics.median(plain):.2f} ms")
        for name in list(steps)[1:]:
            ratio = statistics.median(a / b for a, b in zip(times[name], plain, strict=True))
            print(f"  {name:20}{ratio:6.2f}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=25)
    parser.add_argument("--rows", type=int, nargs="+", default=[32, 64, 256])
    main(**vars(parser.parse_args()))
