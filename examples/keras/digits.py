"""Two tasks over one picture of a digit in Keras: which digit it is, and whether it is odd.

Prints the test accuracy of a network per task, of one shared network, and of shared networks trained with a
balancer on half of the labels. Run: python examples/keras/digits.py
"""

from __future__ import annotations

import argparse
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from sklearn.datasets import load_digits

from cotrain.balancing import UPGrad
from cotrain.keras import balance

LOSSES = {"digit": "sparse_categorical_crossentropy", "odd": "binary_crossentropy"}
TASKS = tuple(LOSSES)
Labels = dict[str, np.ndarray]


def load() -> tuple[np.ndarray, Labels, np.ndarray, Labels]:
    """Return training and test pictures [B, 784] and labels by task."""
    pictures, digits = load_digits(return_X_y=True)
    # 8×8 pixels with values to 16, each blown up to 3×3 and framed to 28×28.
    large = np.kron(pictures.reshape(-1, 8, 8), np.ones((3, 3))) / 16
    flat = np.pad(large, ((0, 0), (2, 2), (2, 2))).reshape(-1, 784).astype(np.float32)
    order = np.random.default_rng(0).permutation(len(digits))
    flat, digits = flat[order], digits[order]
    labels = {"digit": digits.astype(np.float32), "odd": (digits % 2).astype(np.float32)}
    train, test = ({task: y[part] for task, y in labels.items()} for part in (slice(1000), slice(1000, None)))
    return flat[:1000], train, flat[1000:], test


def network(tasks: tuple[str, ...]) -> keras.Model:
    """Make one shared layer of 128 and a head per task."""
    inputs = keras.Input((784,))
    shared = keras.layers.Dense(128, activation="relu")(inputs)
    heads = {
        "digit": keras.layers.Dense(10, activation="softmax", name="digit"),
        "odd": keras.layers.Dense(1, activation="sigmoid", name="odd"),
    }
    # A head is called on a tensor. A layer that was never called has no `.output` to build on.
    return keras.Model(inputs, {task: heads[task](shared) for task in tasks})


def fit(model: keras.Model, x: np.ndarray, y: Labels, epochs: int) -> keras.Model:
    """Compile and fit, whatever kind of model it is."""
    names = list(model.output)
    metrics = {task: ["accuracy"] for task in names}
    model.compile("adam", {task: LOSSES[task] for task in names}, metrics=metrics)
    model.fit(x, {task: y[task] for task in names}, epochs=epochs, verbose=0)
    return model


def accuracy(model: keras.Model, x: np.ndarray, y: Labels) -> Labels:
    """Return the part of the rows that each task gets right."""
    outputs = model.predict(x, verbose=0)
    guesses = {task: p.argmax(1) if p.shape[1] > 1 else p[:, 0] > 0.5 for task, p in outputs.items()}
    return {task: np.mean(guess == y[task]) for task, guess in guesses.items()}


def main(epochs: int = 10, seed: int = 0) -> dict[str, Labels]:
    """Print a line per way of training and return its figures."""
    x, y, x_test, y_test = load()
    keras.utils.set_random_seed(seed)
    table = {"separate": {}, "separate, half of the labels": {}}
    rng = np.random.default_rng(seed)
    half = {task: np.where(rng.random(len(x)) < 0.5, y[task], np.nan) for task in TASKS}
    for task in TASKS:
        known = ~np.isnan(half[task])
        model = fit(network((task,)), x, y, epochs)
        table["separate"] |= accuracy(model, x_test, y_test)
        model = fit(network((task,)), x[known], {task: half[task][known]}, epochs)
        table["separate, half of the labels"] |= accuracy(model, x_test, y_test)
    table["shared"] = accuracy(fit(network(TASKS), x, y, epochs), x_test, y_test)

    # A balancer, and half of the labels missing: NaN where there is none.
    model = balance(network(TASKS), balancer=UPGrad())
    model.compile("adam", LOSSES, metrics={task: ["accuracy"] for task in TASKS})
    model.fit(x, half, epochs=epochs, verbose=0)
    table["shared, balanced, half of the labels"] = accuracy(model, x_test, y_test)
    print("weights of the last step:", model.task_weights)

    print(f"{'test accuracy':40}{'digit':>8}{'odd':>8}")
    for name, figures in table.items():
        print(f"{name:40}{figures['digit']:8.4f}{figures['odd']:8.4f}")
    return table


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    main(**vars(parser.parse_args()))
