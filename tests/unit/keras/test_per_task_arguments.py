import pytest

from cotrain._base import InvalidArgumentError
from cotrain.keras._per_task_arguments import named_outputs, per_task


def test_a_dict_keeps_its_names_and_is_copied():
    given = {"a": 1, "b": 2}
    named = named_outputs(given, ["b"])
    assert named == given
    assert named is not given


def test_a_list_takes_the_names_of_the_tasks_and_one_output_is_a_list_of_one():
    assert named_outputs([1, 2], ["b", "a"]) == {"b": 1, "a": 2}
    assert named_outputs((1,), ["a"]) == {"a": 1}
    assert named_outputs("output", ["a"]) == {"a": "output"}


@pytest.mark.parametrize(
    ("outputs", "tasks", "words"),
    [
        ([1, 2], None, r"is a list of 2: give as many tasks=\[...\] \(got none\)"),
        ([1, 2], ["a"], r"is a list of 2: .*\(got \['a'\]\)"),
        (1, ["a", "b"], "is a list of 1"),
    ],
)
def test_a_list_without_as_many_names_is_refused(outputs, tasks, words):
    with pytest.raises(InvalidArgumentError, match=words):
        named_outputs(outputs, tasks)


def test_numbers_come_in_the_order_of_the_tasks_and_all_must_be_there():
    assert per_task("preference", {"a": 1, "b": 2, "unused": 3}, ["b", "a"]) == [2.0, 1.0]
    assert per_task("preference", None, ["a"]) is None
    assert per_task("preference", {}, []) == []
    with pytest.raises(InvalidArgumentError, match=r"preference=...\) lacks the tasks \['a', 'c'\]"):
        per_task("preference", {"b": 2}, ["a", "b", "c"])
