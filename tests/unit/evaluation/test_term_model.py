"""Linear models of terms as arrays answer as scikit-learn's do."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression

from cotrain.evaluation._term_model import FoldModel, TermModel, probabilities_of
from cotrain.evaluation._term_scores import term_scores


def terms(n: int = 90, seed: int = 0) -> csr_matrix:
    return csr_matrix(np.random.default_rng(seed).integers(0, 2, (n, 12)).astype(float))


@pytest.mark.parametrize("n_classes", [2, 3])
def test_probabilities_are_those_of_scikit_learn(n_classes: int) -> None:
    x = terms()
    y = np.arange(90) % n_classes
    model = LogisticRegression(solver="liblinear" if n_classes == 2 else "lbfgs").fit(x, y)
    ours = probabilities_of(x @ model.coef_.T + model.intercept_)
    np.testing.assert_allclose(ours, model.predict_proba(x), rtol=1e-12)


def test_large_sums_overflow_nowhere() -> None:
    for raw in (np.array([[1e4], [-1e4]]), np.array([[1e4, 0.0, -1e4]])):
        found = probabilities_of(raw)
        assert np.isfinite(found).all()
        np.testing.assert_allclose(found.sum(axis=1), 1)


@pytest.mark.parametrize("truth", ["two", "three", "numbers", "one"])
def test_what_is_kept_answers_to_the_bit(truth: str) -> None:
    x, new = terms(), terms(20, 1)
    y = {
        "two": np.arange(90) % 2,
        "three": np.arange(90) % 3,
        "numbers": np.arange(90.0),
        "one": np.zeros(90, int),
    }[truth]
    _, model = term_scores(x[: len(y)], y, has_classes=truth != "numbers")
    again = TermModel.from_arrays({name: array.copy() for name, array in model.arrays().items()})
    np.testing.assert_array_equal(again.scores(new), model.scores(new))


def test_the_mean_of_the_folds_speaks_for_other_rows() -> None:
    x, new = terms(), terms(20, 1)
    _, model = term_scores(x, np.arange(90) % 3, has_classes=True)
    each = [fold.scores(new, model.classes) for fold in model.folds]
    assert len(each) == 5
    np.testing.assert_allclose(model.scores(new), np.mean(each, axis=0), rtol=1e-12)


def test_a_class_that_a_fold_has_not_seen_has_probability_zero() -> None:
    fold = FoldModel(np.zeros((1, 2), np.float32), np.zeros(1), np.array([0.0, 2.0]))
    found = fold.scores(csr_matrix(np.eye(2)), np.array([0.0, 1.0, 2.0]))
    assert found.tolist() == [[0.5, 0.0, 0.5]] * 2


def test_arrays_that_do_not_go_together_are_refused() -> None:
    _, model = term_scores(terms(), np.arange(90) % 3, has_classes=True)
    arrays = model.arrays()
    for name, other in (
        ("0.weights", arrays["0.weights"][:2]),
        ("0.intercepts", np.zeros(1)),
        ("1.known", np.array([0.0, 1.0, 7.0])),
    ):
        with pytest.raises(ValueError, match="not those of linear models"):
            TermModel.from_arrays(arrays | {name: other})
