"""Any rising curve from confidence to share of right predictions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, final

import numpy as np
import torch
from torch import Tensor

from cotrain._base import ROUNDING, first_largest, tie_groups
from cotrain.cotraining.calibration._base import Calibrator


@final
class Isotonic(Calibrator):
    """Replace the largest probability by the share of right predictions at that confidence.

    The curve is the best rising one on the held-out labels, shared by all targets of the task; the other
    classes share the rest in proportion. It bends more than a temperature and needs more labels: with
    fewer than fifty it is the identity.

    Source: Zadrozny & Elkan, "Transforming Classifier Scores into Accurate Multiclass Probability
    Estimates", 2002, https://doi.org/10.1145/775047.775151; here for the predicted class only.

    Example:
        >>> Isotonic().apply(torch.tensor([[[0.9, 0.1]]])).shape
        torch.Size([1, 1, 2])
    """

    #: Fewest held-out labels to fit to.
    LEAST = 50

    def __init__(self) -> None:
        self._knots: tuple[np.ndarray, np.ndarray] | None = None

    def state_dict(self) -> dict[str, Any]:
        """Return the knots of the curve; none if it is the identity."""
        return {"knots": None if self._knots is None else [knots.tolist() for knots in self._knots]}

    def restored(self, state: Mapping[str, Any]) -> Isotonic:
        """Return a copy with this curve."""
        made = Isotonic()
        if state["knots"] is not None:
            x, y = state["knots"]
            made._knots = (np.array(x), np.array(y))
        return made

    def fit(self, probabilities: Tensor, classes: Tensor, mask: Tensor) -> Isotonic:
        """Return a copy with the curve that fits best."""
        from sklearn.isotonic import IsotonicRegression

        fitted = Isotonic()
        known = mask & (classes < probabilities.shape[-1])
        if int(known.sum()) >= self.LEAST:
            sure, predicted = probabilities[known].amax(dim=-1), first_largest(probabilities[known])
            right = (predicted == classes[known]).double().numpy()
            least = 1.0 / probabilities.shape[-1]
            curve = IsotonicRegression(y_min=least, y_max=1.0, out_of_bounds="clip")
            curve.fit(_one_of_each(sure.double().numpy()), right)
            fitted._knots = (curve.X_thresholds_, curve.y_thresholds_)
        return fitted

    def apply(self, probabilities: Tensor) -> Tensor:
        """Return probabilities whose largest lies on the curve."""
        if self._knots is None:
            return probabilities
        sure = probabilities.amax(dim=-1, keepdim=True)
        predicted = first_largest(probabilities)[..., None]
        x, y = self._knots
        level = np.interp(_at_knots(sure.double().numpy(), x), x, y)
        level = torch.from_numpy(level).to(probabilities.dtype)
        rest = probabilities * ((1 - level) / (1 - sure).clamp(min=1e-7))
        return rest.scatter(-1, predicted, level)


def _one_of_each(confidence: np.ndarray) -> np.ndarray:
    """Put the smallest in the place of all that are equal but for rounding: no curve may part them."""
    groups = tie_groups(confidence)
    smallest = np.full(groups.max() + 1, np.inf)
    np.minimum.at(smallest, groups, confidence)
    return smallest[groups]


def _at_knots(confidence: np.ndarray, knots: np.ndarray) -> np.ndarray:
    """Put a knot in the place of what differs from it by rounding: the curve can rise steeply there."""
    above = np.clip(np.searchsorted(knots, confidence), 1, len(knots) - 1) if len(knots) > 1 else 0
    for near in (knots[above], knots[above - 1]):
        confidence = np.where(np.abs(confidence - near) <= ROUNDING * near, near, confidence)
    return confidence
