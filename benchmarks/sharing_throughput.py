"""Rows per second of training a shared bottom, MMoE and PLE, beside torch-rechub in one run.

A synthetic table with 8 categorical columns of 1,000 values, 32 numbers and 3 binary tasks. Networks of the
same sizes on both sides: embeddings of 8, two layers in the bottom or in each expert, towers of 32; 6 experts
for MMoE; 2 shared ones and 2 a task for one level of PLE. torch-rechub runs its own loader and trainer for an
epoch; ours is `Fit`, the loop of `cotrain train`, with masks, balancing, clipping, averaged weights and
history, and beside it a lean loop over sliced tensors. All take turns on one thread; the figures are medians
of CPU time.

    pip install torch-rechub==0.9.0
    python benchmarks/sharing_throughput.py --batch 1024
"""

from __future__ import annotations

import argparse
import contextlib
import io
import logging
import tempfile
import time
import warnings

import numpy as np
import polars as pl
import torch
from torch import nn
from torch.nn import functional
from torch_rechub.basic.features import DenseFeature, SparseFeature
from torch_rechub.models.multi_task import MMOE, PLE, SharedBottom
from torch_rechub.trainers import MTLTrainer
from torch_rechub.utils.data import DataGenerator

import cotrain as ct
from cotrain.networks import CGC, Encoder, HardSharing, InputSpec, MMoE, MultiTaskNetwork, TableEncoder
from cotrain.networks.encoders._dense import Dense
from cotrain.training import Examples, Fit

TASKS = ("a", "b", "c")
KINDS = ("shared bottom", "MMoE", "PLE")


class EmbeddedMLP(Encoder):
    """The layers of torch-rechub's networks: embeddings beside the numbers, then plain layers."""

    def __init__(self, sizes: list[int]) -> None:
        super().__init__()
        self.sizes = sizes

    def build(self, spec: InputSpec) -> EmbeddedMLP:
        table = TableEncoder(width=1, depth=0, embedding=8).build(spec)
        self.widths = (table.widths[0], *self.sizes)
        layers = [Dense(a, b, "relu") for a, b in zip(self.widths, self.sizes, strict=False)]
        self.stages = nn.ModuleList([table.stages[0], *layers])
        self.width = self.sizes[-1]
        return self


class Table:
    """The rows, in the form that each side reads."""

    def __init__(self, rows: int) -> None:
        generator = np.random.default_rng(0)
        codes = generator.integers(0, 1000, (rows, 8))
        numbers = generator.standard_normal((rows, 32)).astype(np.float32)
        self.labels = (generator.random((rows, 3)) < 0.3).astype(np.float32)
        self.columns = {f"c{i}": codes[:, i] for i in range(8)}
        self.columns |= {f"n{i}": numbers[:, i] for i in range(32)}
        self.codes = torch.from_numpy(codes + 1000 * np.arange(8))
        self.numbers = torch.from_numpy(numbers)
        self.targets = torch.from_numpy(self.labels)


def rechub_seconds(kind: str, table: Table, sizes: list[int], batch: int) -> float:
    """Return the CPU seconds of an epoch of torch-rechub's trainer."""
    features = [SparseFeature(f"c{i}", 1000, embed_dim=8) for i in range(8)]
    features += [DenseFeature(f"n{i}") for i in range(32)]
    kinds, towers, experts = ["classification"] * 3, [{"dims": [32]}] * 3, {"dims": sizes}
    if kind == "shared bottom":
        model = SharedBottom(features, kinds, bottom_params=experts, tower_params_list=towers)
    elif kind == "MMoE":
        model = MMOE(features, kinds, 6, expert_params=experts, tower_params_list=towers)
    else:
        model = PLE(features, kinds, 1, 2, 2, expert_params=experts, tower_params_list=towers)
    x, y = table.columns, table.labels
    loader = DataGenerator(x, y).generate_dataloader(x_val=x, y_val=y, x_test=x, y_test=y, batch_size=batch)[
        0
    ]
    with tempfile.TemporaryDirectory() as folder, quiet():
        trainer = MTLTrainer(model, kinds, optimizer_params={"lr": 1e-3}, n_epoch=1, model_path=folder)
        start = time.process_time()
        trainer.train_one_epoch(loader)
        return time.process_time() - start


