"""Two regressors, each an ensemble, label numbers for each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

from cotrain._base import InvalidArgumentError, check_number
from cotrain.cotraining.peers import Peer
from cotrain.cotraining.selection import KBest, Selector
from cotrain.cotraining.strategies._base import PeerFactory, Strategy


@final
class Coreg(Strategy):
    """Two ensembles; of which numbers the one is of one mind, the other learns, and back.

        s²(x) = 1/M Σ_m (h_m(x) − h̄(x))²,  h̄(x) = 1/M Σ_m h_m(x)

    over the M networks h_m of the teaching ensemble. The rows of least s² are accepted with the label h̄(x):
    the confidence of a row is the share of rows whose s is larger, so it falls where the variance grows. The
    networks of an ensemble differ in their initial weights and sample of the labels; the two ensembles differ
    in nothing else, unless each has a view of its own. Classes go by the ensemble's mean probability.

    Numbers are only labelled where validation rows can judge it (see `CoTraining`). On the diabetes data of
    scikit-learn with 31 labels, 6 of them held out, `CoTrainingRegressor(Coreg())` came to R² .285 on average
    over five splits (.086 to .443); the same six networks on all 31 labels alone to .251, 3 nearest
    neighbours to .180, ridge regression to .346. With so few labels a linear model is the better choice.
    On the sixth morphological feature of the multiple-features digits (140 other features, 70 labels, one
    split) it gained next to nothing: .512 after .509, 3 nearest neighbours .629.

    Args:
        members: M, networks in each ensemble, ≥ 2: one network alone is not sure of any number.
        views: names of two views, one per ensemble; `None`: both see everything.
        selector: what is kept; default `KBest(0.5)`, in the end the surer half.
        align: see `Strategy`.

    Raises:
        InvalidArgumentError: fewer than two members, or not two views.

    Source: Zhou & Li, "Semi-Supervised Regression with Co-Training", 2005,
    https://www.ijcai.org/Proceedings/05/Papers/0689.pdf. There the two are nearest-neighbour regressors of
    different metrics, and the row is taken that lowers the squared error of its labelled neighbours most when
    the regressor is fitted again with it, Σ (y_i − h(x_i))² − (y_i − h'(x_i))² > 0. One refit per row is
    too much for networks; the variance of an ensemble needs none.

    Example:
        >>> Coreg(members=2).teachers(0, 4), Coreg(members=2).teachers(3, 4)
        ([2, 3], [0, 1])
    """

    def __init__(
        self,
        members: int = 3,
        *,
        views: Sequence[str] | None = None,
        selector: Selector | None = None,
        align: bool = False,
    ) -> None:
        check_number(self, 2, members=members)
        if views is not None and len(views) != 2:
            raise InvalidArgumentError(f"Coreg(views={views!r}): expected two views, one per regressor.")
        self.members = members
        self.views = None if views is None else list(views)
        self.selector = selector or KBest(0.5)
        self.align = align

    def peers(self, factory: PeerFactory) -> list[Peer]:
        """Make both ensembles, the first one's networks first."""
        views = factory.views(self.views, 2) if self.views else [None, None]
        return [
            factory.network(f"regressor {side + 1}.{number + 1}", view=view, bootstrap=True)
            for side, view in enumerate(views)
            for number in range(self.members)
        ]

    def teachers(self, learner: int, n_peers: int) -> list[int]:
        """Return the networks of the other ensemble."""
        half = n_peers // 2
        return list(range(half, n_peers)) if learner < half else list(range(half))

    def answering(self, n_peers: int) -> list[int]:
        """Return all."""
        return list(range(n_peers))
