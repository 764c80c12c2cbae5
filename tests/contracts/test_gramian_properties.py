"""What methods on gradients promise in the field's terms: permutation, linearity, non-conflict, stationarity.

The matrices are those on which TorchJD tests its aggregators, made anew by the definitions of its samplers:
*strongly stationary* (some v > 0 has vᵀJ = 0), *strictly weakly stationary* (only v ≥ 0 with a zero entry)
and *not weakly stationary*; all of given rank, and the plain ones at scales from 0 to 1e15.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass

import numpy as np
import pytest

from cotrain import balancing
from cotrain._base import numpy_generator
from cotrain.balancing import Balancer, CrossBatchRule, GramianRule, JacobianRule, NormRule

# -- matrices -------------------------------------------------------------------------------------------


def complement(columns: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Random orthonormal columns that complete `columns` to a basis."""
    n_rows, n_columns = columns.shape
    drawn = generator.normal(size=(n_rows, n_rows - n_columns))
    return np.linalg.qr(drawn - columns @ (columns.T @ drawn))[0]


def with_left_vectors(left: np.ndarray, n: int, rank: int, generator: np.random.Generator) -> np.ndarray:
    right = complement(np.zeros((n, 0)), generator)[:rank]
    return left[:, :rank] @ np.diag(np.abs(generator.normal(size=rank))) @ right


def normal(m: int, n: int, rank: int, generator: np.random.Generator) -> np.ndarray:
    return with_left_vectors(complement(np.zeros((m, 0)), generator), n, rank, generator)


def strong(m: int, n: int, rank: int, generator: np.random.Generator) -> np.ndarray:
    """Orthogonal to a positive vector."""
    v = np.abs(generator.normal(size=m))
    return with_left_vectors(complement(v[:, None] / np.linalg.norm(v), generator), n, rank, generator)


def strictly_weak(m: int, n: int, rank: int, generator: np.random.Generator) -> np.ndarray:
    """Orthogonal to a non-negative v, with a non-negative v' on the other rows as a singular vector."""
    u, chosen = np.abs(generator.normal(size=m)), np.zeros(m, dtype=bool)
    chosen[generator.permutation(m)[: generator.integers(1, m)]] = True
    pair = np.stack([np.where(chosen, u, 0.0), np.where(chosen, 0.0, u)], axis=1)
    pair /= np.linalg.norm(pair, axis=0)
    return with_left_vectors(np.hstack([pair[:, 1:], complement(pair, generator)]), n, rank, generator)


def non_weak(m: int, n: int, rank: int, generator: np.random.Generator) -> np.ndarray:
    """With a positive left singular vector."""
    u = np.abs(generator.normal(size=m))
    first = u[:, None] / np.linalg.norm(u)
    return with_left_vectors(np.hstack([first, complement(first, generator)]), n, rank, generator)


NORMAL = [(1, 1, 1), (4, 3, 1), (4, 3, 2), (4, 3, 3), (9, 11, 5), (9, 11, 9)]
STATIONARY = [(20, 10, 10), (20, 10, 5), (20, 10, 1), (20, 100, 1), (20, 100, 19)]
SCALES = [0.0, 1e-10, 1e3, 1e5, 1e10, 1e15]


def made(sampler, dimensions) -> dict[str, np.ndarray]:
    return {
        f"{sampler.__name__}{dims}": sampler(*dims, numpy_generator(sampler.__name__, dims))
        for dims in dimensions
    }


PLAIN = made(normal, NORMAL)
SCALED = {f"{scale:g}*{name}": scale * matrix for scale in SCALES for name, matrix in PLAIN.items()}
NON_STRONG = made(strictly_weak, STATIONARY) | made(non_weak, STATIONARY)
ZERO = {f"zero{shape}": np.zeros(shape) for shape in ((1, 1), (4, 3), (9, 11))}
TYPICAL = PLAIN | ZERO | made(strong, STATIONARY) | NON_STRONG


