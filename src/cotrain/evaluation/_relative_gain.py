"""How much of the way from a reference to perfection a value has come."""

from __future__ import annotations

import math

from cotrain.tasks import Metric


def relative_gain(value: float, reference: float, metric: Metric) -> float:
    """Return the share of the reference's distance from perfection that is made good.

        gain = 1 - |best - value| / |best - reference|

    with best = 1 for metrics to be maximised and 0 for those to be minimised. 0 is no better than the
    reference, 1 is perfect, negative is worse. Over the best constant prediction it is (AUROC - .5) / .5,
    R² itself, 1 - RMSE / RMSE_constant, and the share of the majority class's errors that are avoided: one
    scale for metrics of any kind and unit, a "skill score" in the words of forecasting (Murphy, "Skill Scores
    Based on the Mean Square Error", 1988). Unlike (value - reference) / reference it is defined where the
    reference is 0, as for R².

    Args:
        value: of the metric.
        reference: value of the same metric for the reference.
        metric: gives the direction and the best value.

    Returns:
        NaN if either is NaN, or the reference is perfect and the value is not.

    Example:
        >>> from cotrain.tasks import Binary, Regression
        >>> auroc, rmse = Binary("a").chosen_metrics()[0], Regression("b").chosen_metrics()[0]
        >>> relative_gain(0.75, 0.5, auroc), relative_gain(7.5, 10.0, rmse)
        (0.5, 0.25)
    """
    distance, reference_distance = abs(metric.best - value), abs(metric.best - reference)
    if math.isnan(distance) or math.isnan(reference_distance):
        return math.nan
    if reference_distance == 0:
        return 0.0 if distance == 0 else math.nan
    return 1 - distance / reference_distance
