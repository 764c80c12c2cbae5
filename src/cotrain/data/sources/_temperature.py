"""Sources of different sizes brought nearer to one another by a temperature."""

from __future__ import annotations

from collections.abc import Mapping
from typing import final

from cotrain._base import InvalidArgumentError
from cotrain.data.sources._base import Mixing


@final
class TemperatureMixing(Mixing):
    """Every source in proportion to a root of its rows: small sources come more often than their size says.

        p_s ∝ n_s^(1/T)

    n_s: training rows of source s; p_s: its share of a batch. T = 1 is `Proportional`, T → ∞ is `Equal`.
    A small source is gone through several times while a large one is gone through once, so with a high T the
    network may know its rows by heart.

    Args:
        T: temperature, ≥ 1; multilingual models took 5, or 1/T = 0.3 to 0.7.

    Raises:
        InvalidArgumentError: T is below 1 or not finite.

    Example:
        >>> TemperatureMixing(T=2).shares({"tags": 400, "reviews": 100})
        {'tags': 20.0, 'reviews': 10.0}

    Source: Arivazhagan et al., "Massively Multilingual Neural Machine Translation in the Wild", 2019, §4.2,
    https://arxiv.org/abs/1907.05019 (T = 5); Conneau and Lample, "Cross-lingual Language Model Pretraining",
    2019, §3.1, https://arxiv.org/abs/1901.07291 (exponent 1/T = 0.5). They draw rows at random; here the
    shares are kept to the row.
    """

    def __init__(self, T: float = 5.0) -> None:
        if not 1 <= T < float("inf"):
            raise InvalidArgumentError(f"Temperature(T={T!r}): expected a finite number of at least 1.")
        self.T = float(T)

    def shares(self, sizes: Mapping[str, int]) -> dict[str, float]:
        """Return n_s^(1/T)."""
        return {source: float(size) ** (1 / self.T) for source, size in sizes.items()}