def dependent() -> dict[str, np.ndarray]:
    """Rows that depend on one another as real gradients do: copies, multiples, zeros, sums to zero."""
    found = {}
    for m in (2, 3, 5, 8):
        generator = numpy_generator("dependent", m)
        row, rows = generator.normal(size=7), generator.normal(size=(m, 7))
        factors = generator.normal(size=(m, 1))
        copies, opposite, zero = rows.copy(), rows.copy(), rows.copy()
        copies[m // 2 :], opposite[0], zero[m - 1] = rows[: m - m // 2], -2 * rows[-1], 0.0
        cases = {
            "rank one": factors * row,
            "rank one, whole numbers": np.round(3 * factors + 0.5) * np.round(3 * row),
            "rank one, no conflict": np.abs(factors) * row,
            "rank one, units": np.sign(factors) * 10.0 ** generator.uniform(-4, 4, size=(m, 1)) * row,
            "rank one, signs": np.sign(factors) * row,
            "one row, copied": np.tile(row, (m, 1)),
            "copies": copies,
            "opposite": opposite,
            "a zero row": zero,
            "rank one and a zero row": np.vstack([np.zeros(7), factors[1:] * row]),
            "sum to zero": rows - rows.mean(axis=0),
            "rank two": generator.normal(size=(m, 2)) @ generator.normal(size=(2, 7)),
            "rank m - 1": generator.normal(size=(m, m - 1)) @ generator.normal(size=(m - 1, 7)),
        }
        found |= {f"{name} ({m})": matrix for name, matrix in cases.items()}
    return found


DEPENDENT = dependent()

# -- methods and what they promise ----------------------------------------------------------------------


@dataclass(frozen=True)
class Promises:
    """What holds for a method on every matrix.

    Args:
        permutation: permuting the tasks permutes the weights (and leaves the update).
        linear: the update of diag(c)J is linear in c > 0.
        non_conflicting: no task's loss rises along the update, J·update ≥ 0.
        stationary: the update is 0 at strongly stationary matrices only.
    """

    permutation: bool = True
    linear: bool = False
    non_conflicting: bool = False
    stationary: bool = False


NOTHING_MORE = Promises()
HARMS_NONE = Promises(non_conflicting=True, stationary=True)
PROMISES = {
    "AlignedMTL": NOTHING_MORE,
    "CAGrad": NOTHING_MORE,  # no conflict from c = 1 on: a row of its own below
    "ChebyshevCenter": Promises(non_conflicting=True),
    "ConFIG": NOTHING_MORE,  # no conflict while gradients are independent
    "DBMTL": Promises(stationary=True),
    "DBMTLMomentum": Promises(stationary=True),
    "DualProj": HARMS_NONE,
    "ExcessMTL": NOTHING_MORE,
    "FairGrad": HARMS_NONE,
    "GradDrop": NOTHING_MORE,
    "GradNorm": Promises(stationary=True),
    "GradVac": Promises(permutation=False),  # visits the others in a random order
    "IMTL": NOTHING_MORE,
    "IMTLGradient": NOTHING_MORE,
    "Krum": NOTHING_MORE,
    "MConFIG": NOTHING_MORE,
    "MGDA": Promises(non_conflicting=True),
    "MoCo": NOTHING_MORE,
    "NashMTL": HARMS_NONE,
    "PCD": Promises(permutation=False),  # one task is the primary one
    "PCGrad": Promises(permutation=False),  # visits the others in a random order
    "SAMGS": NOTHING_MORE,
    "TrimmedMean": NOTHING_MORE,
    "UPGrad": Promises(linear=True, non_conflicting=True, stationary=True),
    "UnitNorm": Promises(stationary=True),
}
#: At c = 1 the ball touches 0, where weights of dependent gradients in units of 1e-4 to 1e4 keep 3 digits.
VARIANTS = {
    "CAGrad(c=1)": (lambda: balancing.CAGrad(c=1.0), Promises(permutation=False, non_conflicting=True))
}
MAKERS = {name: getattr(balancing, name) for name in PROMISES} | {
    name: make for name, (make, _) in VARIANTS.items()
}
ALL_PROMISES = PROMISES | {name: promises for name, (_, promises) in VARIANTS.items()}
#: For matrices of other units an absolute size has no meaning: numbers are compared with this share of them.
TOLERANCE = 1e-6


def names(promise: str) -> list[str]:
    return [name for name, promises in ALL_PROMISES.items() if getattr(promises, promise)]


def aggregated(balancer: Balancer, matrix: np.ndarray, losses: np.ndarray | None = None):
    """The weights (`None` for entry-wise methods) and the update."""
    losses = np.ones(len(matrix)) if losses is None else losses
    if isinstance(balancer, JacobianRule):
        return None, balancer.combine(matrix, losses)
    weights = balancer.weights(losses, matrix @ matrix.T)
    return weights, weights @ matrix


def test_every_method_on_gradients_says_what_it_promises():
    bases = (GramianRule, NormRule, JacobianRule)
    values = {name: getattr(balancing, name) for name in balancing.__all__}
    concrete = {n: v for n, v in values.items() if inspect.isclass(v) and not inspect.isabstract(v)}
    assert set(PROMISES) == {name for name, value in concrete.items() if issubclass(value, bases)}
    # methods on independent batches see no Gramian of the update's own gradients
    assert not any(issubclass(getattr(balancing, name), CrossBatchRule) for name in PROMISES)


def close(found: np.ndarray, expected: np.ndarray, size: float) -> None:
    np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE * max(size, 1e-300))


