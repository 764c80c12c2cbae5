import cotrain.tasks as kinds
from cotrain.tasks import PreNet, Task


def test_a_task_reads_what_the_encoder_reads_unless_it_says_otherwise():
    task = kinds.Binary("sold")
    assert task.prenet(8) is None
    assert task.own_inputs(None) == {}  # ty: ignore[invalid-argument-type]
    assert task.taught_inputs(None) == {}
    assert task.can_answer([])


def test_only_a_task_with_a_prenet_has_inputs_of_its_own():
    for name in kinds.__all__:
        kind = getattr(kinds, name)
        if isinstance(kind, type) and issubclass(kind, Task):
            assert ("prenet" in vars(kind)) == ("own_inputs" in vars(kind)) or kind is Task


def test_it_is_abstract():
    assert PreNet.__abstractmethods__ == {"forward", "leave", "lengths"}
