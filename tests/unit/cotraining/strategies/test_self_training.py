from cotrain.cotraining import SelfTraining

from .recording import RecordingFactory, named


def test_each_network_teaches_itself():
    strategy = SelfTraining()
    assert named(strategy) == ["network"]
    assert strategy.teachers(0, 1) == [0]
    assert strategy.answering(1) == [0]


def test_separate_networks_know_one_task_each():
    peers = SelfTraining(separate=True).peers(RecordingFactory())
    assert [(peer.name, peer.tasks) for peer in peers] == [
        ("network of sold", ["sold"]),
        ("network of price", ["price"]),
    ]
