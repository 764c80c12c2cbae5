"""A number, or a direction, for every pixel."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal, final

import numpy as np
import polars as pl
import torch
from torch import Tensor, nn
from torch.nn import functional

from cotrain._base import DataError, InvalidArgumentError, RowError, check_choice
from cotrain.tasks._base import Task, full_precision
from cotrain.tasks._custom_metric import MetricChoice
from cotrain.tasks._exhibit import Exhibit
from cotrain.tasks._metric import Metric
from cotrain.tasks._target_kind import NumberTargets
from cotrain.tasks._target_values import one_column
from cotrain.tasks._weighted_median import weighted_median
from cotrain.tasks.dense._field_metrics import depth_metrics, normal_metrics, value_metrics
from cotrain.tasks.dense._fields import field_bytes, nearest_field, read_field
from cotrain.tasks.dense._masks import sized_map
from cotrain.tasks.dense._moves import move_field, turn_directions

#: Longest side of a field where the user names none; as for pictures.
LONGEST = 256
#: Most pixels that the best constant is found from.
_MOST_PIXELS = 2**20

Quantity = Literal["depth", "values", "normals"]


@final
class DenseRegression(Task):
    """A quantity of every pixel: depth, surface normals, or any number.

        depth:    |z - (log d - mean) / deviation|       normals:  1 - cos(z, n)
        values:   |z - (v - mean) / deviation|

    with z the head's map, brought to the target's size (bilinear); the mean over the labelled pixels. Depths
    are learned as logarithms, so that their error is relative and what is predicted is above 0.

    A label is a NumPy file, a picture of 8, 16 or 32 bits (of normals: red, green and blue, 0 to 255 for −1
    to 1), or an array, [height, width] or [height, width, 3]. Pixels without a label are NaN, infinite, or
    `ignore`; of depth also what is not above 0, of normals what has no direction, such as black.

    Args:
        name: see `Task`.
        columns: see `Task`; one column of paths, bytes or arrays.
        quantity: "depth", "normals", or "values" of any kind.
        unit: what the numbers of a label are divided by, > 0: 1000 for depths in millimetres that shall be
            metres. Normals have none.
        ignore: the number of pixels that are not labelled, before it is divided; `None`: those above only.
        picture: the column of the picture that the fields are of, where there are several.
        size: height and width of the fields that are learned from, or one number for both; `None`: the median
            of each side in training, and no side above 256. Figures are of fields of this size; predicted
            ones have that of their picture.
        weight: see `Task`.
        preference: see `Task`.
        when: see `Task`.
        sample_weight: see `Task`.
        metrics: see `Task`.

    Raises:
        DataError: at `fit`, if there is no label, or one has another form.

    Source: Eigen, Puhrsch and Fergus, "Depth Map Prediction from a Single Image using a Multi-Scale Deep
    Network", 2014, https://arxiv.org/abs/1406.2283; without its scale-invariant term.

    Example:
        >>> task = DenseRegression("depth", unit=1000)
        >>> metres = pl.Series("depth", [np.array([[1000, 0], [2000, 4000]]), None], dtype=pl.Object)
        >>> task.fit(pl.DataFrame({"depth": metres}))
        >>> targets, labelled = task.encode(pl.DataFrame({"depth": metres}))
        >>> task.original(targets)[0, 0].round(decimals=3).tolist(), labelled[0].tolist()
        ([[1.0, 2.0], [2.0, 4.0]], [[True, False], [True, True]])
    """

    target_kind = NumberTargets()
    reads = "map"
    pixelwise = True
    plain_cells = False

    def __init__(
        self,
        name: str,
        columns: str | Sequence[str] | None = None,
        *,
        quantity: Quantity = "depth",
        unit: float = 1.0,
        ignore: float | None = None,
        size: int | Sequence[int] | None = None,
        picture: str | None = None,
        weight: float = 1.0,
        preference: float = 1.0,
        when: str | None = None,
        sample_weight: str | None = None,
        metrics: Sequence[MetricChoice] | None = None,
    ) -> None:
        check_choice(f"DenseRegression({name!r}", tuple(_METRICS), quantity=quantity)
        self.quantity = quantity
        super().__init__(
            name,
            columns,
            weight=weight,
            preference=preference,
            when=when,
            sample_weight=sample_weight,
            metrics=metrics,
        )
        one_column("DenseRegression", name, self.columns)
        if not 0 < unit < float("inf"):
            raise InvalidArgumentError(
                f"DenseRegression({name!r}, unit={unit!r}): expected a positive finite number."
            )
        if unit != 1 and quantity == "normals":
            raise InvalidArgumentError(
                f"DenseRegression({name!r}, quantity='normals', unit={unit!r}): directions have no unit; "
                "leave it out."
            )
        sides = [size, size] if isinstance(size, int) else size
        if sides is not None and (len(sides) != 2 or not all(isinstance(s, int) and s >= 1 for s in sides)):
            raise InvalidArgumentError(
                f"DenseRegression({name!r}, size={size!r}): expected a whole number ≥ 1, or height and width."
            )
        self.unit = float(unit)
        self.ignore = ignore
        self.picture = picture
        self.size = size if isinstance(size, int) or size is None else list(size)
        self._shape = (1, 1) if sides is None else (sides[0], sides[1])
        self._mean, self._deviation = 0.0, 1.0

    # -- coding -------------------------------------------------------------------------------------

    def fit_columns(self, frame: pl.DataFrame) -> None:
        """Learn the size of the fields, and mean and deviation of (the logarithm of) the numbers."""
        shapes: list[tuple[int, int]] = []
        moments: list[tuple[float, ...]] = []
        of_row = self.weights_of(frame)

        def look(row: int, field: np.ndarray, known: np.ndarray) -> None:
            values = self._transformed(field)[:, known]
            shapes.append((field.shape[1], field.shape[2]))
            of_one = (known.sum(), float(values.sum()), float((values**2).sum()))
            moments.append(of_one if of_row is None else tuple(float(of_row[row]) * part for part in of_one))

        self._each(frame, look)
        # Added up in one order, whichever thread was first.
        count, total, square = np.array(sorted(moments)).sum(axis=0) if moments else (0, 0.0, 0.0)
        if not count:
            raise DataError(
                f"Task {self.name!r}: no pixel of the column {self.columns[0]!r} is labelled: label some, or "
                "leave the task out."
            )
        if self.size is None:
            sides = np.median(shapes, axis=0)
            sides = np.maximum(1, np.rint(sides * min(1.0, LONGEST / sides.max()))).astype(int)
            self._shape = (int(sides[0]), int(sides[1]))
        if self.quantity != "normals":
            self._mean = float(total / count)
            spread = float(max(0.0, square / count - self._mean**2)) ** 0.5
            self._deviation = spread if spread > 1e-6 * max(1e-30, abs(self._mean)) else 1.0

    def encode_columns(self, frame: pl.DataFrame) -> tuple[Any, Any]:
        """Return coded numbers float32 [B, C, H, W], of normals 3 and else 1 a pixel, and bool [B, H, W]."""
        height, width = self._shape
        targets = np.zeros((frame.height, self.n_outputs, height, width), np.float32)
        labelled = np.zeros((frame.height, height, width), bool)

        def put(row: int, field: np.ndarray, known: np.ndarray) -> None:
            resized = nearest_field(np.concatenate([field, known[None]]), height, width)
            labelled[row] = resized[-1] > 0
            coded = (self._transformed(resized[:-1]) - self._mean) / self._deviation
            targets[row] = np.where(labelled[row], coded, 0.0)

        self._each(frame, put)
        return torch.from_numpy(targets), torch.from_numpy(labelled)

    def _transformed(self, field: np.ndarray) -> np.ndarray:
        """Return a field as it is learned, before it is standardised; unlabelled pixels are anything."""
        if self.quantity == "depth":
            return np.log(np.where(field > 0, field, 1.0))
        if self.quantity == "normals":
            return field / np.maximum(np.linalg.norm(field, axis=0), 1e-9)
        return field

    def _each(self, frame: pl.DataFrame, take: Callable[[int, np.ndarray, np.ndarray], None]) -> None:
        """Read every field and hand it on with its row and where it is labelled."""
        cells = frame[self.columns[0]].to_list()

        def read(row: int) -> None:
            try:
                field = read_field(cells[row], self.n_outputs)
            except DataError as error:
                raise RowError(f"Task {self.name!r}, row {{row}}: {error}", row) from error
            take(row, *self._labelled(field))

        rows = [row for row, cell in enumerate(cells) if cell is not None and not _is_blank(cell)]
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(read, rows))

    def _labelled(self, field: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return a field [C, H, W] in the unit of the task, 0 where it is unlabelled, and where it is not."""
        known = np.asarray(np.isfinite(field).all(axis=0))
        if self.ignore is not None:
            known = known & (field != self.ignore).any(axis=0)
        field = np.where(known, field, 0.0) / self.unit
        if self.quantity == "depth":
            known = known & (field[0] > 0)
        elif self.quantity == "normals":
            # Half a step of 8 bits in each direction is no direction.
            known = known & (np.linalg.norm(field, axis=0) > 0.01)
        return field, known

    def unseen(self, frame: pl.DataFrame) -> dict[str, int]:
        """Return nothing: a number is never unseen."""
        return {}

    def state_dict(self) -> dict[str, Any]:
        """Return the size, the mean and the deviation."""
        return {"shape": list(self._shape), "mean": self._mean, "deviation": self._deviation}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over the size, the mean and the deviation."""
        height, width = state["shape"]
        self._shape = (int(height), int(width))
        self._mean, self._deviation = float(state["mean"]), float(state["deviation"])

    # -- network ------------------------------------------------------------------------------------

    @property
    def position_column(self) -> str | None:
        """The picture in which things are, where a row has several."""
        return self.picture

    @property
    def n_outputs(self) -> int:
        """Numbers of a pixel: 3 of normals, else 1."""
        return 3 if self.quantity == "normals" else 1

    def output_layer(self, width: int) -> nn.Module:
        """Make a 1×1 convolution."""
        return nn.Conv2d(width, self.n_outputs, 1)

    def losses(self, output: Tensor, target: Tensor) -> Tensor:
        """Return the loss of every pixel, [B, H, W]."""
        sized = sized_map(output, target.shape[2:])
        if self.quantity == "normals":
            return 1 - functional.cosine_similarity(sized, target, dim=1)
        return (sized - target)[:, 0].abs()

    def moved(self, target: Tensor, mask: Tensor, moves: Tensor) -> tuple[Tensor, Tensor]:
        """Return the fields moved as their pictures were; what came in from outside is not labelled.

        What is shown larger is nearer by as much; normals turn and are mirrored as the picture is.
        """
        field, left = move_field(target, mask, moves)
        if self.quantity == "depth":
            nearer = 0.5 * torch.linalg.det(moves[:, :, :2]).abs().log() / self._deviation
            field = field + nearer[:, None, None, None].to(field)
        elif self.quantity == "normals":
            field = turn_directions(field, moves)
        return field, left

    def reference_output(self, targets: Any, mask: Any) -> Tensor:
        """Return the median of the coded numbers, or the mean direction, [C]."""
        values, weights = targets.movedim(1, -1)[mask > 0], mask[mask > 0]
        step = max(1, len(values) // _MOST_PIXELS)
        values, weights = values[::step], weights[::step]
        if not len(values):
            return torch.zeros(self.n_outputs, device=targets.device)
        if self.quantity != "normals":
            return weighted_median(values, weights)
        if weights.dtype == torch.bool:
            return values.mean(dim=0)
        return (values * weights[:, None]).sum(dim=0) / weights.sum()

    def constant_output(self, output: Tensor) -> Tensor:
        """Return a field of one pixel, [1, C, 1, 1]."""
        return output[None, :, None, None]

    # -- use ----------------------------------------------------------------------------------------

    def scores(self, output: Tensor) -> Tensor:
        """Return the numbers in the unit of the task, or directions, [B, C, H, W]."""
        return self.original(sized_map(full_precision(output), self._shape))

    def mean_output(self, outputs: Sequence[Tensor]) -> Tensor:
        """Return the mean, of depths of their logarithms, of directions of vectors of length 1."""
        of_length = [functional.normalize(output, dim=1) for output in outputs]
        return torch.stack(of_length if self.quantity == "normals" else list(outputs)).mean(dim=0)

    def original(self, targets: Tensor) -> Tensor:
        """Return coded numbers in the unit of the task; directions of length 1."""
        if self.quantity == "normals":
            return functional.normalize(targets, dim=1)
        values = targets * self._deviation + self._mean
        # A wild output must not overflow.
        return values.clamp(max=80.0).exp() if self.quantity == "depth" else values

    def predict(self, output: Any) -> dict[str, Any]:
        """Return `name` with a field for every row: the bytes of a NumPy file, float32."""
        return self.predict_pictures(output, [self._shape] * len(output))

    def predict_pictures(self, output: Any, sizes: Sequence[tuple[int, int]]) -> dict[str, Any]:
        """Return `name` with a field for every row, as large as its picture."""
        maps = full_precision(output).cpu()
        fields = [
            self.original(sized_map(one[None], size))[0].numpy()
            for one, size in zip(maps, sizes, strict=True)
        ]
        return {self.name: [field_bytes(field) for field in fields]}

    def exhibit(self, cell: Any, *, label: bool) -> Exhibit:
        """Return a field to look at, in the unit of the task."""
        field = read_field(cell, self.n_outputs)
        if label:
            field, known = self._labelled(field)
            field = np.where(known, field, np.nan)
        return Exhibit("field", array=field[0] if len(field) == 1 else field)

    def confidence(self, output: Any) -> Any:
        """Return ½ for every pixel, [B, H, W]: one value ranks no pixel above another."""
        return torch.full((len(output), *self._shape), 0.5, device=output.device)

    def pseudo_label(self, output: Any) -> Any:
        """Return the predictions as coded numbers, [B, C, H, W]."""
        return sized_map(full_precision(output), self._shape).detach()

    def available_metrics(self) -> list[Metric]:
        """Return the figures of the quantity, as papers on NYUv2 have them."""
        return _METRICS[self.quantity]()

    def default_metrics(self) -> list[str]:
        """The relative error, the mean angle or the RMSE selects the best weights."""
        return [metric.name for metric in self.available_metrics()[:2]]


_METRICS: dict[str, Callable[[], list[Metric]]] = {
    "depth": depth_metrics,
    "values": value_metrics,
    "normals": normal_metrics,
}


def _is_blank(cell: object) -> bool:
    return isinstance(cell, str) and not cell.strip()
