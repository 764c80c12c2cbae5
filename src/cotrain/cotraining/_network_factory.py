"""The parts that peers are made of, in one place."""

from __future__ import annotations

import importlib
import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal, final

from torch import Tensor

from cotrain._base import InvalidArgumentError, did_you_mean
from cotrain.balancing import Balancer
from cotrain.cotraining._settings import CoTraining
from cotrain.cotraining.peers import EstimatorPeer, NetworkPeer, Peer
from cotrain.cotraining.peers._network import Build
from cotrain.cotraining.views._independent_views import independent_views
from cotrain.cotraining.views._view import View, random_views
from cotrain.data.sources import Mixing
from cotrain.networks import Encoder
from cotrain.tasks import Task
from cotrain.training import Training
from cotrain.training._fit import Augment


@final
class NetworkFactory:
    """Makes the peers that a strategy asks for: the `PeerFactory` of the loop.

    Args:
        tasks: fitted tasks that are co-trained.
        build: (name, tasks) or (name, tasks, encoder) -> a fresh network with initial weights that the name
            chooses.
        balancer: how tasks are weighed within a network.
        training: how networks are fitted.
        settings: of co-training.
        shapes: name of an input tensor -> shape of one row, for random views.
        views: named views.
        inputs: the training rows, for views of low dependence.
        mixing: how many rows of each source a batch of a network holds.
        augment: what changes the batches that networks learn from.
        learned: what a network for all tasks learns, those that are left as they are among them, in the order
            of its heads; `None`: `tasks`.
        seed: of the run.
    """

    def __init__(
        self,
        tasks: Sequence[Task],
        *,
        build: Build,
        balancer: Balancer,
        training: Training,
        settings: CoTraining,
        shapes: Mapping[str, tuple[int, ...]],
        views: Mapping[str, View] | None = None,
        inputs: Mapping[str, Tensor] | None = None,
        mixing: Mixing | None = None,
        augment: Augment | None = None,
        learned: Sequence[Task] | None = None,
        seed: int = 0,
    ) -> None:
        self.tasks = list(tasks)
        self.learned = self.tasks if learned is None else list(learned)
        self.build = build
        self.balancer = balancer
        self.training = training
        self.settings = settings
        self.shapes = dict(shapes)
        self.named_views = dict(views or {})
        self.inputs = inputs
        self.mixing = mixing
        self.augment = augment
        self.seed = seed
        self._asked: set[str] = set()
        self._divided = False

    @property
    def differ(self) -> bool:
        """True: each network has initial weights of its own."""
        return True

    def network(
        self,
        name: str,
        tasks: Sequence[Task] | None = None,
        view: View | None = None,
        *,
        bootstrap: bool | Literal["bayesian"] = False,
        encoder: Encoder | None = None,
    ) -> Peer:
        """Make a network of the user's architecture."""
        return NetworkPeer(
            name,
            self.tasks if tasks is None else tasks,
            build=self.build,
            balancer=self.balancer,
            settings=self.training,
            seed=self.seed,
            view=view,
            bootstrap=bootstrap,
            updates=self.settings.updates,
            true_per_batch=self.settings.true_per_batch,
            encoder=encoder,
            mixing=self.mixing,
            augment=self.augment,
            learned=self.learned if tasks is None else None,
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
        """Make a peer of scikit-learn estimators with the run's seed."""
        return EstimatorPeer(
            name,
            self.tasks,
            _made(classifier, options, self.seed),
            _made(regressor, regressor_options or {}, self.seed),
            transductive=transductive,
        )

    def views(self, names: Sequence[str], n_random: int) -> list[View]:
        """Return named views, or such as divide the columns of numbers as the settings say.

        Raises:
            InvalidArgumentError: there is no view of a name, or too few columns to divide.
        """
        n_columns = sum(math.prod(shape) for shape in self.shapes.values())
        if not names and n_columns < n_random:
            raise InvalidArgumentError(
                f"{n_random} views are to divide the columns of numbers, of which there "
                f"{'is 1' if n_columns == 1 else f'are {n_columns}'}; categories and words are seen by every "
                "view: name the columns of each view, or take a strategy without views, such as Committee."
            )
        self._asked |= set(names)
        self._divided |= not names
        if not names and self.settings.division == "independent" and self.inputs is not None:
            # Codes are shown to every view, as they are to random ones: the blank of a code is not 0.
            return independent_views({name: self.inputs[name] for name in self.shapes}, n_random)
        if not names:
            return random_views(self.shapes, n_random, self.seed)
        for name in names:
            if name not in self.named_views:
                raise InvalidArgumentError(
                    f"There is no view {name!r} in cotraining.views: {did_you_mean(name, self.named_views)}"
                )
        return [self.named_views[name] for name in names]

    def require_heed(self) -> None:
        """Refuse views of the settings, and a division of columns, that no peer has been made for.

        Raises:
            InvalidArgumentError: there are such.
        """
        strategy = type(self.settings.strategy).__name__
        unseen = [name for name in self.settings.views if name not in self._asked]
        if unseen:
            raise InvalidArgumentError(
                f"cotraining.views names {', '.join(map(repr, unseen))}, which {strategy} shows to none of "
                f"its networks: take TwoViewCoTraining with views={list(self.settings.views)!r}, or leave "
                f"{'it' if len(unseen) == 1 else 'them'} out."
            )
        if self.settings.division != "random" and not self._divided:
            raise InvalidArgumentError(
                f"cotraining.division is {self.settings.division!r}, and {strategy} divides no columns: take "
                "TwoViewCoTraining without named views, or leave division out."
            )


def _made(path: str, options: Mapping[str, Any], seed: int) -> Any:
    module, _, name = path.partition(":")
    try:
        estimator = getattr(importlib.import_module(module), name)(**options)
    except (ImportError, AttributeError, ValueError, TypeError) as error:
        raise InvalidArgumentError(
            f"Cannot make the estimator {path!r} ({error}): write it as 'package.module:Class', with options "
            "that its constructor has."
        ) from error
    missing = [name for name in ("fit", "predict", "get_params") if not hasattr(estimator, name)]
    if missing:
        raise InvalidArgumentError(
            f"{path!r} has no {', '.join(missing)}: expected an estimator of scikit-learn's kind, such as "
            "one that derives from sklearn.base.BaseEstimator."
        )
    if "random_state" in estimator.get_params():
        estimator.set_params(random_state=seed % 2**32)
    return estimator
