"""The network that is trained: a sharing architecture and one head per task."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, final

import torch
from torch import Tensor, nn

from cotrain._base import InvalidArgumentError, did_you_mean
from cotrain._base._inputs import OWN
from cotrain.networks._doorway import entered_inputs
from cotrain.networks._output_space import OutputSpace
from cotrain.networks._parameter_users import parameter_users
from cotrain.networks._pooling import Pooling, make_pool
from cotrain.networks._positions import run_stage
from cotrain.networks.sharing._base import Sharing
from cotrain.tasks import PreNet
from cotrain.tasks._base import Reads

#: What a head reads of a row: what tasks name, or what each stage of the encoder gives.
HeadReads = Reads | Literal["levels"]


@final
class MultiTaskNetwork(nn.Module):
    """A sharing architecture with a head per task.

    The heads pool, not the encoder: one network serves tasks that read a vector [B, D] and tasks that read a
    vector for every position [B, S, D].

    Args:
        sharing: a built architecture.
        heads: one module per task name, from what it reads to its output.
        output_space: how the tasks' outputs are made of the heads', such as `ESMM`; `None`: each of its own.
        reads: task -> what its head reads: one pooled "vector", the "positions" [B, S, D], the "map" of a
            picture [B, D, H, W], or all "levels", what each stage gives, the finest first; absent ones read
            a vector.
        columns: task -> the column of words or sounds whose positions it reads, or that of the picture whose
            map, where there are several. Of several pictures a head that reads a vector gets those of all,
            P·D wide.
        pooling: how positions become one vector, see `Learner`.
        prenets: task -> what its own inputs go through in the place of the encoder's first stage, which must
            be a `Doorway`; absent ones read what the encoder reads.

    Raises:
        InvalidArgumentError: if the heads are not those of the architecture's tasks.

    Example:
        >>> import torch
        >>> from cotrain.networks import HardSharing, InputSpec, Transformer
        >>> encoder = Transformer(width=8, depth=1, heads=2, n_tokens=30)
        >>> sharing = HardSharing().build(lambda: encoder.build(InputSpec()), ["mood", "tags"])
        >>> heads = {"mood": torch.nn.Linear(8, 2), "tags": torch.nn.Linear(8, 5)}
        >>> model = MultiTaskNetwork(sharing, heads, reads={"tags": "positions"})
        >>> batch = {"tokens": torch.tensor([[7, 8, 9], [7, 0, 0]])}
        >>> {task: tuple(output.shape) for task, output in model(batch).items()}
        {'mood': (2, 2), 'tags': (2, 3, 5)}
        >>> list(model(batch, ["tags"])), model.lengths(batch)
        (['tags'], {'tags': tensor([3, 1])})
    """

    def __init__(
        self,
        sharing: Sharing,
        heads: Mapping[str, nn.Module],
        output_space: OutputSpace | None = None,
        *,
        reads: Mapping[str, HeadReads] | None = None,
        columns: Mapping[str, str] | None = None,
        pooling: Pooling = "mean",
        prenets: Mapping[str, PreNet] | None = None,
    ) -> None:
        super().__init__()
        if set(heads) != set(sharing.tasks):
            raise InvalidArgumentError(
                f"MultiTaskNetwork(heads=...) has heads for {sorted(heads)}, but the architecture was built "
                f"for the tasks {sorted(sharing.tasks)}: give one head per task."
            )
        self.sharing = sharing
        self.tasks = tuple(heads)
        # A list, because task names may hold characters that module names may not.
        self.heads = nn.ModuleList(heads.values())
        self.output_space = output_space
        self.reads: dict[str, HeadReads] = {task: (reads or {}).get(task, "vector") for task in heads}
        self.columns = dict(columns or {})
        self.pictures = sharing.pictures
        self._require_pictures()
        #: M, how many answers there are for each row, see `TabM`.
        self.members = sharing.members
        widths = sharing.widths()
        self.pools = nn.ModuleList(
            make_pool(pooling, widths[task])
            if self.reads[task] == "vector" and self.members == 1
            else nn.Identity()
            for task in self.tasks
        )
        _require_apart(sharing, prenets or {}, self.reads)
        self._entering = {task: place for place, task in enumerate(prenets or {})}
        self.prenets = nn.ModuleList((prenets or {}).values())
        sharing.attach(heads)

    def forward(
        self,
        inputs: dict[str, Tensor],
        tasks: Iterable[str] | None = None,
        *,
        rows: Mapping[str, Tensor] | None = None,
    ) -> dict[str, Tensor]:
        """Return each task's output: [B, O], or [B, S, O] of a task that reads positions.

        Where the encoder is a batched ensemble of M members, such as `TabM`, it is in training what each
        member says, [B, M, O], and in evaluation mode their joint answer, [B, O].

        Args:
            inputs: of the batch.
            tasks: those whose outputs are asked for; the heads of others are not computed. `None`: all that
                these inputs are enough for.
            rows: task of `map_tasks` -> the rows of the batch whose outputs are asked for, int64 [n]: its
                head is computed for these alone, and its output has n rows; absent ones have all.

        Raises:
            InvalidArgumentError: if there is no such task.
        """
        asked = self.answerable(inputs) if tasks is None else tuple(tasks)
        needed = self._needed(asked)
        together = [task for task in self.tasks if task in needed and task not in self._entering]
        outputs = self._from_inputs(self._common(inputs), together, rows or {}) if together else {}
        for task in self.tasks:
            if task in needed and task in self._entering:
                outputs[task] = self._entered(inputs, task)
        if self.output_space is not None:
            outputs = self.output_space(outputs)
        found = {task: outputs[task] for task in self.sharing.tasks if task in asked}
        return found if self.members == 1 or self.training else self._blended(found)

    def _blended(self, outputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the joint answer [B, O] of members' outputs [B, M, O]."""
        heads: dict[str, Any] = dict(zip(self.tasks, self.heads, strict=True))
        return {
            task: heads[task].blended(output) if hasattr(heads[task], "blended") else output.mean(dim=1)
            for task, output in outputs.items()
        }

    def answerable(self, inputs: Mapping[str, Tensor]) -> tuple[str, ...]:
        """Return the tasks that these inputs are enough for: one with inputs of its own needs only those."""
        common = bool(self._common(inputs))
        prenets = {task: self.prenet(task) for task in self.tasks}
        return tuple(
            task
            for task, prenet in prenets.items()
            if (common if prenet is None else all(key in inputs for key in prenet.keys))
        )

    def prenet(self, task: str) -> PreNet | None:
        """Return what a task's own inputs go through; `None`: it has none."""
        found: Any = self.prenets[self._entering[task]] if task in self._entering else None
        return found

    def _common(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the inputs that the encoder's first stage reads."""
        if not self._entering:
            return dict(inputs)
        return {name: tensor for name, tensor in inputs.items() if not name.startswith(OWN)}

    @torch.no_grad()
    def has_positions(self, inputs: dict[str, Tensor]) -> bool:
        """Whether the tasks' representations have positions, which the heads of rows pool.

        Args:
            inputs: of some rows.
        """
        if self.members > 1 or self._entering:
            return self.members == 1
        training = self.training
        representations = self.eval().sharing(inputs)
        self.train(training)
        return any(one.dim() > 2 for one in representations.values())

    def map_tasks(self) -> tuple[str, ...]:
        """Return the tasks whose heads read maps of a picture, and whose rows answer one by one.

        Such a head costs as much as the encoder, so that it need not see the rows without a label.
        """
        if self.output_space is not None:
            return ()
        refined = {before for task in self.tasks for before in self.sharing.refined_by(task)}
        return tuple(
            task
            for task in self.tasks
            if self.reads[task] in ("map", "levels")
            and task not in refined
            and not self.sharing.refined_by(task)
        )

    def _from_inputs(
        self, inputs: dict[str, Tensor], needed: Sequence[str], rows: Mapping[str, Tensor]
    ) -> dict[str, Tensor]:
        """Return the outputs of tasks that read what the encoder reads, before `output_space`."""
        outputs = self._read(inputs, needed, rows)
        spans = self.sharing.spans(inputs)
        return {
            task: output[:, self._span(task, spans)] if self.reads[task] == "positions" else output
            for task, output in outputs.items()
        }

    def _entered(self, inputs: dict[str, Tensor], task: str) -> Tensor:
        """Return the output of a task whose own inputs enter behind the encoder's first stage."""
        prenet = self.prenet(task)
        assert prenet is not None
        entered = prenet(inputs)
        found = self._read(entered_inputs(entered.positions, entered.mask), [task], {})
        return prenet.leave(found[task], entered)

    def _read(
        self, inputs: dict[str, Tensor], needed: Sequence[str], rows: Mapping[str, Tensor]
    ) -> dict[str, Tensor]:
        """Return what the heads of some tasks give, all of whose inputs these are."""
        representations, below = self._representations(inputs, set(needed))
        mask = self.sharing.mask(inputs)
        parts: dict[str, Any] = dict(zip(self.tasks, zip(self.heads, self.pools, strict=True), strict=True))
        outputs: dict[str, Tensor] = {}
        # In the architecture's order, in which a task may read the outputs of those before it.
        for task in self.sharing.tasks:
            if task in needed:
                head, pool = parts[task]
                read: Any = self.sharing.refine(task, representations[task], outputs)
                if self.reads[task] == "vector":
                    read = self._joined(pool(read) if self.members > 1 else pool(read, mask))
                else:
                    levels = self._of_picture([*below.get(task, []), read], task)
                    read = _of_rows(levels, rows.get(task))
                    read = read if self.reads[task] == "levels" else read[-1]
                # A head of positions may say in its output which of them are padding.
                outputs[task] = run_stage(head, read, mask if self.reads[task] == "positions" else None)
        return outputs

    def _joined(self, vectors: Tensor) -> Tensor:
        """Return the vectors of a row's pictures beside one another, [P·B, D] -> [B, P·D]."""
        n = len(self.pictures)
        return vectors if n < 2 else vectors.unflatten(0, (n, -1)).transpose(0, 1).flatten(1)

    def _of_picture(self, levels: list[Tensor], task: str) -> list[Tensor]:
        """Return the maps of the picture that a task reads."""
        if len(self.pictures) < 2:
            return levels
        place = self.pictures.index(self.columns[task])
        return [level.unflatten(0, (len(self.pictures), -1))[place] for level in levels]

    def _require_pictures(self) -> None:
        """Raise `InvalidArgumentError` unless heads know what to read of several pictures."""
        for task in self.tasks if self.pictures else ():
            if self.sharing.refined_by(task):
                raise InvalidArgumentError(
                    f"{type(self.sharing).__name__} lets the task {task!r} read what other tasks say, which "
                    "it cannot of several pictures: take another way of sharing, such as HardSharing, or "
                    "name one picture as the encoder's key."
                )
            if self.reads[task] != "vector":
                require_picture(task, self.columns.get(task), self.pictures)

    def _representations(
        self, inputs: dict[str, Tensor], needed: set[str]
    ) -> tuple[dict[str, Tensor], dict[str, list[Tensor]]]:
        """Return the tasks' representations, and what lies below them if a head that is needed reads it."""
        if all(self.reads[task] != "levels" for task in needed):
            return self.sharing(inputs), {}
        levels = self.sharing.feature_levels(inputs)
        return {task: one[-1] for task, one in levels.items()}, {
            task: one[:-1] for task, one in levels.items()
        }

    def lengths(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return how many positions each row has, the padding not counted.

        Returns:
            task -> int64 [B], for every task that reads positions; none where all rows have all of them.
        """
        asked = self.answerable(inputs)
        found: dict[str, Tensor] = {}
        for task in asked:
            prenet = self.prenet(task)
            if prenet is not None:
                found[task] = prenet.lengths(inputs)
        readers = [task for task in asked if self.reads[task] == "positions" and task not in found]
        if readers:
            common = self._common(inputs)
            mask, spans = self.sharing.mask(common), self.sharing.spans(common)
            if mask is not None:
                found |= {task: mask[:, self._span(task, spans)].sum(dim=1) for task in readers}
        return found

    def _span(self, task: str, spans: Mapping[str, slice]) -> slice:
        """Return the positions of the column that a task reads."""
        if not spans:
            return slice(None)
        column = self.columns.get(task, next(iter(spans)) if len(spans) == 1 else None)
        if column in spans:
            return spans[column]
        raise InvalidArgumentError(
            f"The task {task!r} reads the positions of one column, and there are {', '.join(spans)}: "
            "say of which one, as in tokens: COLUMN, or sound: COLUMN."
        )

    def _needed(self, asked: tuple[str, ...]) -> set[str]:
        """Return the tasks whose heads have to be computed for the outputs of some."""
        for task in asked:
            if task not in self.tasks:
                raise InvalidArgumentError(
                    f"The network has no task {task!r}: {did_you_mean(task, self.tasks)}"
                )
        if self.output_space is not None:
            return set(self.tasks)
        return {*asked, *(before for task in asked for before in self.sharing.refined_by(task))}

    def shared_parameters(self) -> list[nn.Parameter]:
        """Return the parameters that more than one task can use, frozen ones too: they may learn later."""
        own = {id(parameter) for task in self.tasks for parameter in self.task_parameters(task)}
        return [parameter for parameter in self.parameters() if id(parameter) not in own]

    def task_parameters(self, task: str) -> list[nn.Parameter]:
        """Return the parameters that only this task uses, its head included, frozen ones too."""
        if self.output_space is not None and any(task in self.output_space.reads(t) for t in self.tasks):
            # Another task's output is made of this one's head, and so of all that is under it.
            return []
        users = parameter_users(
            self.sharing, {one: self.sharing.task_modules(one) for one in self.sharing.tasks}
        )
        for one in self.tasks:
            for parameter in self._around(one):
                users.setdefault(id(parameter), set()).add(one)
        # A head that two tasks have, or a weight that it has in common with the encoder, is nobody's own.
        own = [*self.sharing.task_parameters(task), *self._around(task)]
        found = {id(p): p for p in own if users[id(p)] == {task}}
        return list(found.values())

    def _around(self, task: str) -> list[nn.Parameter]:
        """Return the parameters of what a task has before and behind the architecture."""
        index, prenet = self.tasks.index(task), self.prenet(task)
        first = [] if prenet is None else list(prenet.parameters())
        return [*first, *self.heads[index].parameters(), *self.pools[index].parameters()]


def require_picture(task: str, column: str | None, pictures: Sequence[str]) -> None:
    """Raise `InvalidArgumentError` unless a task on maps says which of several pictures it means."""
    if len(pictures) > 1 and column not in pictures:
        raise InvalidArgumentError(
            f"The task {task!r} says where things are in one picture, and there are {', '.join(pictures)}: "
            f"say in which, as in picture: {pictures[0]}."
        )


def _of_rows(levels: list[Tensor], rows: Tensor | None) -> list[Tensor]:
    """Return some rows of what the stages give; `None`: all."""
    return levels if rows is None else [level.index_select(0, rows) for level in levels]


def _require_apart(sharing: Sharing, prenets: Mapping[str, PreNet], reads: Mapping[str, HeadReads]) -> None:
    """Raise `InvalidArgumentError` if a task reads outputs that are maps, or of other inputs than its own."""
    for task in sharing.tasks:
        for before in sharing.refined_by(task):
            if reads[before] in ("map", "levels"):
                raise InvalidArgumentError(
                    f"{type(sharing).__name__} lets the task {task!r} read what {before!r} gives, which is a "
                    f'map: put {before!r} last, or let tasks read lower="representations".'
                )
            if task in prenets or before in prenets:
                raise InvalidArgumentError(
                    f"{type(sharing).__name__} lets the task {task!r} read what {before!r} gives, but these "
                    "have different inputs: take another way of sharing, such as HardSharing."
                )
