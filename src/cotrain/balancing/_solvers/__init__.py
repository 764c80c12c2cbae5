"""Small dense solvers in float64 NumPy: each answers one question about a K×K Gramian exactly."""

from cotrain.balancing._solvers._agreement import equal_cosine_weights
from cotrain.balancing._solvers._bargaining import bargaining_weights
from cotrain.balancing._solvers._conflict_averse import conflict_averse_weights
from cotrain.balancing._solvers._dual_cone import dual_cone_weights
from cotrain.balancing._solvers._least_norm import least_norm_weights
from cotrain.balancing._solvers._shortest_correction import shortest_correction
from cotrain.balancing._solvers._simplex import project_onto_simplex

__all__ = [
    "bargaining_weights",
    "conflict_averse_weights",
    "dual_cone_weights",
    "equal_cosine_weights",
    "least_norm_weights",
    "project_onto_simplex",
    "shortest_correction",
]
