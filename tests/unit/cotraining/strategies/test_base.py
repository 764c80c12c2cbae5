import pytest

from cotrain.configuration import kinds_of
from cotrain.cotraining import Strategy

from .recording import named


@pytest.mark.parametrize("kind", kinds_of(Strategy).values(), ids=lambda kind: kind.__name__)
def test_every_teacher_and_every_answer_is_one_of_the_peers(kind):
    strategy = kind()
    try:
        n_peers = len(named(strategy))
    except (AttributeError, TypeError):
        pytest.skip("its peers are made of encoders or other peers")
    for learner in range(n_peers):
        teachers = strategy.teachers(learner, n_peers)
        assert set(teachers) <= set(range(n_peers))
        assert len(set(teachers)) == len(teachers)
    answering = strategy.answering(n_peers)
    assert answering
    assert set(answering) <= set(range(n_peers))
