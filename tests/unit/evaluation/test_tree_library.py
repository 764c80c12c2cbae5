"""What a library of trees gets, and which there are."""

from __future__ import annotations

from importlib import metadata
from typing import get_args

import numpy as np
import pytest

from cotrain.evaluation._tree_library import TargetRows, TreeLibraryName
from cotrain.evaluation._trees import TREE_LIBRARIES


def test_some_rows_keep_their_truth_and_weights() -> None:
    rows = TargetRows(np.eye(3), np.arange(3), np.array([1.0, 2.0, 3.0]))
    some = rows.where(np.array([False, True, True]))
    np.testing.assert_array_equal(some.features, np.eye(3)[1:])
    assert some.truth.tolist() == [1, 2]
    assert some.weights is not None
    assert some.weights.tolist() == [2, 3]
    assert TargetRows(np.eye(3), np.arange(3)).where(np.array([0])).weights is None


def test_what_can_be_named_is_there() -> None:
    assert tuple(TREE_LIBRARIES) == get_args(TreeLibraryName)


@pytest.mark.parametrize("library", TREE_LIBRARIES.values(), ids=TREE_LIBRARIES)
def test_its_packages_have_versions(library) -> None:
    library.require()
    assert all(metadata.version(name) for name in library.packages)
