"""One or more numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, final

import numpy as np
import polars as pl
import torch
from torch import Tensor, nn

from cotrain._base import DataError, InvalidArgumentError, check_choice
from cotrain.tasks._base import Task, full_precision
from cotrain.tasks._custom_metric import MetricChoice
from cotrain.tasks._diagnosis import Diagnosis
from cotrain.tasks._metric import Metric
from cotrain.tasks._target_kind import NumberTargets
from cotrain.tasks._target_values import check_range, numbers, require_labels
from cotrain.tasks.table._column_metrics import by_column
from cotrain.tasks.table._quantile_metrics import quantile_metrics
from cotrain.tasks.table._quantiles import (
    MEDIAN,
    best_quantiles,
    levels_of,
    pinball_losses,
    quantile_column,
    scores_of_quantiles,
)
from cotrain.tasks.table._residuals import residuals
from cotrain.tasks.table._value_metrics import VALUE_FIGURES


@final
class Regression(Task):
    """A target of one or more numeric columns.

    Targets are transformed by f, then standardised by the mean μ and standard deviation σ of the training
    labels, weighted where rows have weights. With u = z - (f(y) - μ) / σ the loss of an entry is

        mse: u²,   mae: |u|,   huber: u² / 2 where |u| ≤ δ, else δ (|u| - δ / 2).

    The unit of the metrics is that of f(y): with transform="log" they are in decades (log10). `predict`
    gives the unit of the column. With `quantiles` the loss is

        the mean over the levels τ of max(τ v, (τ - 1) v),  v = -u_τ,

    and of each level there is an output; where they cross, they are put in order, which never makes them
    worse (Chernozhukov, Fernández-Val and Galichon, "Quantile and Probability Curves Without Crossing", 2010,
    https://doi.org/10.3982/ECTA7880). The prediction is then the median, and every level has a column, such
    as "price_q10".

    A single network says nothing of how sure it is of a number, so the confidence of every row is ½: that of
    a row which is surer than half of the rows. Co-training takes the spread of several networks instead, and
    `cotrain complete` the share of held-out rows predicted well. With quantiles there are no pseudo-labels,
    since one value says nothing of what lies around it: the task learns from its own labels alone.

    Args:
        name: see `Task`.
        columns: see `Task`; one or more.
        transform: f: "none", "log" (log10, for y > 0) or "log1p" (natural logarithm of 1 + y, for y > -1).
        criterion: the loss, "mse", "mae" or "huber".
        quantiles: levels in (0, 1) of the quantiles to predict, such as [0.1, 0.5, 0.9], whose outermost two
            are the ends of a prediction interval; ½ is learned in any case. Not with another criterion.
        delta: δ in standard deviations, where "huber" turns linear, in [1e-3, 1e3].
        weight: see `Task`.
        preference: see `Task`.
        when: see `Task`.
        sample_weight: see `Task`.
        metrics: see `Task`.

    Raises:
        DataError: if a value is text or infinite, or outside the range of the transform; at `fit`, if a
            column has no label.

    Example:
        >>> task = Regression("price")
        >>> frame = pl.DataFrame({"price": [1.0, 3.0, None]})
        >>> task.fit(frame)
        >>> targets, mask = task.encode(frame)
        >>> targets[:, 0].tolist(), mask[:, 0].tolist()
        ([-1.0, 1.0, 0.0], [True, True, False])
        >>> task.predict(torch.tensor([[0.5]]))["price"].tolist()
        [2.5]
    """

    target_kind = NumberTargets()

    def __init__(
        self,
        name: str,
        columns: str | Sequence[str] | None = None,
        *,
        transform: Literal["none", "log", "log1p"] = "none",
        criterion: Literal["mse", "mae", "huber"] = "mse",
        quantiles: Sequence[float] | None = None,
        delta: float = 1.0,
        weight: float = 1.0,
        preference: float = 1.0,
        when: str | None = None,
        sample_weight: str | None = None,
        metrics: Sequence[MetricChoice] | None = None,
    ) -> None:
        self._levels = [] if quantiles is None else levels_of(name, quantiles)
        super().__init__(
            name,
            columns,
            weight=weight,
            preference=preference,
            when=when,
            sample_weight=sample_weight,
            metrics=metrics,
        )
        check_choice(f"Regression({name!r}", ("none", "log", "log1p"), transform=transform)
        check_choice(f"Regression({name!r}", ("mse", "mae", "huber"), criterion=criterion)
        check_range("Regression", name, delta=(delta, 1e-3, 1e3))
        self.transform = transform
        self.criterion = criterion
        self.quantiles = None if quantiles is None else list(quantiles)
        if quantiles is not None and criterion != "mse":
            raise InvalidArgumentError(
                f"Regression({name!r}, criterion={criterion!r}, quantiles={quantiles!r}): quantiles have a "
                "loss of their own; leave criterion out."
            )
        self.delta = delta
        self._means = np.zeros(len(self.columns))
        self._scales = np.ones(len(self.columns))
        self._varies = np.ones(len(self.columns), bool)

    def fit_columns(self, frame: pl.DataFrame) -> None:
        """Learn the mean and standard deviation of every transformed column."""
        values, weights = self._transformed(frame), self.weights_of(frame)
        for t, column in enumerate(self.columns):
            known = ~np.isnan(values[:, t])
            labelled = values[known, t]
            require_labels(len(labelled), len(values), column, self.name)
            with np.errstate(over="ignore", invalid="ignore"):
                self._means[t], spread = _moments(labelled, None if weights is None else weights[known])
            if not np.isfinite(spread):
                raise DataError(
                    f"Task {self.name!r}: the values of {column!r} reach {np.abs(labelled).max():.3g}, too "
                    "large to be squared: give them in a larger unit, or use transform='log'."
                )
            # A constant column has no scale of its own; rounding must not give it a tiny one.
            self._varies[t] = spread > 1e-9 * max(1e-30, abs(self._means[t]))
            self._scales[t] = spread if self._varies[t] else 1.0

    def encode_columns(self, frame: pl.DataFrame) -> tuple[Tensor, Tensor]:
        """Return standardised targets float32 [B, T] and mask [B, T]."""
        values = (self._transformed(frame) - self._means) / self._scales
        mask = ~np.isnan(values)
        return torch.from_numpy(np.where(mask, values, 0.0)).float(), torch.from_numpy(mask)

    def _transformed(self, frame: pl.DataFrame) -> np.ndarray:
        values = np.stack([numbers(frame[column], self.name) for column in self.columns], axis=1)
        least = {"none": -np.inf, "log": 0.0, "log1p": -1.0}[self.transform]
        for t, column in enumerate(self.columns):
            outside = values[:, t][values[:, t] <= least]
            if len(outside):
                other = "transform='log1p' or " if self.transform == "log" and outside.min() > -1 else ""
                raise DataError(
                    f"Task {self.name!r}: transform={self.transform!r} needs values above {least:g}, but "
                    f"{column!r} has {len(outside)} rows at or below, the least being {outside.min():g}: use "
                    f"{other}transform='none', or empty these cells."
                )
        forward: Callable[[np.ndarray], np.ndarray] = {
            "none": np.asarray,
            "log": np.log10,
            "log1p": np.log1p,
        }[self.transform]
        return forward(values)

    def unseen(self, frame: pl.DataFrame) -> dict[str, int]:
        """Return nothing: a number is never unseen."""
        return {}

    def state_dict(self) -> dict[str, Any]:
        """Return the means and standard deviations, and which columns are not constant."""
        return {
            "means": self._means.tolist(),
            "scales": self._scales.tolist(),
            "varies": self._varies.tolist(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over the means and standard deviations, and which columns are not constant."""
        self._means = np.array(state["means"], dtype=np.float64)
        self._scales = np.array(state["scales"], dtype=np.float64)
        self._varies = np.array(state.get("varies", [True] * len(self._means)), dtype=bool)

    @property
    def n_outputs(self) -> int:
        """T, one number per column; with quantiles T × Q."""
        return len(self.columns) * max(1, len(self._levels))

    @property
    def labels(self) -> list[str]:
        """The task's name, or those of its columns where there are several."""
        return [self.name] if len(self.columns) == 1 else list(self.columns)

    def output_layer(self, width: int) -> nn.Module:
        """Make a linear layer."""
        return nn.Linear(width, self.n_outputs)

    def losses(self, output: Tensor, target: Tensor) -> Tensor:
        """Return the loss of every entry, [B, T]."""
        if self._levels:
            return pinball_losses(self._by_level(output), target, self._levels)
        error = output - target
        if self.criterion == "mse":
            return error.square()
        if self.criterion == "mae":
            return error.abs()
        size = error.abs()
        return torch.where(size <= self.delta, error.square() / 2, self.delta * (size - self.delta / 2))

    def reference_output(self, targets: Tensor, mask: Tensor) -> Tensor:
        """Return mean, median, Huber centre or quantiles of every standardised column, [O]."""
        columns = []
        for t in range(targets.shape[1]):
            labelled = mask[:, t] > 0
            values, weights = targets[labelled, t].double(), mask[labelled, t].double()
            if self._levels:
                columns.append(best_quantiles(values, weights, self._levels))
            else:
                columns.append(self._centre(values, weights) if len(values) else values.new_zeros(()))
        return torch.stack(columns).flatten().float()

    def _by_level(self, output: Tensor) -> Tensor:
        """Return outputs [B, T × Q] as [B, T, Q]."""
        return output.unflatten(-1, (len(self.columns), len(self._levels)))

    def _median(self, output: Tensor) -> Tensor:
        """Return the standardised prediction, [B, T]: with quantiles the median."""
        if not self._levels:
            return output
        return self._by_level(output).sort(dim=-1).values[..., self._levels.index(MEDIAN)]

    def _centre(self, values: Tensor, weights: Tensor) -> Tensor:
        if self.criterion == "mse":
            return (values * weights).sum() / weights.sum()
        if self.criterion == "mae":
            ordered, order = values.sort()
            below = weights[order].cumsum(0) < weights.sum() / 2
            return ordered[below.sum().clamp(max=len(values) - 1)]
        # The slope of the Huber loss grows with the constant, so its zero is found by halving.
        low, high = values.min(), values.max()
        for _ in range(60):
            middle = (low + high) / 2
            falls = (weights * (middle - values).clamp(-self.delta, self.delta)).sum() < 0
            low, high = torch.where(falls, middle, low), torch.where(falls, high, middle)
        return (low + high) / 2

    def scores(self, output: Tensor) -> Tensor:
        """Return predictions [B, T] in the unit of the transform; quantiles and levels, [B, T, Q, 2].

        Of a column that was constant in training, that constant: what an output says beside it is chance.
        """
        varies = torch.from_numpy(self._varies).to(output.device)
        if not self._levels:
            return self.original(torch.where(varies, output, 0))
        by_level = torch.where(varies, self._by_level(output).transpose(1, 2), 0)
        values = self.original(by_level).transpose(1, 2)
        return scores_of_quantiles(values, self._levels)

    def output_of_scores(self, scores: Tensor) -> Tensor:
        """Return what is standardised, [B, T] or [B, T × Q], of values in the unit of the transform."""
        means, scales = (torch.from_numpy(of).to(scores.device) for of in (self._means, self._scales))
        if self._levels:
            values = scores[..., 0].double()
            return ((values - means[:, None]) / scales[:, None]).flatten(1).float()
        return ((scores.double() - means) / scales).float()

    def original(self, targets: Tensor) -> Tensor:
        """Return standardised values [B, T] in the unit of the transform, float64."""
        means, scales = torch.from_numpy(self._means), torch.from_numpy(self._scales)
        return targets.double() * scales.to(targets.device) + means.to(targets.device)

    def predict(self, output: Tensor) -> dict[str, Any]:
        """Return one column of values per target, and one per quantile, in the unit of the table."""
        if not self._levels:
            values = self._back(self.scores(output).cpu().numpy())
            return {label: values[:, t] for t, label in enumerate(self.labels)}
        values = self._back(self.scores(output)[..., 0].cpu().numpy())
        columns: dict[str, Any] = {}
        for t, label in enumerate(self.labels):
            columns[label] = values[:, t, self._levels.index(MEDIAN)]
            for level in sorted(self.quantiles or []):
                columns[quantile_column(label, level)] = values[:, t, self._levels.index(level)]
        return columns

    def _back(self, values: np.ndarray) -> np.ndarray:
        """Return values in the unit of the transform in that of the table."""
        # A wild output must not overflow to infinity: no float64 is larger than 1e308.
        if self.transform == "log":
            return 10.0 ** np.minimum(values, 308.0)
        return np.expm1(np.minimum(values, 709.0)) if self.transform == "log1p" else values

    @property
    def output_columns(self) -> list[str]:
        """One column per target, and after it one per quantile."""
        levels = sorted(self.quantiles or [])
        return [
            name
            for label in self.labels
            for name in (label, *(quantile_column(label, level) for level in levels))
        ]

    @property
    def quantile_levels(self) -> Sequence[float]:
        """The levels that are learned, ½ among them; none without `quantiles`."""
        return self._levels

    @property
    def why_no_pseudo_labels(self) -> str:
        """With quantiles: a pseudo-label is one value, and taught as true it would narrow them."""
        return "a pseudo-label is one value, and says nothing of quantiles around it" if self._levels else ""

    def confidence(self, output: Tensor) -> Tensor:
        """Return ½ for every entry, [B, T]: one value ranks no row above another."""
        return torch.full_like(self._median(full_precision(output)), 0.5)

    def pseudo_label(self, output: Tensor) -> Tensor:
        """Return the predictions as standardised targets, [B, T]."""
        return self._median(full_precision(output)).detach()

    def diagnosis(self) -> Diagnosis:
        """Return how far the predictions are off."""
        return residuals({"none": "", "log": "log10", "log1p": "log1p"}[self.transform])

    @classmethod
    def available_metrics(cls) -> list[Metric]:
        """Return the metrics of numbers, averaged over the columns."""
        return [by_column(name, *figure) for name, figure in VALUE_FIGURES.items()]

    def further_metrics(self) -> list[Metric]:
        """Return the metrics of quantiles where there are any."""
        return quantile_metrics() if self._levels else []

    def default_metrics(self) -> list[str]:
        """RMSE selects the best weights; with quantiles the pinball loss."""
        if self._levels:
            return ["pinball", "coverage", "interval_width", "mae", "r2"]
        return ["rmse", "r2", "mae"]


def _moments(values: np.ndarray, weights: np.ndarray | None) -> tuple[float, float]:
    """Return mean and standard deviation, weighted where there are weights."""
    if weights is None:
        return float(values.mean()), float(values.std())
    mean = float(np.average(values, weights=weights))
    return mean, float(np.sqrt(np.average((values - mean) ** 2, weights=weights)))
