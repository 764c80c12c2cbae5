from __future__ import annotations

import io

import numpy as np
import pytest
import torch

from cotrain.gradients._state_dict import from_plain, to_plain

STATE = {
    "float32": np.arange(6, dtype=np.float32).reshape(2, 3),
    "flags": np.array([True, False]),
    "scalar": np.array(3.5),
    "empty": np.zeros((0, 2)),
    "inside": [{"a": (1, np.ones(2), None)}, "text", True, float("inf")],
    "tensor": torch.ones(2, dtype=torch.bfloat16),
    3: {},
}


def same(one, other):
    assert type(one) is type(other)
    if isinstance(one, np.ndarray):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)
    elif isinstance(one, torch.Tensor):
        torch.testing.assert_close(one, other, rtol=0, atol=0)
    elif isinstance(one, dict):
        assert list(one) == list(other)
        for key in one:
            same(one[key], other[key])
    elif isinstance(one, (list, tuple)):
        assert len(one) == len(other)
        for left, right in zip(one, other, strict=True):
            same(left, right)
    else:
        assert one == other


def test_a_state_comes_back_from_a_file_that_is_read_without_pickle():
    file = io.BytesIO()
    torch.save(to_plain(STATE), file)
    file.seek(0)
    same(from_plain(torch.load(file, weights_only=True)), STATE)


def test_numbers_of_numpy_become_plain_numbers():
    plain = to_plain([np.float32(0.5), np.int64(3), np.bool_(True)])
    assert plain == [0.5, 3, True]
    assert [type(value) for value in plain] == [float, int, bool]


@pytest.mark.parametrize("change", [to_plain, from_plain])
def test_nothing_that_comes_out_is_what_went_in(change):
    state = {"array": np.ones(2), "tensor": torch.ones(2, requires_grad=True), "list": [1]}
    state = state if change is to_plain else to_plain(state)
    array, tensor = state["array"], state["tensor"]
    array = array if change is to_plain else next(iter(array.values()))
    changed = change(state)
    array[0] = 7
    with torch.no_grad():
        tensor[0] = 7
    state["list"].append(2)
    again = from_plain(changed)
    assert again["array"].tolist() == [1.0, 1.0]
    assert again["tensor"].tolist() == [1.0, 1.0]
    assert not again["tensor"].requires_grad
    assert again["list"] == [1]
