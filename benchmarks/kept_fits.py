"""What benchmarks of fits have in common: a file of fits to go on from, seeds, intervals, a table."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

Fit = dict[str, Any]


class KeptFits:
    """Fits as lines of JSON, each with the values that tell it from the others.

    Args:
        path: of the file; it need not exist. `None`: nothing is kept.
        key: names of the values that tell a fit from another.
    """

    def __init__(self, path: Path | None, key: Sequence[str]) -> None:
        self.path, self.key = path, tuple(key)
        text = path.read_text() if path is not None and path.exists() else ""
        self.fits: list[Fit] = [json.loads(line) for line in text.splitlines()]

    def make(self, told: Mapping[str, Any], fit: Callable[[], Mapping[str, Any]]) -> None:
        """Keep what `fit` finds beside what it is told by, unless the file has that already."""
        if any(all(one[name] == told[name] for name in self.key) for one in self.fits):
            return
        self.fits.append({**told, **fit()})
        if self.path is not None:
            with self.path.open("a") as file:
                file.write(json.dumps(self.fits[-1]) + "\n")
        print(json.dumps(self.fits[-1]), flush=True)


def seeds_of(text: str) -> range:
    """Return the seeds of "3" or "0-2"."""
    first, _, last = text.partition("-")
    return range(int(first), int(last or first) + 1)


def interval(values: Sequence[float], digits: int = 3) -> str:
    """Return the mean, and half of its 95 % interval of Student's t where there are several."""
    mean = float(np.mean(values))
    if len(values) < 2:
        return f"{mean:.{digits}f}"
    half = float(stats.t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / math.sqrt(len(values)))
    return f"{mean:.{digits}f} ± {half:.{digits}f}"


def gain_in_points(fits: Sequence[Fit]) -> str:
    """Return the mean of answer − start in hundredths, its standard error, and the least."""
    gains = np.array([100 * (fit["answer"] - fit["start"]) for fit in fits])
    error = gains.std(ddof=1) / math.sqrt(len(gains)) if len(gains) > 1 else float("nan")
    return f"{gains.mean():+.1f} ± {error:.1f} (least {gains.min():+.1f})"


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table as Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
