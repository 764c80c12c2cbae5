import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cotrain._base import InvalidArgumentError
from cotrain.data import Fold, Split, split_rows

PARTS = ("train", "validation", "test")


def table(n=120, seed=0):
    rng = np.random.default_rng(seed)
    kind = np.where(rng.random(n) < 0.8, rng.choice(3, size=n, p=[0.6, 0.3, 0.1]), -1)
    return pl.DataFrame({"who": np.arange(n) // 5}), {"kind": kind}


def divided(frame, labelled, n_folds, spec=None, **options):
    spec = spec or Split(validation=0.1)
    return [
        split_rows(frame, spec, 0, labelled, fold=Fold(number, n_folds), **options)
        for number in range(n_folds)
    ]


@settings(deadline=None, max_examples=30)
@given(n=st.integers(30, 200), n_folds=st.integers(2, 7), seed=st.integers(0, 9))
def test_every_labelled_row_is_tested_once_and_in_one_part_of_each_fold(n, n_folds, seed):
    frame, labelled = table(n, seed)
    folds = divided(frame, labelled, n_folds)
    rows = np.flatnonzero(labelled["kind"] >= 0)
    assert np.sort(np.concatenate([fold["test"] for fold in folds])).tolist() == rows.tolist()
    for fold in folds:
        assert np.sort(np.concatenate([fold[part] for part in PARTS])).tolist() == rows.tolist()


def test_folds_are_of_one_size_with_their_share_of_each_class_and_of_validation_rows():
    frame, labelled = table(400)
    folds = divided(frame, labelled, 4)
    kind = labelled["kind"]
    n_rows = int((kind >= 0).sum())
    for fold in folds:
        assert abs(len(fold["test"]) - n_rows / 4) <= 1
        assert abs(len(fold["validation"]) - n_rows / 10) <= 1
        for code in range(3):
            n_class = int((kind == code).sum())
            assert abs((kind[fold["test"]] == code).sum() - n_class / 4) <= 1.5
            assert abs((kind[fold["validation"]] == code).sum() - n_class / 10) <= 1.5


def test_groups_stay_whole_and_what_belongs_to_a_tested_one_is_not_looked_at():
    frame, labelled = table(200)
    who = frame["who"].to_numpy()
    for fold in divided(frame, labelled, 3, Split(group="who")):
        of = [set(who[fold[part]]) for part in PARTS]
        assert sum(map(len, of)) == len(set.union(*of))
        assert not set(who[fold["unlabelled"]]) & (of[1] | of[2])


def test_rows_without_labels_change_no_fold():
    frame, labelled = table()
    more = {"kind": np.concatenate([labelled["kind"], np.full(50, -1)])}
    longer = pl.concat([frame, pl.DataFrame({"who": np.arange(50)})])
    for fold, other in zip(divided(frame, labelled, 3), divided(longer, more, 3), strict=True):
        assert all(fold[part].tolist() == other[part].tolist() for part in PARTS)
        assert len(other["unlabelled"]) == len(fold["unlabelled"]) + 50


def test_every_source_is_shared_out_over_the_folds():
    frame, labelled = table(120)
    labelled = {"kind": np.abs(labelled["kind"])}
    sources = {"large": np.arange(90), "small": np.arange(90, 120)}
    for fold in divided(frame, labelled, 3, sources=sources):
        assert [int(np.isin(fold["test"], own).sum()) for own in sources.values()] == [30, 10]


def test_what_is_no_fold_is_refused():
    for number, n_folds in ((0, 1), (3, 3), (-1, 3)):
        with pytest.raises(InvalidArgumentError, match="expected a number below that of the folds"):
            Fold(number, n_folds)
