"""Rows per second of the fit loop beside a lean hand-written loop over the same tensors and network.

A synthetic table of 200,000 rows, 8 categorical columns of 1,000 values, 32 numbers, 3 tasks (two binary
ones, one regression) with a third of the labels missing. "Everything on" is what `cotrain train` does: masks,
balancing, clipping, averaged weights, a validated epoch, metrics, history, checkpoints and progress. The lean
loop gathers its batches from the same tensors and does the forward pass, masked losses, the backward pass
and a fused AdamW step, nothing else. Both run in turns in this process on one thread; the figures are medians
of CPU time.

The same with sentences of 3 to 30 words and their characters, where the lean loop finds its batches padded.

With --pictures the fit loop alone, on pictures that are decoded in the background as their batches come and
on the same ones in memory: pictures a second by the clock, on as many cores as the machine has free, and the
most memory that the process had after the first epoch and after the last one.

    python benchmarks/throughput.py --rows 200000 --sentences 4000 --repeats 5
    python benchmarks/throughput.py --rows 0 --sentences 0 --pictures 1000 --repeats 5
"""

from __future__ import annotations

import argparse
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from unittest import mock

import numpy as np
import polars as pl
import torch
from rich.console import Console
from torch import Tensor
from torch.nn import functional

import cotrain as ct
from cotrain.data import Batches
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


def synthetic_sentences(n_rows: int) -> pl.DataFrame:
    """Make sentences of words of which few are frequent; a word that is there or not is what to learn."""
    generator = np.random.default_rng(0)
    lengths = generator.integers(3, 31, n_rows)
    words = np.minimum(generator.zipf(1.3, lengths.sum()), 5000)
    rows = np.split(np.char.add("w", words.astype(str)), np.cumsum(lengths)[:-1])
    targets = {
        "a": np.array([float("w7" in row) for row in rows]),
        "b": np.array([float("w3" in row) for row in rows]),
    }
    for values in targets.values():
        values[generator.random(n_rows) < 1 / 3] = np.nan
    return pl.DataFrame({"said": [row.tolist() for row in rows], **targets})


Batch = tuple[dict[str, Tensor], dict[str, Tensor], dict[str, Tensor]]


def gathered(examples: Examples, size: int) -> Iterator[Batch]:
    """Give the batches of an epoch as one would gather them by hand."""
    order = torch.randperm(len(examples))
    parts = (examples.inputs, examples.targets, examples.masks)
    for start in range(0, len(examples), size):
        rows = order[start : start + size]
        inputs, targets, masks = (
            {name: tensor.index_select(0, rows) for name, tensor in part.items()} for part in parts
        )
        yield inputs, targets, masks


def padded(examples: Examples, size: int) -> list[Batch]:
    """Return the batches of an epoch, ready."""
    batches = Batches(examples.parts(), batch_size=size)
    return [(batch["inputs"], batch["targets"], batch["masks"]) for batch in batches]


def lean_epoch(model: torch.nn.Module, batches: Iterable[Batch], optimizer: torch.optim.Optimizer) -> None:
    """One epoch of the loop that one would write by hand for exactly these tasks."""
    model.train()
    for inputs, targets, masks in batches:
        total = torch.zeros(())
        for name, output in model(inputs).items():
            if name == "y":
                loss = functional.mse_loss(output, targets[name], reduction="none")
            else:
                loss = functional.binary_cross_entropy_with_logits(output, targets[name], reduction="none")
            total = total + (loss * masks[name]).sum() / masks[name].sum()
        total.backward()
        optimizer.step()
        optimizer.zero_grad()


