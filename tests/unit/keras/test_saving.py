import json

import keras
import numpy as np
import pytest

from cotrain import balancing
from cotrain._base import InvalidArgumentError, RunError
from cotrain.keras import MultiTaskModel
from cotrain.keras._saving import balancer_config, balancer_from_config, pack, unpack

from .networks import network


def test_a_file_can_only_name_known_balancers():
    config = network(balancing.UPGrad()).get_config()
    config["balancer"] = {"class": "os:system", "parameters": {}}
    with pytest.raises(RunError, match="os:system"):
        MultiTaskModel.from_config(config)


def test_a_state_comes_back_with_its_types_shapes_and_keys():
    state = {
        "numbers": [1, 2.5, float("inf"), None, True],
        "text": "ω",
        "pair": (1, (2, [3])),
        1: {"empty": {}, "none": []},
        "float32": np.arange(6, dtype=np.float32).reshape(2, 3).T,
        "flags": np.array([True, False]),
        "scalar": np.array(4, dtype=np.int64),
        "no_rows": np.zeros((0, 3)),
    }
    again = unpack(pack(state))
    assert list(again) == list(state)
    for key, value in state.items():
        if isinstance(value, np.ndarray):
            assert again[key].dtype == value.dtype
            np.testing.assert_array_equal(again[key], value)
            again[key][...] = 0  # it can be written to
        else:
            assert again[key] == value
            assert type(again[key]) is type(value)


def test_what_is_packed_is_bytes_of_plain_text():
    data = pack({"a": np.ones(2)})
    assert data.dtype == np.uint8
    assert json.loads(data.tobytes())


def test_a_balancer_inside_others_comes_back_with_all_arguments():
    balancer = balancing.Every(balancing.Smoothed(balancing.CAGrad(c=0.3)), k=7)
    config = json.loads(json.dumps(balancer_config(balancer)))
    again = balancer_from_config(config)
    assert repr(again) == repr(balancer)
    assert again.balancer.balancer.c == 0.3


class OwnRule(balancing.LossRule):
    def __init__(self, power=1.0, words=()):
        super().__init__()
        self.power = power
        self.words = words

    def _rule(self, xp, losses_K, active_K):
        return losses_K**self.power


def test_a_class_of_ones_own_has_to_be_known_to_keras():
    config = json.loads(json.dumps(balancer_config(OwnRule(2.0, ["a", "b"]))))
    with pytest.raises(RunError, match="'OwnRule', which is neither in cotrain.balancing nor known to Keras"):
        balancer_from_config(config)
    again = balancer_from_config(config, {"OwnRule": OwnRule})
    assert (again.power, again.words) == (2.0, ["a", "b"])


def test_an_argument_that_is_no_plain_value_is_refused_with_the_way_out():
    with pytest.raises(InvalidArgumentError, match=r"OwnRule\(power=...\) is a function.*save_weights"):
        balancer_config(OwnRule(power=lambda: 1))


def test_a_class_that_is_no_balancer_is_refused_even_if_keras_knows_it():
    with pytest.raises(RunError, match="neither in cotrain.balancing"):
        balancer_from_config({"class": "Dense", "parameters": {}}, {"Dense": keras.layers.Dense})
