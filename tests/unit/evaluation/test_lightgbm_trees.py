"""LightGBM's trees as arrays answer as LightGBM does, to the bit, and are grown as its rows say."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any

import lightgbm
import numpy as np
import pytest

from cotrain._base import MissingExtraError
from cotrain.evaluation._lightgbm_trees import LightGBMTrees, ensemble_of_text
from cotrain.evaluation._tree_ensemble import TreeEnsemble
from cotrain.evaluation._tree_library import Boosting, TargetRows

NONE, TWO = np.zeros(6, bool), np.array([0, 0, 1, 0, 1, 0], bool)
#: Numbers, two classes, three classes, and a quantile.
KINDS: dict[str, dict[str, Any]] = {
    "numbers": {},
    "two": {"n_classes": 2},
    "three": {"n_classes": 3},
    "quantile": {"quantile": 0.3},
}
OBJECTIVES: dict[str, dict[str, Any]] = {
    "numbers": {"objective": "regression"},
    "two": {"objective": "binary"},
    "three": {"objective": "multiclass", "num_class": 3},
    "quantile": {"objective": "quantile", "alpha": 0.3},
}


def features(n: int, seed: int) -> np.ndarray:
    """Numbers and codes; with gaps, in column 5 only where the seed is not 0; some codes are new then."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 6))
    x[:, 2], x[:, 4] = rng.integers(0, 200 + 55 * (seed > 0), n), rng.integers(0, 9, n)
    gaps = rng.random((n, 6)) < 0.1
    gaps[:, 5] &= seed > 0
    x[gaps] = np.nan
    return x


def rows(n: int, seed: int, kind: str, *, weighted: bool = False) -> TargetRows:
    x = features(n, seed)
    y = np.nan_to_num(x[:, 0]) + np.nan_to_num(x[:, 2]) % 3 + (np.nan_to_num(x[:, 4]) % 7 == 0)
    if kind in ("two", "three"):
        y = np.digitize(y, [1.0] if kind == "two" else [0.5, 1.5])
    return TargetRows(x, y, np.random.default_rng(seed).uniform(0.1, 3, n) if weighted else None)


def boosting(kind: str, categorical: np.ndarray = TWO, **options: Any) -> Boosting:
    usual = {"rounds": 30, "learning_rate": 0.1, "leaf_rows": 3, "patience": 5}
    return Boosting(categorical, **{**usual, **KINDS[kind], **options})


def own(
    kind: str, train: TargetRows, held: TargetRows | None, categorical: np.ndarray, n_rounds: int = 30
) -> lightgbm.Booster:
    """What LightGBM itself makes of the rows, as its documentation has it."""
    columns = np.flatnonzero(categorical).tolist()
    options = OBJECTIVES[kind] | {
        "learning_rate": 0.1, "num_leaves": 15, "lambda_l2": 1.0, "min_data_in_leaf": 3, "seed": 0,
        "min_data_per_group": 10,
        "deterministic": True, "force_row_wise": True, "num_threads": 1, "verbosity": -1,
    }  # fmt: skip
    data = lightgbm.Dataset(
        train.features, train.truth, weight=train.weights, categorical_feature=columns, params=options
    )
    if held is None:
        return lightgbm.train(options, data, n_rounds)
    stop = lightgbm.Dataset(held.features, held.truth, weight=held.weights, reference=data, params=options)
    ends = lightgbm.early_stopping(5, verbose=False)
    return lightgbm.train(options, data, n_rounds, valid_sets=[stop], callbacks=[ends])