def measure(
    learner: ct.Learner,
    frame: pl.DataFrame,
    repeats: int,
    lean_batches: Callable[[Examples, int], Iterable[Batch]],
) -> str:
    """Return a line: rows per second of the lean loop and of the fit loop, and their ratio."""
    preprocessor, examples = Preprocessor.fit(frame, learner.tasks, {}, [])
    validation = preprocessor.examples(frame[: max(min(1000, len(frame) // 10), len(frame) // 100)])
    labelled = examples.take(torch.nonzero(examples.labelled().any(dim=1)).flatten())
    size = learner.training.batch_size
    seconds: dict[str, list[float]] = {"lean": [], "cotrain": []}
    for _ in range(repeats):
        model = learner.architecture.build(preprocessor)
        optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, fused=True)
        batches = lean_batches(labelled, size)
        begun = time.process_time()
        lean_epoch(model, batches, optimizer)
        seconds["lean"].append(time.process_time() - begun)

        with tempfile.TemporaryDirectory() as folder, (Path(folder) / "progress").open("w") as sink:
            fit = Fit(
                learner.architecture.build(preprocessor),
                learner.tasks,
                ct.balancing.ReferenceScaled(),
                learner.training,
                train=examples,
                validation=validation,
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
    return f"{size:>6} {rates['lean']:>12,.0f} {rates['cotrain']:>15,.0f} {statistics.median(ratios):>6.2f}"


def synthetic_pictures(folder: Path, n_rows: int, side: int = 128) -> pl.DataFrame:
    """Write pictures of blurred noise, bright or dark, as PNG files, and return their table."""
    from PIL import Image, ImageFilter

    generator = np.random.default_rng(0)
    bright = generator.random(n_rows) < 0.5
    for number in range(n_rows):
        noise = generator.integers(0, 180, (side, side, 3)) + 60 * int(bright[number])
        picture = Image.fromarray(noise.astype(np.uint8)).filter(ImageFilter.GaussianBlur(2))
        picture.save(folder / f"{number}.png")
    files = [str(folder / f"{number}.png") for number in range(n_rows)]
    return pl.DataFrame({"file": files, "bright": bright})


def measure_pictures(n_rows: int, repeats: int) -> str:
    """Return a line: pictures per second in memory and decoded in the background, their ratio, and memory."""
    seconds: dict[str, list[float]] = {"memory": [], "files": []}
    with tempfile.TemporaryDirectory() as folder:
        frame = synthetic_pictures(Path(folder), n_rows)
        learner = ct.Learner(
            [ct.tasks.Binary("bright")],
            columns={"file": "picture"},
            training=ct.Training(epochs=repeats, batch_size=8, select="last"),
        )
        for name, most in (("memory", 2**40), ("files", 0)):
            with mock.patch("cotrain.data.columns._picture.MOST_BYTES", most):
                preprocessor, examples = Preprocessor.fit(
                    frame, learner.tasks, {"file": "picture"}, [], reads=["file"]
                )
            fit = Fit(
                learner.architecture.build(preprocessor),
                preprocessor.tasks,
                ct.balancing.ReferenceScaled(),
                learner.training,
                train=examples,
                validation=None,
            )
            peaks = []
            for _ in range(repeats):
                begun = time.perf_counter()
                fit.run_epoch()
                seconds[name].append(time.perf_counter() - begun)
                peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    rates = {name: n_rows / statistics.median(times) for name, times in seconds.items()}
    return (
        f"{rates['memory']:>12,.0f} {rates['files']:>12,.0f} {rates['files'] / rates['memory']:>6.2f} "
        f"{peaks[0]:>9,.0f} {peaks[-1]:>9,.0f}"
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--sentences", type=int, default=4_000)
    parser.add_argument("--pictures", type=int, default=0, help="of 128×128 pixels")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--width", type=int, default=128)
    arguments = parser.parse_args()
    torch.set_num_threads(1)

    print(f"one thread, medians of {arguments.repeats} runs")
    head = f"{'batch':>6} {'lean rows/s':>12} {'cotrain rows/s':>15} {'ratio':>6}"
    two = [ct.tasks.Binary("a"), ct.tasks.Binary("b")]
    if arguments.rows:
        print(f"{arguments.rows} rows of a table\n{head}")
        frame = synthetic_table(arguments.rows)
        for size in (1024, 4096):
            encoder = ct.networks.TableEncoder(width=arguments.width)
            settings = ct.Training(epochs=1, batch_size=size)
            learner = ct.Learner([*two, ct.tasks.Regression("y")], encoder=encoder, training=settings)
            print(measure(learner, frame, arguments.repeats, gathered), flush=True)
    if arguments.sentences:
        print(f"{arguments.sentences} sentences\n{head}")
        frame = synthetic_sentences(arguments.sentences)
        for size in (32, 128):
            encoder, settings = ct.networks.WordEncoder(), ct.Training(epochs=1, batch_size=size)
            learner = ct.Learner(two, encoder=encoder, training=settings)
            print(measure(learner, frame, arguments.repeats, padded), flush=True)
    if arguments.pictures:
        print(f"{arguments.pictures} pictures, batches of 8, by the clock")
        print(f"{'memory/s':>12} {'files/s':>12} {'ratio':>6} {'MiB first':>9} {'MiB last':>9}")
        print(measure_pictures(arguments.pictures, arguments.repeats), flush=True)


if __name__ == "__main__":
    main()
