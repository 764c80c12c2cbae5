from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from cotrain.evaluation._term_scores import term_scores


def words(n: int, n_words: int = 30, seed: int = 0) -> tuple[csr_matrix, np.ndarray]:
    """Rows of one word each, and its number."""
    word = np.random.default_rng(seed).integers(0, n_words, n)
    return csr_matrix((np.ones(n), (np.arange(n), word)), shape=(n, n_words)), word


@pytest.mark.parametrize("n_classes", [2, 3, 12])
def test_classes_get_probabilities(n_classes: int) -> None:
    terms, word = words(600)
    new, new_word = words(50, seed=1)
    own, model = term_scores(terms, word % n_classes, has_classes=True)
    other = model.scores(new)
    assert own.shape == (600, n_classes if n_classes > 2 else 1)
    assert other.shape == (50, own.shape[1])
    said = (own > 0.5)[:, 0] if n_classes == 2 else own.argmax(axis=1)
    assert np.mean(said == word % n_classes) > 0.95
    said = (other > 0.5)[:, 0] if n_classes == 2 else other.argmax(axis=1)
    assert np.mean(said == new_word % n_classes) > 0.95


def test_numbers_get_values() -> None:
    terms, word = words(600)
    own, model = term_scores(terms, word * 1.0, has_classes=False)
    other = model.scores(terms[:5])
    assert np.corrcoef(own[:, 0], word)[0, 1] > 0.98
    assert np.abs(other[:, 0] - word[:5]).max() < 5


def test_terms_that_no_row_has_change_nothing() -> None:
    terms, word = words(600)
    wide = csr_matrix((terms.data, terms.indices * 7 + 3, terms.indptr), shape=(600, 400))
    own, model = term_scores(terms, word % 3, has_classes=True)
    as_wide, of_wide = term_scores(wide, word % 3, has_classes=True)
    np.testing.assert_allclose(as_wide, own, rtol=1e-6)
    for fold, other in zip(model.folds, of_wide.folds, strict=True):
        assert other.weights.shape == (3, 400)
        np.testing.assert_allclose(other.weights[:, 3:210:7], fold.weights, rtol=1e-4, atol=1e-6)
        assert np.count_nonzero(other.weights[:, np.setdiff1d(np.arange(400), np.arange(3, 210, 7))]) == 0


def test_no_row_learns_from_itself() -> None:
    """Each row has a word of its own, which tells its label to whoever has seen it."""
    truth = np.random.default_rng(0).integers(0, 2, 200)
    own, model = term_scores(csr_matrix(np.eye(200)), truth, has_classes=True)
    again = model.scores(csr_matrix(np.eye(200)))
    assert abs(np.corrcoef(own[:, 0], truth)[0, 1]) < 0.3
    assert np.corrcoef(again[:, 0], truth)[0, 1] > 0.9
    own, _ = term_scores(csr_matrix(np.eye(200)), truth * 1.0, has_classes=False)
    assert abs(np.corrcoef(own[:, 0], truth)[0, 1]) < 0.3


@pytest.mark.parametrize("truth", [[1], [0, 1], [0, 0, 0], [2, 2, 0, 0, 1], [5.0, 1.0, 2.0]])
@pytest.mark.parametrize("has_classes", [True, False])
def test_few_rows_are_no_reason_to_fail(truth: list[float], has_classes: bool) -> None:
    terms = csr_matrix(np.ones((len(truth), 2)))
    own, model = term_scores(terms, np.array(truth), has_classes=has_classes)
    other = model.scores(terms[:0])
    assert len(own) == len(truth)
    assert other.shape == (0, own.shape[1])
    assert np.isfinite(own).all()


def test_the_same_seed_gives_the_same_and_another_one_other_folds() -> None:
    terms, word = words(100)
    one, same, other = (term_scores(terms, word * 1.0, has_classes=False, seed=seed)[0] for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)
