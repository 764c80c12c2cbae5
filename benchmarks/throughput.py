"""Rows per second of the fit loop beside a lean hand-written loop over the same tensors and network.

A synthetic table of 200,000 rows, 8 categorical columns of 1,000 values, 32 numbers, 3 tasks (two binary
ones, one regression) with a third of the labels missing. "Everything on" is what `cotrain train` does: masks,
balancing, clipping, averaged weights, a validated epoch, metrics, history, checkpoints and progress. The lean
loop gathers its batches from the same tensors and does the forward pass, masked losses, the backward pass
and a fused AdamW step, nothing else. Both run in turns in this process on one thread; the figures are medians
of CPU time.

    python benchmarks/throughput.py --rows 200000 --repeats 5
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl
import torch
from rich.console import Console
from torch.nn import functional

import cotrain as ct
from cotrain.learner import Preprocessor
from cotrain.training import Examples, Fit, JsonLinesLogger, ProgressLogger


def synthetic_table(n_rows: int) -> pl.DataFrame:
    """Make the table; the targets depend on the inputs, so that there is something to learn."""
    generator = np.random.default_rng(0)
    numbers = generator.normal(size=(n_rows, 32)).astype(np.float32)
    codes = generator.integers(0, 1000, size=(n_rows, 8))
    effects = generator.normal(size=(8, 1000))
    signal = numbers[:, :8].sum(1) + sum(effects[i, codes[:, i]] for i in range(8))
    columns = {f"n{i}": numbers[:, i] for i in range(32)}
    columns |= {f"c{i}": np.char.add("v", codes[:, i].astype(str)) for i in range(8)}
    noise = generator.normal(size=(3, n_rows))
    targets = {
        "a": (signal + 2 * noise[0] > 0).astype(float),
        "b": (signal - numbers[:, 9] * 3 + 2 * noise[1] > 2).astype(float),
        "y": signal + noise[2],
    }
    for values in targets.values():
        values[generator.random(n_rows) < 1 / 3] = np.nan
    return pl.DataFrame({**columns, **targets})


def lean_epoch(
    model: torch.nn.Module, examples: Examples, optimizer: torch.optim.Optimizer, size: int
) -> None:
    """One epoch of the loop that one would write by hand for exactly this table."""
    model.train()
    inputs, targets, masks = examples.inputs, examples.targets, examples.masks
    order = torch.randperm(len(examples))
    for start in range(0, len(examples), size):
        rows = order[start : start + size]
        outputs = model({name: tensor.index_select(0, rows) for name, tensor in inputs.items()})
        total = torch.zeros(())
        for name, output in outputs.items():
            target, mask = targets[name].index_select(0, rows), masks[name].index_select(0, rows)
            if name == "y":
                loss = functional.mse_loss(output, target, reduction="none")
            else:
                loss = functional.binary_cross_entropy_with_logits(output, target, reduction="none")
            total = total + (loss * mask).sum() / mask.sum()
        total.backward()
        optimizer.step()
        optimizer.zero_grad()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--width", type=int, default=128)
    arguments = parser.parse_args()
    torch.set_num_threads(1)

    frame = synthetic_table(arguments.rows)
    held_out = frame[: max(1000, arguments.rows // 100)]
    tasks = [ct.tasks.Binary("a"), ct.tasks.Binary("b"), ct.tasks.Regression("y")]
    preprocessor, examples = Preprocessor.fit(frame, tasks, {}, [])
    validation = preprocessor.examples(held_out)
    labelled = examples.take(torch.nonzero(examples.labelled().any(dim=1)).flatten())
    shown = f"{arguments.rows} rows, {len(labelled)} with a label"
    print(f"{shown}, one thread, medians of {arguments.repeats} runs")
    print(f"{'batch':>6} {'lean rows/s':>12} {'cotrain rows/s':>15} {'ratio':>6}")
    for size in (1024, 4096):
        settings = ct.Training(epochs=1, batch_size=size)
        encoder = ct.networks.TableEncoder(width=arguments.width)
        learner = ct.Learner(tasks, encoder=encoder, training=settings)
        seconds: dict[str, list[float]] = {"lean": [], "cotrain": []}
        for _ in range(arguments.repeats):
            model = learner.architecture.build(preprocessor)
            optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, fused=True)
            begun = time.process_time()
            lean_epoch(model, labelled, optimizer, size)
            seconds["lean"].append(time.process_time() - begun)

            with tempfile.TemporaryDirectory() as folder, (Path(folder) / "progress").open("w") as sink:
                fit = Fit(
                    learner.architecture.build(preprocessor),
                    tasks,
                    ct.balancing.ReferenceScaled(),
                    settings,
                    examples,
                    validation,
                    loggers=[
                        JsonLinesLogger(Path(folder) / "history.jsonl"),
                        ProgressLogger(Console(file=sink, force_terminal=True)),
                    ],
                    checkpoint=Path(folder) / "state.pt",
                )
                begun = time.process_time()
                fit.run()
                seconds["cotrain"].append(time.process_time() - begun)
        rates = {name: len(labelled) / statistics.median(times) for name, times in seconds.items()}
        ratios = [lean / ours for lean, ours in zip(seconds["lean"], seconds["cotrain"], strict=True)]
        ratio = statistics.median(ratios)
        print(f"{size:>6} {rates['lean']:>12,.0f} {rates['cotrain']:>15,.0f} {ratio:>6.2f}", flush=True)


if __name__ == "__main__":
    main()
