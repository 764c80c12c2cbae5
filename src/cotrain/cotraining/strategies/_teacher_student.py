"""Specialists label for one network that learns everything."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Literal, final

from cotrain._base import InvalidArgumentError, check_choice
from cotrain.cotraining.peers import Peer
from cotrain.cotraining.selection import Curriculum, Selector
from cotrain.cotraining.strategies._base import PeerFactory, Strategy


@final
class TeacherStudent(Strategy):
    """Teachers complete the table, a joint student learns from it; the student is the answer.

    Teachers are fitted to true labels only, so that by default there is one round: they would label alike in
    the next.

    Args:
        teachers_are: "single": a network per task (MuST); "joint": a network for all tasks (noisy
            student); "both"; "estimators": a classifier and a regressor of scikit-learn's kind.
        classifier: for "estimators" alone, as the four that follow; written "package.module:Class".
        regressor: the same for numbers.
        options: of the classifier's constructor.
        regressor_options: of the regressor's.
        transductive: whether the classifier is given the unlabelled rows too, with the label −1, as
            scikit-learn's LabelSpreading wants.
        selector: what is kept; default `Curriculum(1.0, growing=False)`: everything at once, as the
            papers do.
        align: see `Strategy`.

    Raises:
        InvalidArgumentError: there is no such kind of teacher, or estimators are described that do not teach.

    Source: Ghiasi et al., "Multi-Task Self-Training for Learning General Representations", 2021,
    https://arxiv.org/abs/2108.11353; Xie et al., "Self-Training with Noisy Student", 2020,
    https://arxiv.org/abs/1911.04252.

    Example:
        >>> TeacherStudent().teachers(4, 5)
        [0, 1, 2, 3]
    """

    #: Parameters that name what is imported: not from a run folder that is not trusted.
    IMPORTED = ("classifier", "regressor")

    def __init__(
        self,
        teachers_are: Literal["single", "joint", "both", "estimators"] = "both",
        *,
        classifier: str = "sklearn.ensemble:HistGradientBoostingClassifier",
        regressor: str = "sklearn.ensemble:HistGradientBoostingRegressor",
        options: Mapping[str, int | float | str | bool] | None = None,
        regressor_options: Mapping[str, int | float | str | bool] | None = None,
        transductive: bool = False,
        selector: Selector | None = None,
        align: bool = False,
    ) -> None:
        check_choice(self, ("single", "joint", "both", "estimators"), teachers_are=teachers_are)
        self.teachers_are = teachers_are
        self.classifier = classifier
        self.regressor = regressor
        self.options = dict(options or {})
        self.regressor_options = dict(regressor_options or {})
        self.transductive = transductive
        self.selector = selector or Curriculum(1.0, growing=False)
        self.align = align
        self._require_heed()

    def _require_heed(self) -> None:
        """Refuse what is said of estimators where none teaches."""
        usual = inspect.signature(type(self)).parameters
        said = [name for name in ("classifier", "regressor") if getattr(self, name) != usual[name].default]
        said += [name for name in ("options", "regressor_options", "transductive") if getattr(self, name)]
        if said and self.teachers_are != "estimators":
            raise InvalidArgumentError(
                f"TeacherStudent({self.teachers_are!r}, {said[0]}=...): {self.teachers_are!r} teachers are "
                f"networks, which {said[0]} says nothing of: take teachers_are='estimators', or leave it out."
            )

    def peers(self, factory: PeerFactory) -> list[Peer]:
        """Make the teachers, and the student last."""
        peers: list[Peer] = []
        if self.teachers_are in ("single", "both"):
            peers += [factory.network(f"teacher of {task.name}", [task]) for task in factory.tasks]
        if self.teachers_are in ("joint", "both"):
            peers.append(factory.network("joint teacher"))
        if self.teachers_are == "estimators":
            made = factory.estimator(
                "estimators",
                self.classifier,
                self.regressor,
                self.options,
                transductive=self.transductive,
                regressor_options=self.regressor_options,
            )
            peers.append(made)
        return [*peers, factory.network("student")]

    def teachers(self, learner: int, n_peers: int) -> list[int]:
        """Return all teachers for the student, nobody for a teacher."""
        return list(range(n_peers - 1)) if learner == n_peers - 1 else []

    def answering(self, n_peers: int) -> list[int]:
        """Return the student."""
        return [n_peers - 1]