def our_model(kind: str, sizes: list[int]) -> MultiTaskNetwork:
    """Return our network with the same layers."""
    spec = InputSpec(n_numbers=32, cardinalities=(1000,) * 8)
    sharing = {"shared bottom": HardSharing, "MMoE": lambda: MMoE(6), "PLE": lambda: CGC(2, 2)}[kind]()
    sharing.build(lambda: EmbeddedMLP(sizes).build(spec), TASKS)
    heads = {t: nn.Sequential(nn.Linear(sizes[-1], 32), nn.ReLU(), nn.Linear(32, 1)) for t in TASKS}
    return MultiTaskNetwork(sharing, heads)


def fit_seconds(kind: str, table: Table, sizes: list[int], batch: int) -> float:
    """Return the CPU seconds of an epoch of the fit loop over our network."""
    tasks = [ct.tasks.Binary(task) for task in TASKS]
    frame = pl.DataFrame({task: table.labels[:, k] for k, task in enumerate(TASKS)})
    for task in tasks:
        task.fit(frame)
    coded = {task.name: task.encode(frame) for task in tasks}
    examples = Examples(
        {"numbers": table.numbers, "categories": table.codes},
        {name: pair[0] for name, pair in coded.items()},
        {name: pair[1] for name, pair in coded.items()},
    )
    settings = ct.Training(epochs=1, batch_size=batch, learning_rate=1e-3)
    model = our_model(kind, sizes)
    fit = Fit(model, tasks, ct.balancing.ReferenceScaled(), settings, train=examples, validation=None)
    start = time.process_time()
    fit.run()
    return time.process_time() - start


def lean_seconds(kind: str, table: Table, sizes: list[int], batch: int) -> float:
    """Return the CPU seconds of an epoch of a lean loop over our network."""
    model = our_model(kind, sizes)
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
    start = time.process_time()
    for rows in torch.randperm(len(table.targets)).split(batch):
        outputs = model({"numbers": table.numbers[rows], "categories": table.codes[rows]})
        targets = table.targets[rows]
        losses = [
            functional.binary_cross_entropy_with_logits(outputs[task][:, 0], targets[:, k])
            for k, task in enumerate(TASKS)
        ]
        optimiser.zero_grad()
        torch.stack(losses).sum().backward()
        optimiser.step()
    return time.process_time() - start


@contextlib.contextmanager
def quiet():
    """Silence the other side's progress bars and warnings."""
    logging.disable(logging.WARNING)
    sink = io.StringIO()
    with contextlib.redirect_stdout(sink), contextlib.redirect_stderr(sink), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def main() -> None:
    """Print rows per second and their ratio for each kind."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=20480)
    parser.add_argument("--batch", type=int, default=1024)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS)
    parser.add_argument("--sizes", type=int, nargs="+", default=[64, 32], help="layers of bottom and experts")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    table = Table(arguments.rows)
    print(
        f"{'':15}{'torch-rechub':>14}{'fit loop':>10}{'ratio':>7}{'lean loop':>11}{'ratio':>7}   rows / CPU s"
    )
    for kind in arguments.kinds:
        seconds = np.array(
            [
                [
                    run(kind, table, arguments.sizes, arguments.batch)
                    for run in (rechub_seconds, fit_seconds, lean_seconds)
                ]
                for _ in range(arguments.repeats)
            ]
        )
        theirs, fitted, lean = arguments.rows / np.median(seconds, axis=0)
        ratios = np.median(seconds[:, :1] / seconds, axis=0)
        print(
            f"{kind:15}{theirs:14,.0f}{fitted:10,.0f}{ratios[1]:7.2f}{lean:11,.0f}{ratios[2]:7.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
