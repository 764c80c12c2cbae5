from cotrain.cotraining import TriTraining

from .recording import RecordingFactory, named


def test_two_of_three_networks_label_for_the_third_within_a_bound():
    strategy = TriTraining()
    assert len(named(strategy)) == 3
    assert [strategy.teachers(learner, 3) for learner in range(3)] == [[1, 2], [0, 2], [0, 1]]
    assert strategy.answering(3) == [0, 1, 2]
    assert strategy.bounded


def test_each_network_learns_from_a_sample_of_its_own():
    assert all(peer.bootstrap for peer in TriTraining().peers(RecordingFactory()))
