import pytest
import torch

from cotrain._base import InvalidArgumentError
from cotrain.networks.sharing._cgc_level import ExtractionLevel, experts_per_task
from cotrain.networks.sharing._encoder_split import EncoderSplit


def level(recorder, last):
    parts = EncoderSplit("owner", recorder, 1)
    made = ExtractionLevel(
        parts.chains(1 + 2 + 1), 1, [2, 1], gate_width=3, width=4, gate_dropout=0.0, last=last
    )
    return made, parts.trunk(recorder.inputs)


def test_each_task_mixes_the_shared_experts_and_its_own(recorder, close):
    made, hidden = level(recorder, last=True)
    (a, b), shared = made([hidden, hidden], hidden)
    x = recorder.x
    experts = [recorder.whole(i, x) for i in range(4)]  # one shared, two of a, one of b
    gates = [torch.softmax(x @ gate.linear.weight.T, dim=1) for gate in made.gates]
    close(a, sum(gates[0][:, i : i + 1] * experts[j] for i, j in enumerate((0, 1, 2))))
    close(b, sum(gates[1][:, i : i + 1] * experts[j] for i, j in enumerate((0, 3))))
    assert shared is hidden
    assert made.shared_gate is None


def test_below_the_last_level_the_shared_mixture_reads_everything(recorder, close):
    made, hidden = level(recorder, last=False)
    _, shared = made([hidden, hidden], hidden)
    gate = torch.softmax(recorder.x @ made.shared_gate.linear.weight.T, dim=1)
    close(shared, sum(gate[:, i : i + 1] * recorder.whole(i, recorder.x) for i in range(4)))


def test_what_was_counted_names_the_experts_and_who_can_use_them(recorder):
    made, hidden = level(recorder, last=True)
    made([hidden, hidden], hidden)
    found = made.level(["a", "b"])
    assert list(found.experts) == ["shared 0", "a 0", "a 1", "b 0"]
    assert list(found.shared) == [True, False, False, False]
    assert {task: sorted(gate) for task, gate in found.gates.items()} == {"a": [0, 1, 2], "b": [0, 3]}
    assert sum(found.gates["a"].values()) == pytest.approx(1.0, abs=1e-5)


def test_numbers_of_experts_are_given_for_all_or_for_each():
    assert experts_per_task("owner", 2, ["a", "b"]) == [2, 2]
    assert experts_per_task("owner", {"b": 1, "a": 3}, ["a", "b"]) == [3, 1]
    with pytest.raises(InvalidArgumentError, match="names the task 'c'"):
        experts_per_task("owner", {"a": 1, "b": 1, "c": 1}, ["a", "b"])
    with pytest.raises(InvalidArgumentError, match="has no number for the task 'b'"):
        experts_per_task("owner", {"a": 1}, ["a", "b"])
    with pytest.raises(InvalidArgumentError, match="at least 1"):
        experts_per_task("owner", {"a": 1, "b": 0}, ["a", "b"])
