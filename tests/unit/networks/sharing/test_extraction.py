import pytest

from cotrain._base import InvalidArgumentError
from cotrain.networks.sharing._extraction import Extraction


def made(recorder, levels=1, **options):
    sharing = Extraction(1, 1, levels, shared_stages=1, gate_dropout=0.0, **options)
    return sharing.build(recorder, ["a", "b"])


def test_levels_share_the_stages_out_among_them(recorder):
    sharing = made(recorder, levels=2)
    assert len(sharing.extractions) == 2
    assert [level.gates[0].linear.in_features for level in sharing.extractions] == [3, 6]
    assert sharing.widths() == {"a": 4, "b": 4}
    assert {name: tuple(value.shape) for name, value in sharing(recorder.inputs).items()} == {
        "a": (6, 4),
        "b": (6, 4),
    }


def test_only_what_no_other_task_can_reach_is_a_tasks_own(recorder):
    one, two = made(recorder), made(recorder, levels=2)
    assert one.task_modules("b") == one.extractions[0].task_modules(1)
    # The experts of the first level reach every task through the shared mixture, its gate does not.
    assert two.extractions[0].gates[1] in two.task_modules("b")
    assert two.extractions[0].own_banks[1] not in two.task_modules("b")


@pytest.mark.parametrize("levels", [1, 2])
def test_the_gradient_of_a_task_reaches_no_parameter_of_anothers_own(recorder, levels):
    sharing = made(recorder, levels=levels)
    sharing(recorder.inputs)["a"].sum().backward()
    assert all(parameter.grad is None for parameter in sharing.task_parameters("b"))
    assert all(parameter.grad is not None for parameter in sharing.task_parameters("a"))


def test_more_levels_than_stages_and_options_out_of_range_are_refused(recorder):
    with pytest.raises(InvalidArgumentError, match="at least 4 stages"):
        made(recorder, levels=3)
    for options in ((0, 1, 1), (1, 0, 1), (1, 1, 0)):
        with pytest.raises(InvalidArgumentError, match="at least 1"):
            Extraction(*options, shared_stages=1, gate_dropout=0.0)


def test_health_stands_level_by_level(recorder):
    sharing = made(recorder, levels=2)
    sharing(recorder.inputs)
    assert [record["level"] for record in sharing.health().records] == [0, 0, 0, 1, 1, 1]
