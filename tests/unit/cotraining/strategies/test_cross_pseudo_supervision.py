import pytest

from cotrain._base import InvalidArgumentError
from cotrain.cotraining import CrossPseudoSupervision


def test_each_network_is_taught_by_the_other():
    strategy = CrossPseudoSupervision()
    assert [strategy.teachers(learner, 2) for learner in (0, 1)] == [[1], [0]]
    assert strategy.answering(2) == [0, 1]


def test_options_out_of_range_are_refused():
    with pytest.raises(InvalidArgumentError, match=r"CrossPseudoSupervision\(swap=-1\): expected a share"):
        CrossPseudoSupervision(swap=-1)
