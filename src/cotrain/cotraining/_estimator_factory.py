"""Estimators of scikit-learn's kind in the place of networks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, final

from cotrain._base import InvalidArgumentError, mix_seed
from cotrain.cotraining._network_factory import NetworkFactory
from cotrain.cotraining.peers import EstimatorPeer, Peer
from cotrain.cotraining.views._view import View
from cotrain.networks import Encoder
from cotrain.tasks import Task


@final
class EstimatorFactory:
    """Gives clones of one estimator wherever a strategy asks for a network: a `PeerFactory` of the loop.

    Args:
        others: makes everything else.
        classifier: for classes and labels; `None`: there is no such task.
        regressor: for numbers; `None`: there is no such task.
    """

    def __init__(self, others: NetworkFactory, classifier: Any = None, regressor: Any = None) -> None:
        self.others = others
        self.classifier = classifier
        self.regressor = regressor

    @property
    def tasks(self) -> list[Task]:
        """All tasks."""
        return self.others.tasks

    @property
    def differ(self) -> bool:
        """False: clones of one estimator learn the same from the same rows."""
        return False

    def network(
        self,
        name: str,
        tasks: Sequence[Task] | None = None,
        view: View | None = None,
        *,
        bootstrap: bool | Literal["bayesian"] = False,
        encoder: Encoder | None = None,
    ) -> Peer:
        """Make clones of the estimator for these tasks; an encoder is none of theirs.

        Raises:
            InvalidArgumentError: there is an encoder.
        """
        if encoder is not None:
            raise InvalidArgumentError(
                f"{type(encoder).__name__} is given for the peer {name!r}, which is an estimator: choose "
                "estimators or encoders."
            )
        return EstimatorPeer(
            name,
            self.tasks if tasks is None else tasks,
            self.classifier,
            self.regressor,
            view=view,
            bootstrap=self.others.seed if bootstrap else None,
            bayesian=bootstrap == "bayesian",
        )

    def estimator(
        self,
        name: str,
        classifier: str,
        regressor: str,
        options: Mapping[str, int | float | str | bool],
        *,
        transductive: bool,
        regressor_options: Mapping[str, int | float | str | bool] | None = None,
    ) -> Peer:
        """Make a peer of the estimators that the strategy names."""
        return self.others.estimator(
            name,
            classifier,
            regressor,
            options,
            transductive=transductive,
            regressor_options=regressor_options,
        )

    def views(self, names: Sequence[str], n_random: int) -> list[View]:
        """Return named views, or random ones."""
        return self.others.views(names, n_random)


def seeded(estimator: Any, seed: int) -> Any:
    """Return a clone whose random states that are left open, those of its parts too, follow from the run's.

    Args:
        estimator: of scikit-learn's kind; it stays as it is, and a random state that it has is kept.
        seed: of the run.
    """
    from sklearn.base import clone

    found = clone(estimator)
    left = [
        name
        for name, value in found.get_params().items()
        if value is None and name.rpartition("__")[2] == "random_state"
    ]
    return found.set_params(**{name: mix_seed(seed, name) % 2**32 for name in left})
