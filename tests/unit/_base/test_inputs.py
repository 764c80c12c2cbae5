from __future__ import annotations

import dataclasses

import pytest

from cotrain._base import InputSpec


def test_a_table_without_columns_is_described_by_nothing():
    spec = InputSpec()
    assert (spec.n_numbers, spec.cardinalities) == (0, ())
    assert not spec.bags
    assert not spec.tensors
    assert not spec.vocabularies


def test_equal_descriptions_are_equal_and_none_can_be_changed():
    spec = InputSpec(n_numbers=2, bags={"bag:t": 5})
    assert spec == InputSpec(n_numbers=2, bags={"bag:t": 5})
    assert spec != InputSpec(n_numbers=3, bags={"bag:t": 5})
    with pytest.raises(dataclasses.FrozenInstanceError):
        spec.n_numbers = 3


def test_two_descriptions_do_not_share_their_mappings():
    assert InputSpec().bags is not InputSpec().bags
