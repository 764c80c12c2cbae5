"""A column of numbers."""

from __future__ import annotations

from typing import Any, Literal, final

import numpy as np
import polars as pl

from cotrain._base import InvalidArgumentError, check_choice
from cotrain.data.columns._base import Column, Parts
from cotrain.data.columns._values import numeric_values

#: Standard deviations beyond which a value says no more than "far out".
CLIP = 6.0
#: Numbers beyond this are taken for this, so that squares and ratios stay finite.
_HUGE = 1e100


@final
class Number(Column):
    """Imputed with the median, brought to an even spread, standardised; and the number of its bin as a code.

    z = clip((g(x) − mean) / std, ±6), with g(x) = x, or sign(x)·log(1 + |x| / s) where the training values
    have a tail that the logarithm shortens clearly (skewness above 1.5 that falls to less than half).

    x: the value, or the training median if it is missing; s: the 10 % quantile of |x| over x ≠ 0.

    With `bins`, the quantile bin that x falls into is a categorical code as well, for steps and bumps that a
    smooth function of z learns slowly. A column of at most `bins` different values has one code per value:
    a small integer may be a quantity or a mere name, and this serves both. It is off by default because it
    gained nothing on the tables we measured.

    Args:
        name: name of the column.
        bins: number of quantile bins, 0 = no code, otherwise ≥ 2.
        transform: "linear", "log", or "auto" to decide on the training values.
        decimal: mark before the fraction where the column is text, "." or ",".
        thousands: mark after thousands where the column is text: "", ",", ".", " " or "'".

    Raises:
        InvalidArgumentError: `bins` is negative or 1, or a mark is none.

    Example:
        >>> column = Number("age", bins=2).fit(pl.Series("age", [10, 20, 30, None]))
        >>> column.encode(pl.Series("age", [20, None])).numbers.tolist()
        [[0.0], [0.0]]

    Source: the bins are the simplest form of Gorishniy et al., "On Embeddings for Numerical Features in
    Tabular Deep Learning", 2022, https://arxiv.org/abs/2203.05556; theirs are piecewise linear.
    """

    def __init__(
        self,
        name: str,
        *,
        bins: int = 0,
        transform: Literal["auto", "linear", "log"] = "auto",
        decimal: Literal[".", ","] = ".",
        thousands: str = "",
    ) -> None:
        super().__init__(name)
        if bins < 0 or bins == 1:
            raise InvalidArgumentError(f"Column {name!r}: bins must be 0 or at least 2, got {bins!r}.")
        check_choice(f"Column {name!r}: number", ("auto", "linear", "log"), transform=transform)
        if decimal not in (".", ",") or thousands == decimal or thousands not in ("", ",", ".", " ", "'"):
            raise InvalidArgumentError(
                f"Column {name!r}: decimal must be '.' or ',', and thousands another mark or '', got "
                f"decimal={decimal!r}, thousands={thousands!r}."
            )
        self.decimal = decimal
        self.thousands = thousands
        self.bins = bins
        self.transform = transform

    def learn(self, values: pl.Series) -> dict[str, Any]:
        """Learn median, spread, tail and bin edges."""
        x = np.clip(numeric_values(self._plain(values)), -_HUGE, _HUGE)
        known = x[~np.isnan(x)]
        if not len(known):
            known = np.zeros(1)
        nonzero = np.abs(known[known != 0])
        scale = max(float(np.quantile(nonzero, 0.1)), 1 / _HUGE) if len(nonzero) else 1.0
        transform = self.transform if self.transform != "auto" else _choose(known, scale)
        state: dict[str, Any] = {
            "median": float(np.median(known)),
            "missing": bool(np.isnan(x).any()),
            "transform": transform,
            "scale": scale,
            "edges": _edges(known, self.bins) if self.bins else [],
        }
        spread = _spread(np.where(np.isnan(x), state["median"], x), state)
        std = float(spread.std())
        state["mean"], state["std"] = float(spread.mean()), std if std > 1 / _HUGE else 1.0
        return state

    def settle(self) -> None:
        """Set the sizes."""
        self.n_numbers = 1
        self.n_indicators = int(self.state["missing"])
        # Code 0 = missing.
        self.cardinalities = (len(self.state["edges"]) + 2,) if self.bins else ()

    def encode(self, values: pl.Series) -> Parts:
        """Code the numbers."""
        x = np.clip(numeric_values(self._plain(values)), -_HUGE, _HUGE)
        missing = np.isnan(x)
        filled = np.where(missing, self.state["median"], x)
        z = (_spread(filled, self.state) - self.state["mean"]) / self.state["std"]
        codes = None
        if self.bins:
            bins = np.searchsorted(np.asarray(self.state["edges"], dtype=np.float64), filled, side="right")
            codes = np.where(missing, 0, bins + 1).astype(np.int64)[:, None]
        return Parts(
            numbers=np.clip(z, -CLIP, CLIP).astype(np.float32)[:, None],
            indicators=missing.astype(np.float32)[:, None] if self.n_indicators else None,
            codes=codes,
        )

    def encode_value(self, value: str | float | None) -> Parts | None:
        """Code one number."""
        if isinstance(value, str) or self.bins:
            return None
        missing = value is None
        x = float(self.state["median"] if value is None else value)
        if self.state["transform"] == "log":
            x = float(_spread(np.array([x]), self.state)[0])
        z = (x - self.state["mean"]) / self.state["std"]
        return Parts(
            numbers=np.array([[min(max(z, -CLIP), CLIP)]], dtype=np.float32),
            indicators=np.array([[missing]], dtype=np.float32) if self.n_indicators else None,
        )

    def _plain(self, values: pl.Series) -> pl.Series:
        """Return text with a point before fractions and nothing after thousands."""
        if values.dtype != pl.String or (self.decimal == "." and not self.thousands):
            return values
        mark = self.thousands or ("." if self.decimal == "," else "")
        text = values.str.replace_all(mark, "", literal=True) if mark else values
        return text.str.replace(self.decimal, ".", literal=True)


def _spread(x: np.ndarray, state: dict[str, Any]) -> np.ndarray:
    return np.sign(x) * np.log1p(np.abs(x) / state["scale"]) if state["transform"] == "log" else x


def _skewness(x: np.ndarray) -> float:
    deviation = x - x.mean()
    std = deviation.std()
    return float(np.mean((deviation / std) ** 3)) if std > 1 / _HUGE else 0.0


def _choose(known: np.ndarray, scale: float) -> str:
    before = abs(_skewness(known))
    after = abs(_skewness(np.sign(known) * np.log1p(np.abs(known) / scale)))
    return "log" if before > 1.5 and after < before / 2 else "linear"


def _edges(known: np.ndarray, bins: int) -> list[float]:
    distinct = np.unique(known)
    if len(distinct) <= bins:
        return ((distinct[1:] + distinct[:-1]) / 2).tolist()
    edges, times = np.unique(
        np.quantile(known, np.linspace(0, 1, bins + 1)[1:-1], method="higher"), return_counts=True
    )
    # A value that fills several quantiles, such as the 0 of most rows, is a bin by itself.
    above = np.searchsorted(distinct, edges[times > 1], side="right")
    edges = np.union1d(edges, distinct[above[above < len(distinct)]])
    return edges[edges > distinct[0]].tolist()
