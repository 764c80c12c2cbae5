"""Learning from rows without labels: what was changed in a row, and what stood there before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Self, final

import torch
from torch import Tensor, nn
from torch.nn import functional

from cotrain._base import InvalidArgumentError, check_number, mix_seed
from cotrain._base._inputs import CATEGORIES, OWN
from cotrain._base._ragged import Leaves
from cotrain.data import Batches
from cotrain.networks import MultiTaskNetwork
from cotrain.networks._positions import mean_over_positions
from cotrain.training._examples import Examples


@final
class Reconstruction:
    """How a network learns from all rows, labelled or not, beside its tasks.

    A share of a row's values is exchanged for those of other rows, x̃ = m ⊙ x̄ + (1 − m) ⊙ x, and two heads
    on the network's representation of x̃ say which they were and what stood there:

        weight · (mean over columns of L(x, value head) + mask · BCE(x̃ ≠ x, mask head))

    with L the squared error of standardised numbers, and the cross-entropy of categories.

    It is added to the tasks' loss after their balancing, and its heads are thrown away after the fit. It
    helps where few rows have labels and the columns say something of each other.

    Source: Yoon et al., "VIME: Extending the Success of Self- and Semi-supervised Learning to Tabular
    Domain", NeurIPS 2020; the corruption also of Bahri et al., "SCARF", 2022,
    https://arxiv.org/abs/2106.15147. There an encoder is trained so before the labels are looked at, here
    both are learned at once, as in semi-supervised autoencoders; and x̄ takes the values of each column from
    the rows of the batch.

    Args:
        corruption: probability that a value is exchanged, in (0, 1).
        weight: of the loss beside that of the tasks, > 0.
        mask: weight of telling which values were exchanged, ≥ 0.

    Raises:
        InvalidArgumentError: a value is out of its range.

    Example:
        >>> from cotrain.training import Training
        >>> Training(reconstruction=Reconstruction(corruption=0.4)).reconstruction.corruption
        0.4
    """

    def __init__(self, corruption: float = 0.3, weight: float = 1.0, mask: float = 1.0) -> None:
        check_number(self, 0, 1, open_low=True, open_high=True, corruption=corruption)
        check_number(self, 0, float("inf"), open_low=True, open_high=True, weight=weight)
        check_number(self, 0, float("inf"), open_high=True, mask=mask)
        self.corruption = corruption
        self.weight = weight
        self.mask = mask


@final
class Reconstructor(nn.Module):
    """The two heads, and the rows that they learn from: batches of their own, of all rows in turn.

    What a step sees is a pure function of the seed and the step's number.

    Args:
        settings: see `Reconstruction`.
        model: whose representation they read.
        inputs: of all rows: name -> numbers [N, D], codes [N, C] of categories, or other inputs, which are
            shown as they are and not asked for.
        batch_size: rows in a step.
        seed: names the random streams.

    Raises:
        InvalidArgumentError: there are no numbers and no categories.

    Shapes: B rows; D numbers and C categories.
    """

    def __init__(
        self,
        settings: Reconstruction,
        model: MultiTaskNetwork,
        inputs: Leaves,
        *,
        batch_size: int,
        seed: int,
    ) -> None:
        super().__init__()
        self.settings = settings
        self.seed = seed
        rows = {name: leaf for name, leaf in inputs.items() if not name.startswith(OWN)}
        self.numbers = [name for name, leaf in rows.items() if _is_matrix(leaf, floating=True)]
        self.codes = [name for name in (CATEGORIES,) if _is_matrix(rows.get(name), floating=False)]
        if not self.numbers and not self.codes:
            raise InvalidArgumentError(
                "training.reconstruction learns numbers and categories, and the rows have none: leave it out."
            )
        self.batches = Batches({"inputs": rows}, batch_size=batch_size, seed=mix_seed(seed, "reconstruction"))
        self._coming: tuple[int, Iterator[dict[str, Any]]] | None = None
        values = [rows[name] for name in self.numbers]
        self.means = [one.mean(dim=0) for one in values]
        scales = [one.std(dim=0, correction=0) for one in values]
        self.scales = [scale.where(scale > 0, 1.0) for scale in scales]  # a constant column costs nothing
        self.first = [rows[name].amin(dim=0) for name in self.codes]
        self.sizes = [
            [int(size) for size in (rows[name].amax(dim=0) - low + 1).tolist()]
            for name, low in zip(self.codes, self.first, strict=True)
        ]
        n_numbers = sum(len(one) for one in self.means)
        n_columns = n_numbers + sum(len(one) for one in self.sizes)
        few = next(iter(self.batches.epoch(0)))["inputs"]
        training = model.training
        with torch.no_grad():
            width = _represented(model.eval(), few).shape[1]
        model.train(training)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(mix_seed(seed, "reconstruction", "heads"))
            self.value_head = nn.Linear(width, n_numbers + sum(sum(one) for one in self.sizes))
            self.mask_head = nn.Linear(width, n_columns)

    @classmethod
    def of(
        cls,
        settings: Reconstruction | None,
        model: MultiTaskNetwork,
        inputs: Leaves,
        *,
        batch_size: int,
        seed: int,
    ) -> Self | None:
        """Return one beside a model, on its device; `None` where nobody asked for it."""
        if settings is None:
            return None
        device = next(model.parameters()).device
        rows = Examples(inputs, {}, {}).to(device).inputs
        return cls(settings, model, rows, batch_size=batch_size, seed=seed).to(device)

    def loss(self, model: MultiTaskNetwork, step: int) -> Tensor:
        """Return the loss of a step's rows, a scalar.

        Args:
            model: the network, in training.
            step: its number, ≥ 0.
        """
        inputs = self._rows(step)
        generator = torch.Generator().manual_seed(mix_seed(self.seed, "reconstruction", step))
        changed = dict(inputs)
        for name in (*self.numbers, *self.codes):
            changed[name] = exchanged(inputs[name], self.settings.corruption, generator)
        hidden = _represented(model, changed)
        moved = [changed[name] != inputs[name] for name in (*self.numbers, *self.codes)]
        told = functional.binary_cross_entropy_with_logits(
            self.mask_head(hidden).float(), torch.cat(moved, dim=1).float()
        )
        return self.settings.weight * (
            self._value_loss(self.value_head(hidden).float(), inputs) + self.settings.mask * told
        )

    def _rows(self, step: int) -> dict[str, Any]:
        """Return the rows of a step: those after the ones of the step before."""
        if self._coming is None or self._coming[0] != step:
            epoch, start = divmod(step, len(self.batches))
            self._coming = (step, self.batches.epoch(epoch, start=start))
        batch = next(self._coming[1], None)
        if batch is None:
            self._coming = (step, self.batches.epoch(step // len(self.batches)))
            batch = next(self._coming[1])
        self._coming = (step + 1, self._coming[1])
        return batch["inputs"]

    def _value_loss(self, said: Tensor, inputs: Mapping[str, Tensor]) -> Tensor:
        """Return the mean over columns of what was said of each, for outputs [B, O]."""
        losses: list[Tensor] = []
        place = 0
        for name, mean, scale in zip(self.numbers, self.means, self.scales, strict=True):
            part = said[:, place : place + len(mean)]
            losses.append((part - (inputs[name] - mean) / scale).square().mean(dim=0))
            place += len(mean)
        for name, low, sizes in zip(self.codes, self.first, self.sizes, strict=True):
            codes = inputs[name] - low
            for column, size in enumerate(sizes):
                logits = said[:, place : place + size]
                losses.append(functional.cross_entropy(logits, codes[:, column].long())[None])
                place += size
        return torch.cat(losses).mean()


def exchanged(values: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Return values [B, D] of which a share are those of another row of the same column.

    Args:
        values: of B rows.
        share: probability of an exchange, in [0, 1].
        generator: of the host.

    Example:
        >>> column = torch.arange(4.0)[:, None]
        >>> exchanged(column, 0.0, torch.Generator().manual_seed(0)).equal(column)
        True
    """
    other = torch.rand(values.shape, generator=generator).argsort(dim=0).to(values.device)
    chosen = (torch.rand(values.shape, generator=generator) < share).to(values.device)
    return torch.where(chosen, values.gather(0, other), values)


def _represented(model: MultiTaskNetwork, inputs: dict[str, Tensor]) -> Tensor:
    """Return what the network knows of each row, [B, D]: all that its tasks read, side by side."""
    found = {id(one): one for one in model.sharing(inputs).values()}
    mask = model.sharing.mask(inputs)
    return torch.cat([mean_over_positions(one, mask) for one in found.values()], dim=1)


def _is_matrix(leaf: Any, *, floating: bool) -> bool:
    return isinstance(leaf, Tensor) and leaf.dim() == 2 and leaf.is_floating_point() == floating
