from __future__ import annotations

import numpy as np
import pytest
import torch

from cotrain.tasks._target_kind import ClassTargets, LabelTargets, NumberTargets, TargetKind


@pytest.mark.parametrize(
    ("kind", "scores", "shape"),
    [(LabelTargets(), torch.rand(5, 3), (5, 3, 2)), (ClassTargets(), torch.rand(5, 4), (5, 1, 4))],
)
def test_scores_and_probabilities_go_over_into_each_other(
    kind: TargetKind, scores: torch.Tensor, shape: tuple[int, ...]
) -> None:
    for given in (scores, scores.numpy()):
        found = kind.probabilities(given)
        assert type(found) is type(given)
        assert tuple(found.shape) == shape
        np.testing.assert_array_equal(kind.scores(found), given)


def test_a_number_has_no_classes() -> None:
    assert NumberTargets().class_names(["a"]) == []
    for function in (NumberTargets().scores, NumberTargets().probabilities):
        with pytest.raises(TypeError, match="no probabilities of classes"):
            function(np.zeros((1, 1)))
