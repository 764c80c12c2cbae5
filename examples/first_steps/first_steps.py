"""Two tasks over one picture of a digit: which digit it is, and whether it is odd.

Compares separate networks, one shared network, and a network per task with their parameters drawn together,
with half of each task's labels missing. Run: python examples/first_steps/first_steps.py
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from cotrain.networks import (
    MLP,
    HardSharing,
    InputSpec,
    MultiTaskNetwork,
    Separate,
    Sharing,
    SoftSharing,
    parameter_groups,
)

MNIST = Path(__file__).resolve().parents[2] / ".." / "shared" / "data" / "mnist" / "mnist.npz"
STRENGTHS = (0.0, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1)
Data = tuple[Tensor, Tensor]


def load(rows: int) -> tuple[Data, Data, str]:
    """Return training and test pictures [B, 784] with digits [B], and where they are from."""
    if MNIST.exists():
        with np.load(MNIST) as arrays:
            train = arrays["x_train"][:rows], arrays["y_train"][:rows]
            test = arrays["x_test"], arrays["y_test"]
        source = "MNIST"
    else:
        from sklearn.datasets import load_digits

        pictures, digits = load_digits(return_X_y=True)
        # 8×8 pixels with values to 16, each blown up to 3×3 and framed to 28×28.
        large = np.kron(pictures.reshape(-1, 8, 8), np.ones((3, 3))) * (255 / 16)
        framed = np.pad(large, ((0, 0), (2, 2), (2, 2)))
        order = np.random.default_rng(0).permutation(len(digits))
        framed, digits = framed[order], digits[order]
        train, test = (framed[:1000][:rows], digits[:1000][:rows]), (framed[1000:], digits[1000:])
        source = "scikit-learn's digits"
    return _tensors(*train), _tensors(*test), source


def _tensors(pictures: np.ndarray, digits: np.ndarray) -> Data:
    flat = torch.from_numpy(pictures.reshape(len(pictures), 784).astype(np.float32)) / 255
    return flat, torch.from_numpy(digits.astype(np.int64))


def losses(outputs: dict[str, Tensor], digits: Tensor, masks: dict[str, Tensor]) -> Tensor:
    """Return the sum of the tasks' mean losses over the rows that are labelled for each."""
    ten = functional.cross_entropy(outputs["digit"][masks["digit"]], digits[masks["digit"]])
    odd = outputs["odd"][masks["odd"], 0]
    two = functional.binary_cross_entropy_with_logits(odd, (digits % 2)[masks["odd"]].float())
    return ten + two


def train(sharing: Sharing, data: Data, epochs: int, seed: int) -> MultiTaskNetwork:
    """Train both tasks on rows of which each has about half of the labels."""
    torch.manual_seed(seed)
    spec = InputSpec(tensors={"inputs": (784,)})
    sharing.build(lambda: MLP((64, 32)).build(spec), ["digit", "odd"])
    model = MultiTaskNetwork(sharing, {"digit": nn.Linear(32, 10), "odd": nn.Linear(32, 1)})
    optimiser = torch.optim.AdamW(parameter_groups(model, 1e-2, 1e-2), lr=2e-3)
    pictures, digits = data
    labelled = {task: torch.rand(len(digits)) < 0.5 for task in model.tasks}
    n_steps, step = epochs * (len(digits) // 100), 0
    for _ in range(epochs):
        for rows in torch.randperm(len(digits)).split(100):
            sharing.set_progress(step / n_steps)
            masks = {task: mask[rows] for task, mask in labelled.items()}
            loss = losses(model({"inputs": pictures[rows]}), digits[rows], masks) + sharing.penalty()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            step += 1
    return model.eval()


def accuracies(model: MultiTaskNetwork, data: Data) -> list[float]:
    """Return the part of the test rows that each task gets right."""
    pictures, digits = data
    with torch.no_grad():
        outputs = model({"inputs": pictures})
    right = [outputs["digit"].argmax(1) == digits, (outputs["odd"][:, 0] > 0) == (digits % 2 == 1)]
    return [float(hits.float().mean()) for hits in right]


def main(rows: int = 1000, epochs: int = 30, seeds: int = 3) -> dict[str, list[float]]:
    """Print a line per way of sharing and return its figures: digit, odd, distance."""
    train_data, test_data, source = load(rows)
    print(f"{len(train_data[1])} rows of {source}, half of each task's labels missing, {seeds} seeds")
    print(f"{'':22}{'digit':>8}{'odd':>8}{'distance':>10}")
    ways = {"separate": Separate, "hard sharing": HardSharing}
    ways |= {f"soft sharing, {s:g}": lambda s=s: SoftSharing("l2", s) for s in STRENGTHS}
    table: dict[str, list[float]] = {}
    for name, make in ways.items():
        figures = []
        for seed in range(seeds):
            sharing = make()
            model = train(sharing, train_data, epochs, seed)
            # Plain distances of the tasks' parameters: what the penalty is made of.
            distance = (
                float(sharing.distance().detach()) if isinstance(sharing, SoftSharing) else float("nan")
            )
            figures.append([*accuracies(model, test_data), distance])
        table[name] = np.mean(figures, axis=0).tolist()
        digit, odd, distance = table[name]
        print(f"{name:22}{digit:8.4f}{odd:8.4f}{'' if np.isnan(distance) else f'{distance:10.3f}'}")
    return table


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1000, help="training rows")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--seeds", type=int, default=3)
    main(**vars(parser.parse_args()))
