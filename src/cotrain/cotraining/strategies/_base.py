"""Who teaches whom."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

from cotrain.cotraining.peers import Online, Peer
from cotrain.cotraining.selection import Selector
from cotrain.cotraining.views._view import View
from cotrain.networks import Encoder
from cotrain.tasks import Task


class PeerFactory(Protocol):
    """Makes the peers that a strategy asks for, from what the user has chosen otherwise.

    Example:
        >>> def names_of(factory: PeerFactory) -> list[str]:
        ...     return [factory.network(f"network {number}").name for number in (1, 2)]
    """

    @property
    def tasks(self) -> list[Task]:
        """All tasks."""

    @property
    def differ(self) -> bool:
        """Whether two networks on equal rows differ by chance; equal estimators would be of one mind."""

    def network(
        self,
        name: str,
        tasks: Sequence[Task] | None = None,
        view: View | None = None,
        *,
        bootstrap: bool | Literal["bayesian"] = False,
        encoder: Encoder | None = None,
    ) -> Peer:
        """Make a network of the user's architecture, for all tasks by default, with weights of its own.

        Args:
            name: of the peer.
            tasks: what it learns.
            view: what it sees; `None`: everything.
            bootstrap: whether it learns from a bootstrap sample of the true labels; "bayesian": from all
                of them that are no numbers, with random weights.
            encoder: in the place of the user's; `None`: the user's.
        """

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
        """Make a peer from scikit-learn estimators, written "package.module:Class".

        Args:
            name: of the peer.
            classifier: for labels and classes; made with the options.
            regressor: for numbers.
            options: of the classifier.
            transductive: whether the classifier is given the unlabelled rows too.
            regressor_options: of the regressor; `None`: its defaults.
        """

    def views(self, names: Sequence[str], n_random: int) -> list[View]:
        """Return the views of these names, or as many random ones where none is named."""


class Strategy(ABC):
    """Which peers there are, and from whose predictions each learns.

    Every strategy has a `selector` and says whether the teachers' probabilities are brought to the class
    shares of the true labels (`align`) before it chooses.

    Example:
        A strategy of one's own: two networks, and each learns from the other.

        >>> from cotrain.cotraining import Threshold
        >>> class Pair(Strategy):
        ...     selector, align = Threshold(0.9), False
        ...     def peers(self, factory):
        ...         return [factory.network("one"), factory.network("two")]
        ...     def teachers(self, learner, n_peers):
        ...         return [1 - learner]
        ...     def answering(self, n_peers):
        ...         return [0, 1]
        >>> Pair().teachers(0, 2)
        [1]
    """

    selector: Selector
    align: bool
    #: Whether the number of labels is held against the teachers' measured error, as `TriTraining` does.
    bounded: bool = False
    #: How the peers go on learning while their labels change with them; `None`: each round they are fitted
    #: anew to labels that stay as they are.
    online: Online | None = None
    #: Weight of a pseudo-label that is a number, beside that of a class, in [0, 1]; 0: numbers get none.
    number_weight: float = 1.0

    @abstractmethod
    def peers(self, factory: PeerFactory) -> list[Peer]:
        """Make the peers."""

    @abstractmethod
    def teachers(self, learner: int, n_peers: int) -> list[int]:
        """Return the numbers of the peers that label for this one together; empty: it does not learn."""

    @abstractmethod
    def answering(self, n_peers: int) -> list[int]:
        """Return the numbers of the peers whose joint prediction is the answer."""
