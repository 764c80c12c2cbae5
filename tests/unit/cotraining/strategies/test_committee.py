import pytest

from cotrain._base import InvalidArgumentError
from cotrain.cotraining import Committee

from .recording import RecordingFactory, named


def test_all_others_teach_each_network_and_all_answer():
    strategy = Committee(networks=4)
    assert named(strategy) == ["network 1", "network 2", "network 3", "network 4"]
    assert [strategy.teachers(learner, 4) for learner in range(4)] == [
        [1, 2, 3],
        [0, 2, 3],
        [0, 1, 3],
        [0, 1, 2],
    ]
    assert strategy.answering(4) == [0, 1, 2, 3]


@pytest.mark.parametrize("bootstrap", [False, True])
def test_the_networks_draw_bootstrap_samples_if_asked(bootstrap):
    peers = Committee(bootstrap=bootstrap).peers(RecordingFactory())
    assert [peer.bootstrap for peer in peers] == [bootstrap] * len(peers)


def test_estimators_which_would_be_equal_weigh_the_labels_at_random():
    peers = Committee().peers(RecordingFactory(differ=False))
    assert [peer.bootstrap for peer in peers] == ["bayesian"] * len(peers)
    peers = Committee(bootstrap=True).peers(RecordingFactory(differ=False))
    assert [peer.bootstrap for peer in peers] == [True] * len(peers)


def test_one_network_is_no_committee():
    with pytest.raises(InvalidArgumentError):
        Committee(networks=1)
