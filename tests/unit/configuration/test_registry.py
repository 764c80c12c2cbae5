import pytest

import cotrain as ct
from cotrain._base import ConfigError
from cotrain.balancing import Balancer
from cotrain.configuration import construct, construct_class, describe, kinds_of
from cotrain.configuration._registry import FAMILIES, SETTINGS
from cotrain.networks import Encoder, Sharing
from cotrain.tasks import Task


def test_a_name_and_a_mapping_make_the_same_object():
    assert describe(construct(Sharing, "HardSharing", "sharing")) == {"kind": "HardSharing"}
    made = construct(Encoder, {"kind": "TableEncoder", "width": 16, "dropout": 0.5}, "encoder")
    assert (made.width, made.dropout) == (16, 0.5)
    assert describe(made) == {"kind": "TableEncoder", "width": 16, "dropout": 0.5}


@pytest.mark.parametrize(
    ("base", "spec", "sentence"),
    [
        (Sharing, "HardSharin", "sharing: there is no sharing 'HardSharin': did you mean 'HardSharing'?"),
        (Encoder, {"kind": "TableEncoder", "widht": 3}, "has no option 'widht': did you mean 'width'?"),
        (Encoder, {"kind": "TableEncoder", "width": "wide"}, r"width: .*integer.*, got 'wide'"),
        (Encoder, {"kind": "TableEncoder", "width": 0}, r"width"),
        (Task, {"kind": "Binary"}, "Binary needs name"),
        (Task, {"name": "x"}, "expected a name or a mapping with a kind"),
        (Task, 3, "got 3"),
        (Balancer, "nowhere.module:Class", "cannot import"),
        (Balancer, "cotrain.tasks:Binary", "is not a Balancer"),
    ],
)
def test_a_wrong_description_gets_one_sentence(base, spec, sentence):
    with pytest.raises(ConfigError, match=sentence.replace("?", r"\?")) as error:
        construct(base, spec, "sharing")
    assert "\n" not in str(error.value)


def test_a_class_of_somebody_else_is_named_by_its_module():
    made = construct(Balancer, "cotrain.balancing._equal:Equal", "balancer")
    assert isinstance(made, ct.balancing.Equal)


@pytest.mark.parametrize("base", FAMILIES)
def test_every_exported_kind_can_be_found(base):
    assert kinds_of(base)


@pytest.mark.parametrize("cls", SETTINGS)
def test_settings_survive_the_way_to_plain_values_and_back(cls):
    made = construct_class(cls, describe(cls()), "")
    assert describe(made) == describe(cls())


def test_nested_components_are_built():
    made = construct(Balancer, {"kind": "Every", "balancer": {"kind": "UPGrad"}, "k": 3}, "balancer")
    assert describe(made) == {"kind": "Every", "balancer": {"kind": "UPGrad"}, "k": 3}


@pytest.mark.parametrize("name", ["tasks", "encoder", "training", "seed", "balancer"])
@pytest.mark.parametrize("value", [None, 3, [[[]]], {}, "", True, {"kind": None}])
def test_any_value_for_any_part_is_taken_or_is_a_sentence(name, value):
    arguments = {"tasks": [{"kind": "Binary", "name": "a"}], name: value}
    try:
        construct_class(ct.Learner, arguments, "")
    except ConfigError as error:
        assert "\n" not in str(error)  # noqa: PT017


def test_what_is_no_mapping_is_told_the_options_and_how_to_take_the_defaults():
    values = {"tasks": [{"kind": "Binary", "name": "a"}], "cotraining": True}
    with pytest.raises(ConfigError, match=r"CoTraining \(strategy, .*\), \{\} for the defaults; got True"):
        construct_class(ct.Learner, values, "")
    values = {"tasks": [{"kind": "Binary", "name": "a", "metrics": [3]}]}
    with pytest.raises(ConfigError) as caught:
        construct_class(ct.Learner, values, "")
    assert "{}" not in str(caught.value)


@pytest.mark.parametrize("value", [[1, 2], "fast", 3, 2.5, [], {"epochs": [1]}, {1: 2}])
def test_settings_are_a_mapping_of_options_or_a_sentence(value):
    with pytest.raises(ConfigError, match="training"):
        construct_class(ct.Learner, {"tasks": [{"kind": "Binary", "name": "a"}], "training": value}, "")
