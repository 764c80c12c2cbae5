"""What a learner's networks are made of."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, final

import torch

from cotrain._base import InvalidArgumentError, mix_seed
from cotrain._base._ragged import Leaves, padded_inputs
from cotrain.configuration import describe
from cotrain.data._schema import Coding
from cotrain.learner._preprocessing import Preprocessor
from cotrain.networks import (
    Encoder,
    HardSharing,
    MultiTaskNetwork,
    OutputSpace,
    Sharing,
    default_encoder,
)
from cotrain.networks._doorway import default_trunk, encoder_maker
from cotrain.networks._pooling import DEFAULT_POOLING, Pooling
from cotrain.tasks import Task


@final
@dataclass(frozen=True)
class Architecture:
    """Makes networks, each with initial weights that the seed and a name choose.

    Args:
        encoder: the network from the inputs to a representation, not yet built; never built itself. `None`:
            the one that suits the kinds of inputs, see `default_encoder`.
        sharing: how the tasks share it, not yet built.
        head: widths of hidden layers in every task's head.
        output_space: how outputs are made of the heads'; `None`: each of its own.
        seed: of the initial weights.
        pooling: how heads that read one vector get it from positions.

    Example:
        >>> import polars as pl
        >>> from cotrain.networks import TableEncoder
        >>> from cotrain.tasks import Regression
        >>> frame = pl.DataFrame({"x": [1.0, 2.0, 3.0], "y": [2.0, 4.0, 6.0]})
        >>> preprocessor, _ = Preprocessor.fit(frame, [Regression("y")], {}, [])
        >>> model = Architecture(TableEncoder(width=4), HardSharing()).build(preprocessor)
        >>> model.tasks
        ('y',)
    """

    encoder: Encoder | None
    sharing: Sharing
    head: Sequence[int] = ()
    output_space: OutputSpace | None = None
    seed: int = 0
    pooling: Pooling = DEFAULT_POOLING

    def build(
        self,
        preprocessor: Preprocessor,
        tasks: Sequence[Task] | None = None,
        name: str = "initial weights",
        *,
        start: bool = True,
    ) -> MultiTaskNetwork:
        """Make a new network.

        Args:
            preprocessor: of the inputs and the tasks.
            tasks: fitted tasks; `None`: all. For some of them alone there is nothing to share.
            name: of the network; networks of different names begin differently.
            start: whether an encoder that was trained before takes over its weights; no where others come.
        """
        whole = tasks is None or len(tasks) == len(preprocessor.tasks)
        tasks = preprocessor.tasks if tasks is None else list(tasks)
        encoder = self.encoder_for(preprocessor)
        require_positions(encoder, tasks)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(mix_seed(self.seed, name))
            sharing = copy.deepcopy(self.sharing) if whole else HardSharing()
            names = [task.name for task in tasks]
            own = [task for task in tasks if task.prenet(1) is not None]
            alone = len(own) == len(tasks)
            make = encoder_maker(encoder, preprocessor.spec, entered=bool(own), alone=alone, start=start)
            sharing.build(make, names)
            widths = sharing.widths()
            first = make().widths[0] if own else 0
            # Of several pictures a head of the whole row reads the features of all.
            widths |= {
                task.name: widths[task.name] * max(1, len(sharing.pictures))
                for task in tasks
                if task.reads == "vector"
            }
            n = sharing.members
            heads = {task.name: task.head(widths[task.name], self.head, members=n) for task in tasks}
            return MultiTaskNetwork(
                sharing,
                heads,
                copy.deepcopy(self.output_space) if whole else None,
                reads={task.name: task.reads for task in tasks},
                columns={task.name: column for task in tasks if (column := task.position_column)},
                pooling=self.pooling,
                prenets={task.name: net for task in own if (net := task.prenet(first)) is not None},
            )

    def encoder_for(self, preprocessor: Preprocessor) -> Encoder:
        """Return the encoder, not yet built: the user's, or the default for these inputs."""
        if self.encoder is None:
            alone = all(task.prenet(1) is not None for task in preprocessor.tasks)
            return default_trunk() if alone else default_encoder(preprocessor.spec)
        return self.encoder

    def written_into(self, config: Mapping[str, Any], preprocessor: Preprocessor) -> dict[str, Any]:
        """Return a run's configuration with the encoder that was chosen, if the user named none."""
        chosen = {} if self.encoder is not None else {"encoder": describe(self.encoder_for(preprocessor))}
        return {**config, **chosen}

    @property
    def coding(self) -> Coding | None:
        """How the encoder wants columns coded; `None`: as they are."""
        return None if self.encoder is None else self.encoder.coding

    @property
    def reads(self) -> list[str] | None:
        """The inputs that the encoder names as those that it reads; `None`: it names none."""
        key = getattr(self.encoder, "key", None)
        return [key] if isinstance(key, str) else key

    def with_encoder(self, encoder: Encoder | None) -> Architecture:
        """Return the same with another encoder; `None`: the same."""
        return self if encoder is None else replace(self, encoder=encoder)


def require_pooled(model: MultiTaskNetwork, pooling: Pooling, encoder: Encoder, inputs: Leaves) -> None:
    """Raise `InvalidArgumentError` if the user says how to pool, and there are no positions to be pooled.

    Args:
        model: the network.
        pooling: the user's choice; the default asks for nothing.
        encoder: of the network, for its name.
        inputs: of at least one row.
    """
    if pooling != DEFAULT_POOLING and not model.has_positions(
        padded_inputs({k: v[:1] for k, v in inputs.items()})
    ):
        raise InvalidArgumentError(
            f"pooling: {pooling!r} makes one vector of the positions of a row, and {type(encoder).__name__} "
            "gives one vector a row: leave it out, or take an encoder that keeps positions, such as "
            "WordEncoder or ConvNet."
        )


def require_positions(encoder: Encoder, tasks: Sequence[Task]) -> None:
    """Raise `InvalidArgumentError` if a task reads positions and the encoder gives one vector per row."""
    for task in tasks:
        if task.reads != "vector" and not encoder.keeps_positions:
            raise InvalidArgumentError(
                f"{type(encoder).__name__} gives one vector per row, but the task {task.name!r} "
                f"({type(task).__name__}) reads the {task.reads} of a row: take an encoder that keeps "
                "them, such as WordEncoder or SoundEncoder."
            )