@pytest.mark.parametrize("name", names("permutation"))
@pytest.mark.parametrize("matrix", TYPICAL | SCALED | DEPENDENT)
def test_permuting_the_tasks_permutes_the_weights(name, matrix):
    rows = (TYPICAL | SCALED | DEPENDENT)[matrix]
    generator = numpy_generator("permutation", matrix)
    losses = generator.uniform(0.5, 2.0, size=len(rows))
    weights, update = aggregated(MAKERS[name](), rows, losses)
    largest = np.abs(rows).max()
    for _ in range(4):
        order = generator.permutation(len(rows))
        permuted, permuted_update = aggregated(MAKERS[name](), rows[order], losses[order])
        if weights is None:
            close(permuted_update, update, len(rows) * largest)
        else:
            # a task of a small unit may have a large weight, which counts by what it adds to the update
            lengths = np.linalg.norm(rows, axis=1)
            size = max(float((np.abs(weights) * lengths).max()), 1e-3 * largest)
            close(permuted_update, update, size)
            close(permuted * lengths[order], weights[order] * lengths[order], size)
            if "units" not in matrix:
                close(permuted, weights[order], max(np.abs(weights).max(), 1e-3))


@pytest.mark.parametrize("name", names("linear"))
@pytest.mark.parametrize("matrix", TYPICAL | SCALED | DEPENDENT)
def test_the_update_is_linear_in_the_units_of_the_losses(name, matrix):
    rows = (TYPICAL | SCALED | DEPENDENT)[matrix]
    generator = numpy_generator("linear", matrix)
    for _ in range(4):
        first, second = generator.uniform(size=(2, len(rows), 1))
        alpha, beta = generator.uniform(size=2)
        update = aggregated(MAKERS[name](), (alpha * first + beta * second) * rows)[1]
        expected = alpha * aggregated(MAKERS[name](), first * rows)[1]
        expected = expected + beta * aggregated(MAKERS[name](), second * rows)[1]
        close(update, expected, np.abs(rows).max())


@pytest.mark.parametrize("name", names("non_conflicting"))
@pytest.mark.parametrize("matrix", TYPICAL | SCALED | DEPENDENT)
def test_no_loss_rises_along_the_update(name, matrix):
    rows = (TYPICAL | SCALED | DEPENDENT)[matrix]
    weights, update = aggregated(MAKERS[name](), rows)
    lengths = np.linalg.norm(rows, axis=1)
    size = float((np.abs(weights) * lengths).sum())
    assert (rows @ update >= -TOLERANCE * size * lengths).all()


@pytest.mark.parametrize("name", names("stationary"))
@pytest.mark.parametrize("matrix", NON_STRONG)
def test_the_update_is_zero_at_strongly_stationary_points_only(name, matrix):
    rows = NON_STRONG[matrix]
    update = aggregated(MAKERS[name](), rows)[1]
    assert np.linalg.norm(update) > 5e-3


@pytest.mark.parametrize("name", [name for name in names("stationary") if name in ("UPGrad", "DualProj")])
@pytest.mark.parametrize("matrix", made(strong, STATIONARY))
def test_the_update_is_zero_at_strongly_stationary_points(name, matrix):
    rows = TYPICAL[matrix]
    weights, update = aggregated(MAKERS[name](), rows)
    assert np.linalg.norm(update) < TOLERANCE * np.linalg.norm(rows, 2) * weights.max()


SOLVED_IN_COSINES = ["CAGrad", "ChebyshevCenter", "ConFIG", "DualProj", "IMTLGradient", "MGDA", "UPGrad"]


@pytest.mark.parametrize("name", SOLVED_IN_COSINES)
@pytest.mark.parametrize("matrix", [matrix for matrix in DEPENDENT if "units" not in matrix])
def test_inner_products_in_float32_give_the_update_of_exact_ones(name, matrix):
    """Their rounding, 1e-7 where an eigenvalue should be 0, must not be taken for a direction."""
    rows = np.tile(DEPENDENT[matrix], 100).astype(np.float32)
    wide = rows.astype(np.float64)
    losses = np.ones(len(rows))
    exact = MAKERS[name]().weights(losses, wide @ wide.T) @ wide
    rounded = MAKERS[name]().weights(losses, (rows @ rows.T).astype(np.float64)) @ wide
    # a length is known to the root of what its square is known to, here a few times 1e-6
    np.testing.assert_allclose(rounded, exact, rtol=0, atol=1e-2 * np.abs(wide).max())
