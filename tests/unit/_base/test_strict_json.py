from __future__ import annotations

import json
import math

import pytest

from cotrain._base import strict_json


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("wrap", [lambda x: x, lambda x: [x], lambda x: (x,), lambda x: {"a": {"b": [x]}}])
def test_what_is_no_number_is_null_wherever_it_stands(bad, wrap) -> None:
    assert json.loads(strict_json(wrap(bad))) == json.loads(json.dumps(wrap(None)))


def test_the_rest_is_what_it_is() -> None:
    assert json.loads(strict_json({1: ["票", 0.1, None, True], "mask": b"\x01"}, indent=1)) == {
        "1": ["票", 0.1, None, True],
        "mask": "01",
    }
