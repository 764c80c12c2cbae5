"""One output in place of several networks': the mean of what they predict, in the space of predictions."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor


def mean_of_scores(
    scores: Callable[[Tensor], Tensor],
    output_of_scores: Callable[[Tensor], Tensor | None],
    outputs: Sequence[Tensor],
) -> Tensor | None:
    """Return the output whose scores are the mean of those of N outputs; `None` where there is no way back.

    Probabilities are averaged as such, numbers in the unit of the metrics. In float64, because a probability
    of 1 - 1e-9 is none in float32.

    Args:
        scores: of the task, of outputs [B, O].
        output_of_scores: of the task, the way back.
        outputs: N of [B, O], of the same rows.

    Example:
        >>> outputs = [torch.tensor([[0.0]]), torch.tensor([[4.0]])]
        >>> mean_of_scores(torch.sigmoid, torch.logit, outputs).sigmoid().round(decimals=4)
        tensor([[0.7410]], dtype=torch.float64)
    """
    return output_of_scores(torch.stack([scores(output.double()) for output in outputs]).mean(dim=0))


def mean_of_classes(outputs: Sequence[Tensor], axis: int) -> Tensor:
    """Return log (1/N) Σₙ softmax(zₙ): the logits of the mean probabilities of N logits zₙ.

    Args:
        outputs: N logits of one shape.
        axis: of the classes.

    Example:
        >>> mean = mean_of_classes([torch.tensor([[0.0, 0.0]]), torch.tensor([[0.0, 100.0]])], axis=1)
        >>> mean.softmax(1)
        tensor([[0.2500, 0.7500]])
    """
    log_p = torch.stack([output.double().log_softmax(dim=axis) for output in outputs])
    return (log_p.logsumexp(dim=0) - math.log(len(outputs))).to(outputs[0].dtype)
