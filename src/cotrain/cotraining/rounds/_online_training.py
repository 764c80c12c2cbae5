"""Rounds that are passes of one long fit."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, final

from torch import Tensor

from cotrain._base import InvalidArgumentError, RunError
from cotrain.cotraining.peers import FittedPeer, Online, OnlineModel, OnlinePeer, Peer
from cotrain.cotraining.rounds._pseudo_labels import LabellingResult, with_pseudo_labels
from cotrain.training import Examples
from cotrain.training._checkpoint import Checkpoints, read_checkpoint

#: Least time between two checkpoints within a pass, of which there are none.
SECONDS = 30.0
#: (peers as they are now, number of the round) -> for each peer its labels per task.
Teach = Callable[[Sequence[FittedPeer], int], list[dict[str, LabellingResult]]]


@final
class OnlineTraining:
    """The networks of an online strategy, which go on from round to round.

    Each pass over all rows begins with labels that the averages of the networks' weights decide anew; a
    round is as many passes as come nearest to the optimiser steps of one fit. All networks take a pass with
    labels of the same moment, so that their order does not matter.

    Args:
        networks: under way, at their start.
        peers: the same, as the loop knows them.
        examples: N rows with the true labels.
        n_rounds: rounds in all.
        teach: decides labels.
        path: file for the state; `None`: none is kept.
    """

    def __init__(
        self,
        networks: Sequence[OnlineModel],
        peers: Sequence[Peer],
        examples: Examples,
        *,
        n_rounds: int,
        teach: Teach,
        path: Path | None,
    ) -> None:
        self.networks = list(networks)
        self.peers = list(peers)
        self.examples = examples
        self.teach = teach
        self.passes = self.networks[0].n_passes // n_rounds
        self.checkpoints = Checkpoints(path, SECONDS)
        self.snapshots: list[list[Mapping[str, Any]]] = []
        if path is not None and path.exists():
            self._resume(read_checkpoint(path))

    def round(self, round_: int) -> list[FittedPeer]:
        """Take the passes of a round and return the networks as they are then."""
        while len(self.snapshots) < round_:
            self._take_pass(round_)
            if self.networks[-1].passes >= round_ * self.passes:
                self.snapshots.append([network.snapshot() for network in self.networks])
            if self.checkpoints.due(epoch_ended=True):
                self.checkpoints.write(self._state())
        shots = zip(self.networks, self.snapshots[round_ - 1], strict=True)
        return [network.fitted(snapshot) for network, snapshot in shots]

    def _take_pass(self, round_: int) -> None:
        taught = self.teach(self.networks, round_)
        for network, peer, labels in zip(self.networks, self.peers, taught, strict=True):
            stores = {task: one.labels for task, one in labels.items() if one.labels.n_accepted}
            network.learn(with_pseudo_labels(self.examples, peer.learned, stores))

    def _state(self) -> dict[str, Any]:
        fits = [network.state_dict() for network in self.networks]
        return {"fits": fits, "snapshots": self.snapshots}

    def _resume(self, state: Mapping[str, Any]) -> None:
        if len(state["fits"]) != len(self.networks):
            raise RunError(
                f"The checkpoint is of {len(state['fits'])} networks, the strategy has {len(self.networks)}: "
                "the configuration has changed since. Train again with --overwrite."
            )
        for network, fit in zip(self.networks, state["fits"], strict=True):
            network.load_state_dict(fit)
        self.snapshots = [list(shots) for shots in state["snapshots"]]


def online_strategy_of(
    peers: Sequence[Peer],
    examples: Examples,
    start: Sequence[FittedPeer],
    online: Online,
    *,
    n_rounds: int,
    true_rows: Tensor,
) -> list[OnlineModel]:
    """Return the peers of an online strategy at their start.

    Raises:
        InvalidArgumentError: a peer cannot go on learning.
    """
    begun = []
    for peer, fitted in zip(peers, start, strict=True):
        if not isinstance(peer, OnlinePeer):
            raise InvalidArgumentError(
                f"Peer {peer.name!r} is a {type(peer).__name__}, which is fitted at once and cannot go on "
                "while its labels change: choose a strategy of rounds, such as Committee."
            )
        begun.append(peer.begin(examples, fitted, online, n_rounds=n_rounds, true=true_rows))
    return begun
