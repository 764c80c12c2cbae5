"""What the classifier and the regressor share: rows, weights, views and parts of a run."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.datasets import make_blobs
from sklearn.ensemble import (
    BaggingClassifier,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
)
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from cotrain._base import DataError, InvalidArgumentError, constructor_parameters
from cotrain.configuration import kinds_of
from cotrain.cotraining import (
    Committee,
    CoTrainingClassifier,
    CoTrainingRegressor,
    DifferentEncoders,
    PseudoLabels,
    Strategy,
    TwoViewCoTraining,
)
from cotrain.cotraining.estimators import _semi_supervised
from cotrain.cotraining.estimators._semi_supervised import SemiSupervised, _weighted
from cotrain.cotraining.rounds._strategy_selection import run_rounds
from cotrain.networks import MLP, TableEncoder

BOTH = [(CoTrainingClassifier, LogisticRegression()), (CoTrainingRegressor, Ridge())]
NETWORKS = [(CoTrainingClassifier, None), (CoTrainingRegressor, None)]


def made(cls, estimator=None, **more) -> SemiSupervised:
    return cls(**{"estimator": estimator, "max_rounds": 1, "updates": 5, "random_state": 0, **more})


def rows(cls, n: int = 120, labelled: int = 40) -> tuple[np.ndarray, np.ndarray]:
    x, y = make_blobs(n, 4, centers=3, cluster_std=3.0, random_state=1)
    hole = -1 if cls is CoTrainingClassifier else np.nan
    return x, np.where(np.arange(n) < labelled, y, hole)


@given(st.data())
@settings(max_examples=60)
def test_weights_have_mean_one_over_the_labels_that_count_and_keep_their_ratios(data):
    n = data.draw(st.integers(1, 12))
    labelled = np.array(data.draw(st.lists(st.booleans(), min_size=n, max_size=n)))
    given_ = st.floats(0.0, 1e6, allow_subnormal=False).map(lambda v: 0.0 if v < 1e-6 else v)
    weights = np.array(data.draw(st.lists(given_, min_size=n, max_size=n)))
    mask = torch.from_numpy(labelled)[:, None]
    if not (weights[labelled] > 0).any():
        with pytest.raises(DataError, match="the weight of every labelled row of 'sold' is zero"):
            _weighted("sold", mask, weights)
        return
    found = _weighted("sold", mask, weights)[:, 0].numpy()
    assert (found[~labelled] == 0).all()
    counts = labelled & (weights > 0)
    assert found[counts].mean() == pytest.approx(1.0, rel=1e-5)
    assert found[labelled] == pytest.approx(weights[labelled] / weights[counts].mean(), rel=1e-5)


@pytest.mark.parametrize(
    "model",
    [
        CoTrainingClassifier(estimator=LogisticRegression(), max_rounds=1, random_state=0),
        CoTrainingClassifier(max_rounds=1, updates=20, random_state=0),
        CoTrainingRegressor(estimator=Ridge(), max_rounds=1, random_state=0),
        CoTrainingRegressor(max_rounds=1, updates=20, random_state=0),
    ],
    ids=lambda model: f"{type(model).__name__}-{model.estimator}",
)
def test_a_label_of_weight_zero_is_none(model):
    x, y = rows(type(model), labelled=60)
    y = np.where(np.arange(len(y)) < 60, y % 2, y)
    without = np.where(np.arange(len(y)) < 12, y[-1], y)
    weights = np.where(np.arange(len(y)) < 12, 0.0, 2.0)
    answers = [
        getattr(one, "predict_proba", one.predict)(x)
        for one in (clone(model).fit(x, y, weights), clone(model).fit(x, without))
    ]
    assert np.array_equal(*answers)


@pytest.mark.parametrize("cls", [CoTrainingClassifier, CoTrainingRegressor])
@pytest.mark.parametrize("n_groups", [4, 30])
def test_rows_of_a_group_are_held_out_together_and_judge_as_one(cls, n_groups):
    x, y = rows(cls, labelled=60)
    groups = [f"g{row % n_groups}" if row % 31 else None for row in range(len(x))]
    estimator = LogisticRegression() if cls is CoTrainingClassifier else Ridge()
    model = cls(estimator=estimator, max_rounds=1, validation_fraction=0.0, random_state=0)
    runs = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_semi_supervised, "run_rounds", lambda run: runs.append(run) or run_rounds(run))
        model.fit(x, y, groups=groups)
    units = runs[0].examples.units.tolist()
    assert [unit < 0 for unit in units] == [group is None for group in groups]
    assert len(set(zip(units, groups, strict=True))) == n_groups + 1
    verdict = next(iter(model.history_["verdicts"].values()))
    alone = sum(group is None for group in groups[:60])
    assert ("groups or blocks" in verdict) == (n_groups + alone < 10)


@pytest.mark.parametrize("cls", [CoTrainingClassifier, CoTrainingRegressor])
def test_no_row_of_a_group_that_validates_is_trained_on(cls, monkeypatch):
    x, y = rows(cls, n=700, labelled=600)
    groups = np.arange(700) % 50
    seen = []
    monkeypatch.setattr(_semi_supervised, "run_rounds", lambda run: seen.append(run) or run_rounds(run))
    estimator = LogisticRegression() if cls is CoTrainingClassifier else Ridge()
    cls(estimator=estimator, max_rounds=1, random_state=0).fit(x, y, groups=groups)
    parts = [set(part.units.tolist()) for part in (seen[0].examples, seen[0].validation)]
    assert all(parts)
    assert not parts[0] & parts[1]


@pytest.mark.parametrize("groups", [[1, 2], np.zeros((200, 2)), "a"])
def test_groups_that_are_not_one_a_row_are_refused(groups):
    x, y = rows(CoTrainingClassifier)
    with pytest.raises(DataError, match=r"groups has the shape|y has the shape"):
        CoTrainingClassifier(estimator=LogisticRegression()).fit(x, y, groups=groups)


def test_without_weights_the_mask_is_left_alone():
    mask = torch.tensor([[True], [False]])
    assert _weighted("sold", mask, None) is mask


@pytest.mark.parametrize(("cls", "estimator"), BOTH)
@pytest.mark.parametrize(
    "weights", [np.ones((120, 1)), np.ones(119), np.full(120, -1.0), np.full(120, np.inf), np.zeros(120)]
)
def test_weights_that_are_none_are_refused(cls, estimator, weights):
    with pytest.raises(DataError, match="sample_weight"):
        made(cls, estimator).fit(*rows(cls), sample_weight=weights)


@pytest.mark.parametrize(
    ("cls", "estimator"),
    [
        (CoTrainingClassifier, make_pipeline(StandardScaler(), LogisticRegression())),
        (CoTrainingClassifier, KNeighborsClassifier()),
        (CoTrainingRegressor, KNeighborsRegressor(2)),
    ],
)
def test_weights_that_the_estimator_does_not_take_are_refused(cls, estimator):
    x, y = rows(cls)
    with pytest.raises(DataError, match=r"takes no sample_weight"):
        made(cls, estimator).fit(x, y, sample_weight=1.0 + np.arange(len(x)) % 2)
    # Of what is not labelled, of rows that count for nothing, and of a common factor it need not hear.
    unseen = np.where(np.arange(len(x)) < 40, 3.0, np.arange(len(x)))
    unseen[:3] = 0
    assert made(cls, estimator).fit(x, y, sample_weight=unseen).predict(x).shape == (len(x),)


@pytest.mark.parametrize(("cls", "estimator"), [*BOTH, *NETWORKS])
def test_a_row_is_answered_alike_alone_and_among_others(cls, estimator):
    x, y = rows(cls)
    model = made(cls, estimator).fit(x, y)
    together = model.predict(x)
    assert np.array_equal(together, np.concatenate([model.predict(x[i : i + 1]) for i in range(len(x))]))


@pytest.mark.parametrize(("cls", "estimator"), BOTH)
def test_a_missing_y_is_named(cls, estimator):
    with pytest.raises(InvalidArgumentError, match="requires y to be passed, but the target y is None"):
        made(cls, estimator).fit(rows(cls)[0], None)


@pytest.mark.parametrize(("cls", "estimator"), BOTH)
@pytest.mark.parametrize("share", [-0.1, 1.0, np.nan])
def test_a_share_of_validation_rows_outside_its_range_is_named(cls, estimator, share):
    with pytest.raises(InvalidArgumentError, match=r"\(validation_fraction=.*share in \[0, 1\)"):
        made(cls, estimator, validation_fraction=share).fit(*rows(cls))


@pytest.mark.parametrize(("cls", "estimator"), BOTH)
def test_rows_are_learned_from_or_held_out(cls, estimator, monkeypatch):
    divide, seen = SemiSupervised._divide, []

    def watched(self, examples, tasks, seed):
        seen.append((len(examples), *divide(self, examples, tasks, seed)))
        return seen[-1][1:]

    monkeypatch.setattr(SemiSupervised, "_divide", watched)
    n = 5 * cls.least_held
    made(cls, estimator, validation_fraction=0.2).fit(*rows(cls, n + 50, n))
    total, train, held = seen[-1]
    assert sorted([*train, *held]) == list(range(total))
    assert len(held) >= cls.least_held
    # One labelled row fewer is not worth what its labels would be missed for.
    made(cls, estimator, validation_fraction=0.2).fit(*rows(cls, n + 50, n - 1))
    assert len(seen[-1][2]) == 0
    assert len(seen[-1][1]) == n + 50


@pytest.mark.parametrize(("cls", "estimator"), BOTH)
def test_what_is_neither_a_strategy_nor_auto_is_refused(cls, estimator):
    for strategy in ("committee", Committee, 3):
        with pytest.raises(InvalidArgumentError, match="expected a strategy such as Committee"):
            made(cls, estimator, strategy=strategy).fit(*rows(cls))


@pytest.mark.parametrize(("cls", "estimator"), BOTH)
@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_views_are_named_by_number_or_by_name_and_unknown_ones_refused(cls, estimator, frame):
    x, y = rows(cls)
    named = frame({f"c{i}": x[:, i] for i in range(4)})
    strategy = TwoViewCoTraining(["view 1", "view 2"])
    by_number = made(cls, estimator, strategy=strategy, views=[[0, 1], [2, 3]]).fit(named, y)
    by_name = made(cls, estimator, strategy=strategy, views=[["c0", "c1"], ["c2", "c3"]]).fit(named, y)
    assert np.array_equal(by_number.predict(named), by_name.predict(named))
    for views, missing in ([[[0], [4]], "4"], [[["c0"], ["c9"]], "'c9'"], [[[0], ["x1"]], "'x1'"]):
        with pytest.raises(InvalidArgumentError, match=f"{missing} is no column of X, .* 0 to 3"):
            made(cls, estimator, views=views).fit(named, y)


@pytest.mark.parametrize(("cls", "estimator"), BOTH)
def test_two_columns_of_one_name_are_refused(cls, estimator):
    # Of two such targets the second one's answers were those of both.
    x, y = rows(cls)
    twice = pd.DataFrame(np.stack([y, np.where(y == 1, 0, y)], axis=1), columns=["q", "q"])
    with pytest.raises(DataError, match="y has several columns named 'q'"):
        made(cls, estimator).fit(x, twice)
    with pytest.raises(DataError, match="X has several columns named 'a'"):
        made(cls, estimator).fit(pd.DataFrame(x, columns=["a", "a", "b", "c"]), y)


FRAMES = {
    "numbers": lambda n: pd.DataFrame({"a": np.arange(n) % 7 / 3, "b": np.arange(n) % 5 / 2}),
    "categories": lambda n: pd.DataFrame({"a": [*"uvw"] * (n // 3), "b": ["x", "y"] * (n // 2)}),
    "texts": lambda n: pd.DataFrame({"a": [f"word{i % 3} and word{i % 7}" for i in range(n)]}),
    "both": lambda n: pd.DataFrame({"a": [*"uvw"] * (n // 3), "b": np.arange(n) % 5 / 2}),
}


@pytest.mark.parametrize("frame", ["numbers", "texts"])
@pytest.mark.parametrize("strategy", ["auto", *sorted(set(kinds_of(Strategy)) - {"CrossTask"})])
@pytest.mark.parametrize(("cls", "estimator"), NETWORKS)
def test_every_strategy_answers_for_every_kind_of_column(cls, estimator, strategy, frame):
    made_of = kinds_of(Strategy)[strategy]() if strategy != "auto" else "auto"
    x, y = FRAMES[frame](60), rows(cls, 60, 30)[1]
    model = made(cls, estimator, strategy=made_of, margin=0.0, min_labels=0, updates=2)
    if strategy == "TwoViewCoTraining" and frame != "numbers":
        with pytest.raises(InvalidArgumentError, match="2 views are to divide the columns of numbers"):
            model.fit(x, y)
        return
    assert model.fit(x, y).predict(x).shape == (60,)


@pytest.mark.parametrize("views", ["random", "independent"])
@pytest.mark.parametrize(("cls", "estimator"), BOTH + NETWORKS)
def test_views_that_would_divide_nothing_are_refused(cls, estimator, views):
    y = rows(cls, 60, 30)[1]
    for name, frame in FRAMES.items():
        model = made(cls, estimator, views=views)
        if name == "numbers":
            model.fit(frame(60), y)
            continue
        with pytest.raises(InvalidArgumentError, match="seen by every view: name the columns of each view"):
            model.fit(frame(60), y)


def test_an_encoder_of_ones_own_is_used_by_every_network():
    x, y = rows(CoTrainingClassifier)
    for encoder, width in ((TableEncoder(24, 0), 24), (MLP((9,), key="numbers"), 9)):
        model = made(CoTrainingClassifier, encoder=encoder, margin=0.0, min_labels=0).fit(x, y)
        fitted = next(one for one in model._outcome.fitted if one)
        assert {peer.model.sharing.widths()["y"] for peer in fitted} == {width}


@pytest.mark.parametrize(("cls", "estimator"), BOTH)
def test_an_encoder_beside_an_estimator_is_refused(cls, estimator):
    with pytest.raises(InvalidArgumentError, match="encoder would be for: leave one of the two out"):
        made(cls, estimator, encoder=TableEncoder(24, 0)).fit(*rows(cls))


@pytest.mark.parametrize(("cls", "estimator"), BOTH)
def test_equal_estimators_are_no_different_encoders(cls, estimator):
    with pytest.raises(InvalidArgumentError, match="clones of one estimator would be equal"):
        made(cls, estimator, strategy=DifferentEncoders()).fit(*rows(cls))


def test_a_sparse_matrix_is_refused_by_its_size_before_it_is_made_dense():
    from scipy.sparse import csr_matrix

    class Huge(csr_matrix):
        def toarray(self, *_, **__):
            raise AssertionError("it was made dense")

    with pytest.raises(DataError, match=r"Sparse X of 120 rows and 2000000 columns would take 2 GiB: reduce"):
        made(CoTrainingClassifier, LogisticRegression()).fit(
            Huge((120, 2_000_000)), rows(CoTrainingClassifier)[1]
        )


@pytest.mark.parametrize("cls", [CoTrainingClassifier, CoTrainingRegressor])
def test_every_parameter_of_the_base_is_one_of_the_estimator(cls):
    assert set(constructor_parameters(SemiSupervised)) <= set(cls().get_params())


@pytest.mark.parametrize(("cls", "estimator"), BOTH)
def test_given_labels_stay_in_the_completed_y_whatever_was_taught_in_their_place(cls, estimator):
    # A label that was doubted, or whose row has no weight, is missing in the rounds.
    x, y = rows(cls)
    model = made(cls, estimator).fit(x, y)
    everywhere = torch.ones(len(y), 1)
    taught = PseudoLabels(everywhere, everywhere, everywhere, round=1)
    model._keep_labels(y[:, None], SimpleNamespace(labels={"y": taught}), np.arange(len(y)))
    known = np.arange(len(y)) < 40
    assert np.array_equal(model.transduction_[known], y[known])
    assert model.labeled_iter_.tolist() == np.where(known, 0, 1).tolist()


@pytest.mark.parametrize("doubts", [{"label_noise": "confident"}, {}], ids=str)
def test_a_classifier_keeps_the_labels_that_it_doubts_or_gives_no_weight(doubts):
    x, y = rows(CoTrainingClassifier)
    y[:10] = (y[:10] + 1) % 3
    weight = np.where(np.arange(len(y)) < 10, 0.0 if not doubts else 1.0, 1.0)
    model = made(CoTrainingClassifier, LogisticRegression(), margin=0.0, min_labels=0, **doubts)
    model.fit(x, y, sample_weight=weight)
    assert (model.labeled_iter_ == 1).any()
    assert np.array_equal(model.transduction_[:40], y[:40])


@pytest.mark.parametrize(
    "estimator",
    [
        RandomForestClassifier(5),
        make_pipeline(StandardScaler(), RandomForestClassifier(5)),
        BaggingClassifier(DecisionTreeClassifier(max_features=1), 3),
    ],
)
def test_an_estimator_whose_random_state_is_open_has_that_of_the_run(estimator):
    x, y = rows(CoTrainingClassifier)
    one, other = (made(CoTrainingClassifier, estimator).fit(x, y).predict_proba(x) for _ in range(2))
    assert np.array_equal(one, other)
    assert all(value is None for name, value in estimator.get_params().items() if "random_state" in name)


@pytest.mark.parametrize(
    ("cls", "estimator"),
    [
        (CoTrainingClassifier, HistGradientBoostingClassifier(max_iter=3)),
        (CoTrainingRegressor, HistGradientBoostingRegressor(max_iter=3)),
    ],
)
def test_what_a_masked_array_hides_is_missing(cls, estimator):
    x, y = rows(cls)
    hidden = np.random.default_rng(0).random(x.shape) < 0.1
    as_nan, masked = np.where(hidden, np.nan, x), np.ma.masked_array(np.where(hidden, 1e20, x), hidden)
    one, other = (made(cls, estimator, max_rounds=1).fit(form, y).predict(form) for form in (as_nan, masked))
    assert np.array_equal(one, other)


@pytest.mark.parametrize(("cls", "estimator"), BOTH)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_held_out_rows_have_the_classes_and_the_quarters_of_all(cls, estimator, seed, monkeypatch):
    divide, held = SemiSupervised._divide, []
    monkeypatch.setattr(SemiSupervised, "_divide", lambda *given: held.append(divide(*given)) or held[-1])
    n = 5 * cls.least_held
    x, y = np.random.default_rng(seed).normal(size=(n + 50, 4)), np.full(n + 50, np.nan)
    numbers = np.random.default_rng(seed).permutation(n)
    # A rare class has 4 % of the labels.
    y[:n] = numbers < 0.04 * n if cls is CoTrainingClassifier else numbers
    made(cls, estimator, random_state=seed).fit(x, y)
    rows_held = held[-1][1]
    known = y[rows_held][~np.isnan(y[rows_held])]
    if cls is CoTrainingClassifier:
        assert known.sum() == round(0.04 * len(known))
    else:
        counts = np.bincount((4 * known / n).astype(int), minlength=4)
        assert counts.max() - counts.min() <= 1
