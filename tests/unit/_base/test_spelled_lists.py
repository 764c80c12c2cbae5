import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cotrain._base._spelled_lists import spelled_list

VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.text(), st.floats(allow_nan=False, allow_infinity=False)
)


@given(st.lists(VALUES, max_size=5))
def test_json_is_read_back(values: list) -> None:
    assert spelled_list(json.dumps(values)) == values
    assert spelled_list(json.dumps(values, ensure_ascii=False)) == values


@given(st.lists(st.one_of(st.none(), st.booleans(), st.integers(), st.text()), max_size=5))
def test_what_python_prints_is_read_back(values: list) -> None:
    assert spelled_list(repr(values)) == values


@given(st.text(alphabet=r"""[]'",\ axuNU{}01d8""", max_size=20))
def test_any_text_is_a_list_or_none(text: str) -> None:
    for cell in (text, f"[{text}]", f"['{text}']"):
        found = spelled_list(cell)
        assert found is None or isinstance(found, list)


@pytest.mark.parametrize(
    "cell",
    [
        "['a' 'b']",
        "[a]",
        "[[1]]",
        '{"a": 1}',
        "1",
        "",
        "['\\d']",
        '["\\ud800"]',
        "['\\ud800']",
        "[" * 5000,
        "[" + "9" * 5000 + "]",
    ],
)
def test_other_text_is_none(cell: str) -> None:
    assert spelled_list(cell) is None
