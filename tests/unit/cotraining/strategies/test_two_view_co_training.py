from cotrain.cotraining import TwoViewCoTraining

from .recording import RecordingFactory, named


def test_a_network_per_named_view_each_taught_by_the_others():
    strategy = TwoViewCoTraining(["text", "links"])
    peers = strategy.peers(RecordingFactory())
    assert [(peer.name, peer.view) for peer in peers] == [("text", "view text"), ("links", "view links")]
    assert strategy.teachers(0, 2) == [1]
    assert strategy.teachers(1, 2) == [0]
    assert strategy.answering(2) == [0, 1]


def test_without_names_the_views_are_random():
    assert named(TwoViewCoTraining()) == ["random view 1", "random view 2"]