@pytest.mark.parametrize("categorical", [NONE, TWO], ids=["numbers only", "two categories"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_sums_are_those_of_lightgbm_to_the_bit(kind: str, categorical: np.ndarray) -> None:
    model, new = own(kind, rows(400, 0, kind), None, categorical, n_rounds=9), features(200, 1)
    found = ensemble_of_text(model.model_to_string(), 3 if kind == "three" else 1, categorical)
    again = TreeEnsemble.from_arrays(found.arrays())
    expected = np.asarray(model.predict(new, raw_score=True)).reshape(len(new), -1)
    np.testing.assert_array_equal(again.raw(new), expected)
    assert len(found.roots) == 9
    assert bool(len(found.bitsets)) == bool(categorical.any())


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_trees_end_with_the_round_that_was_best_on_the_weighted_held_out_rows(
    kind: str, weighted: bool
) -> None:
    train, held = rows(300, 0, kind, weighted=weighted), rows(200, 2, kind, weighted=weighted)
    found = LightGBMTrees().grow(train, held, boosting(kind, rounds=200))
    if kind in ("numbers", "quantile"):
        # Numbers are learned in their own spread around their mean.
        centre, scale = np.average(train.truth, weights=train.weights), np.std(train.truth)
        one, other = (replace(of, truth=(of.truth - centre) / scale) for of in (train, held))
    else:
        centre, scale, one, other = 0.0, 1.0, train, held
    model, new = own(kind, one, other, TWO, 200), features(100, 1)
    assert len(found.roots) == model.best_iteration < 200 - 5
    raw = np.asarray(model.predict(new, raw_score=True)).reshape(len(new), -1)
    np.testing.assert_allclose(found.raw(new), raw * scale + centre, rtol=1e-9)


def test_weights_and_a_second_fit() -> None:
    train, new = rows(300, 0, "two"), features(50, 1)
    plain, again = (LightGBMTrees().grow(train, None, boosting("two")).arrays() for _ in range(2))
    for name, array in plain.items():
        np.testing.assert_array_equal(array, again[name])
    weighted = replace(train, weights=np.where(train.truth == 1, 9.0, 1.0))
    more = LightGBMTrees().grow(weighted, None, boosting("two")).raw(new)
    assert more.mean() > TreeEnsemble.from_arrays(plain).raw(new).mean() + 0.5


def test_a_tenth_is_set_aside_to_stop_by_where_that_is_asked_for() -> None:
    """Noise cannot be learned: all rounds go on learning it, and rows set aside say so."""
    rng = np.random.default_rng(0)
    train = TargetRows(rng.normal(size=(400, 6)), rng.integers(0, 2, 400))
    every = LightGBMTrees().grow(train, None, boosting("two", NONE, rounds=60))
    some = LightGBMTrees().grow(train, None, boosting("two", NONE, rounds=60, sets_aside=True))
    assert len(every.roots) == 60
    assert len(some.roots) < 20


def test_numbers_far_from_zero_keep_what_tells_them_apart() -> None:
    x = features(400, 0)
    y = np.nan_to_num(x[:, 0])
    how = boosting("numbers", NONE, rounds=80)
    near, far = (LightGBMTrees().grow(TargetRows(x, one), None, how).raw(x)[:, 0] for one in (y, 1e9 + y))
    assert np.corrcoef(near, y)[0, 1] > 0.98
    np.testing.assert_allclose(far - 1e9, near, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n_rows", [6, 100])
def test_where_there_is_nothing_to_ask_all_rows_have_one_value(kind: str, n_rows: int) -> None:
    truth = np.arange(n_rows) % 3 if kind != "two" else (np.arange(n_rows) % 3 > 0).astype(int)
    train = TargetRows(np.zeros((n_rows, 6)), truth)
    found = LightGBMTrees().grow(train, train, boosting(kind))
    raw = TreeEnsemble.from_arrays(found.arrays()).raw(features(20, 1))
    assert (raw == raw[0]).all()
    if kind == "numbers":
        assert raw[0, 0] == pytest.approx(truth.mean())
    if kind == "two":
        assert 1 / (1 + np.exp(-raw[0, 0])) == pytest.approx(truth.mean())


def test_without_the_package_a_sentence_says_what_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    train = rows(100, 0, "numbers")
    arrays = LightGBMTrees().grow(train, None, boosting("numbers")).arrays()
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    sentence = r"trees: lightgbm needs the package 'lightgbm', .*: run pip install 'cotrain\[trees\]'\."
    with pytest.raises(MissingExtraError, match=sentence):
        LightGBMTrees().require()
    with pytest.raises(MissingExtraError, match=sentence):
        LightGBMTrees().grow(train, None, boosting("numbers"))
    # Whoever is only asked needs none.
    assert TreeEnsemble.from_arrays(arrays).raw(train.features).std() > 0.5
