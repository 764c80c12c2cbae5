"""Make a table of scanned digits in which 95 of 100 labels are missing, from what scikit-learn brings along.

    python examples/few_labels/prepare.py digits

writes digits/digits.csv: 64 grey values of a digit, which digit it is, and how many closed loops it has. Each
digit of the training part has one of the two labels, or none. Those of the test part have both, for what is
found out is to be looked up; in a table of one's own they would be some hundred rows labelled for it. The
test part is the last third: other hands wrote it.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import polars as pl
from sklearn.datasets import load_digits

LOOPS = ("one", "none", "none", "none", "none", "none", "one", "none", "two", "one")
#: Of the training rows, with a label of either task.
SHARE, TEST, SEED = 0.05, 599, 0


def table() -> pl.DataFrame:
    """Return a row a digit."""
    digits = load_digits()
    n = len(digits.target)
    train = np.arange(n) < n - TEST
    order = np.random.default_rng(SEED).permutation(np.flatnonzero(train))
    each = round(SHARE * train.sum())
    columns = {f"grey{i:02}": digits.data[:, i].astype(int) for i in range(64)}
    labels = {
        "digit": [f"d{digit}" for digit in digits.target],
        "loops": [LOOPS[digit] for digit in digits.target],
    }
    for place, (name, values) in enumerate(labels.items()):
        kept = ~train
        kept[order[place * each : (place + 1) * each]] = True
        columns[name] = [value if known else None for value, known in zip(values, kept, strict=True)]
    return pl.DataFrame({"split": np.where(train, "train", "test"), **columns})


def main() -> None:
    """Write the folder."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    rows = table()
    rows.write_csv(folder / "digits.csv")
    print(f"{rows.height} rows in {folder / 'digits.csv'}")


if __name__ == "__main__":
    main()
