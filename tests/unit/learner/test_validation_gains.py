import math

import numpy as np
import polars as pl
import pytest

from cotrain.learner import Preprocessor
from cotrain.learner._validation_gains import validation_gains, validation_score
from cotrain.tasks import Binary, Regression


@pytest.fixture
def fitted():
    frame = pl.DataFrame(
        {"x": range(12), "y": [float(i) for i in range(12)], "b": [i % 3 == 0 for i in range(12)]}
    )
    preprocessor, examples = Preprocessor.fit(frame, [Regression("y"), Binary("b")], {}, [])
    return preprocessor, examples, frame


def test_the_truth_gains_everything_and_the_constant_nothing(fitted):
    preprocessor, held, frame = fitted
    truth, constant = frame["y"].to_numpy()[:, None], np.full((12, 1), frame["y"].mean())
    assert validation_gains(preprocessor, held, {"y": truth}) == {"y": pytest.approx(1.0)}
    assert validation_gains(preprocessor, held, {"y": constant}) == {"y": pytest.approx(0.0, abs=1e-6)}


def test_the_score_is_the_mean_over_the_tasks_that_have_a_gain(fitted):
    preprocessor, held, frame = fitted
    scores = {"y": frame["y"].to_numpy()[:, None], "b": frame["b"].cast(float).to_numpy()[:, None]}
    gains = validation_gains(preprocessor, held, scores)
    assert validation_score(preprocessor, held, scores) == pytest.approx(sum(gains.values()) / 2)
    assert validation_score(preprocessor, held, {}) == -math.inf
