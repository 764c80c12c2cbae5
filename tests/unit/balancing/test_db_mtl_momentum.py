"""DB-MTL with its running means."""

import numpy as np
import pytest

from cotrain._base import InvalidArgumentError
from cotrain.balancing import DBMTLMomentum


def test_is_the_procedure_of_the_paper():
    balancer, generator, mean = DBMTLMomentum(beta=0.9, beta_decay=0.5), np.random.default_rng(0), 0.0
    for step in range(1, 8):
        rows, losses = generator.normal(size=(3, 8)), generator.uniform(0.5, 5, 3)
        beta = 0.9 / step**0.5
        mean = beta * mean + (1 - beta) * rows / losses[:, None]
        lengths = np.linalg.norm(mean, axis=1)
        np.testing.assert_allclose(balancer.combine(rows, losses), (lengths.max() / lengths) @ mean)


def test_bad_arguments_are_refused():
    with pytest.raises(InvalidArgumentError, match="beta"):
        DBMTLMomentum(beta=1.1)
