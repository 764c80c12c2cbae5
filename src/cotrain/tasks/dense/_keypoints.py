"""Named points of the one thing in a picture."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, final

import numpy as np
import polars as pl
import torch
from torch import Tensor, nn

from cotrain._base import DataError, InvalidArgumentError, RowError, did_you_mean
from cotrain.tasks._base import Task, full_precision
from cotrain.tasks._custom_metric import MetricChoice
from cotrain.tasks._exhibit import Exhibit
from cotrain.tasks._mean_output import mean_of_classes
from cotrain.tasks._metric import Metric
from cotrain.tasks._target_kind import NumberTargets
from cotrain.tasks._target_values import one_column
from cotrain.tasks.dense._heat_maps import log_normal_maps, map_certainty, mean_places, place_losses
from cotrain.tasks.dense._keypoint_metrics import keypoint_metrics
from cotrain.tasks.dense._listed_cells import flag, listed_cells, require_pixels
from cotrain.tasks.dense._moves import move_points
from cotrain.tasks.dense._picture_sizes import PictureSizes

#: Pixels that a cell of a map is wide, for the loss of the best constant: the default network's stride.
_STRIDE = 4
#: Fewest cells of that map on a side.
_FEWEST = 16
#: Least deviation of a point's places over the training pictures, in parts of the picture.
_NARROWEST = 0.02


@final
class Keypoints(Task):
    """Where the named points of the one thing in a picture are: corners of a face, joints of a hand.

    The head gives a map for each point; the point is at the mean of its softmax, between the cells. The loss
    is the distance from the true place and how far the map is from a normal distribution around it, see
    Nibali et al., "Numerical Coordinate Regression with Convolutional Neural Networks", 2018,
    https://arxiv.org/abs/1801.07372.

    A label is a list of points, {"point": [x, y], "label": ..., "visible": true} in pixels of the picture
    from its upper left corner, no name twice, as `read_table` gives them of COCO's files; as JSON in a CSV. A
    point that is not in the list is unlabelled, and so is every point of an empty list or cell.

    Args:
        name: see `Task`.
        columns: see `Task`; one column of lists of points.
        points: the names in order; `None`: those that occur in training, in the order in which they come.
        pairs: names of points that change places in a mirror, such as [["left_eye", "right_eye"]]: where
            pictures are mirrored in training (`augmentation: {flip: true}`), a left eye is then still one.
        hidden: whether points are learned of which a label says `visible: false` (COCO's v = 1): they lie
            behind something. `False`: they are unlabelled.
        picture: the column of the picture in which the points are. It says which where a row has several,
            and its size is looked up where the table has no columns width and height. `None`: the only one.
        weight: see `Task`.
        preference: see `Task`.
        when: see `Task`.
        sample_weight: see `Task`.
        metrics: see `Task`.

    Raises:
        DataError: at `fit`, if there is no point, a point is of another form or outside its picture, a
        picture has two of one name, or the sizes of pictures are not known.

    Example:
        >>> cells = [[{"point": [2, 3], "label": "nose"}, {"point": [6, 3], "label": "ear"}], [], None]
        >>> frame = pl.DataFrame({"face": cells, "width": [8] * 3, "height": [4] * 3})
        >>> task = Keypoints("face")
        >>> task.fit(frame)
        >>> targets, labelled = task.encode(frame)
        >>> task.parts, targets[0].tolist()
        (['nose', 'ear'], [[0.25, 0.75, 8.0, 4.0], [0.75, 0.75, 8.0, 4.0]])
        >>> labelled.tolist()
        [[True, True], [False, False], [False, False]]
    """

    target_kind = NumberTargets()
    reads = "map"
    plain_cells = False

    def __init__(
        self,
        name: str,
        columns: str | Sequence[str] | None = None,
        *,
        points: Sequence[str] | None = None,
        pairs: Sequence[Sequence[str]] = (),
        hidden: bool = True,
        picture: str | None = None,
        weight: float = 1.0,
        preference: float = 1.0,
        when: str | None = None,
        sample_weight: str | None = None,
        metrics: Sequence[MetricChoice] | None = None,
    ) -> None:
        super().__init__(
            name,
            columns,
            weight=weight,
            preference=preference,
            when=when,
            sample_weight=sample_weight,
            metrics=metrics,
        )
        one_column("Keypoints", name, self.columns)
        self._names: list[str] = [] if points is None else [str(one) for one in points]
        if points is not None and not 1 <= len(set(self._names)) == len(self._names):
            raise InvalidArgumentError(f"Keypoints({name!r}, points=...): expected different names.")
        self.points = None if points is None else list(points)
        self.pairs = [list(pair) for pair in pairs]
        every = [one for pair in self.pairs for one in pair]
        if any(len(pair) != 2 for pair in self.pairs) or len(set(every)) < len(every):
            raise InvalidArgumentError(
                f"Keypoints({name!r}, pairs={self.pairs!r}): expected pairs of names, and no name twice."
            )
        if points is not None:
            self._require_known_pairs(InvalidArgumentError)
        self.hidden = hidden
        self.picture = picture
        self._sizes = PictureSizes(name, self.columns[0], picture)
        #: Height and width of a usual picture, and mean and deviation of each point in parts of it.
        self._usual = [64, 64]
        self._means = [[0.5, 0.5]] * len(self._names)
        self._spreads = [[0.25, 0.25]] * len(self._names)

    # -- coding -------------------------------------------------------------------------------------

    def fit_columns(self, frame: pl.DataFrame) -> None:
        """Learn the names, and where the points usually are."""
        rows = self._points(frame)
        found = [point["label"] for points in rows for point in points]
        if not found:
            raise DataError(
                f"Task {self.name!r}: none of {frame.height} rows has a point in {self.columns[0]!r}: label "
                "some, or leave the task out."
            )
        if self.points is None:
            self._names = list(dict.fromkeys(found))
        strange = [name for name in dict.fromkeys(found) if name not in self._names]
        if strange:
            raise DataError(
                f"Task {self.name!r}: points are named {', '.join(map(repr, strange[:8]))}, which points= "
                "does not list: add them, or take these points out."
            )
        self._require_known_pairs(DataError)
        sizes = [size for size, points in zip(self._sizes.of(frame), rows, strict=True) if points]
        self._usual = [max(1, int(side)) for side in np.median(np.array(sizes), axis=0)]
        targets, mask = self.encode_columns(frame)
        self._means, self._spreads = [], []
        for number in range(len(self._names)):
            places = targets[mask[:, number], number, :2].double()
            if not len(places):
                places = torch.tensor([[0.25, 0.25], [0.75, 0.75]]).double()
            self._means.append(places.mean(dim=0).tolist())
            self._spreads.append(places.std(dim=0, correction=0).clamp(min=_NARROWEST).tolist())

    def _require_known_pairs(self, error: type[InvalidArgumentError] | type[DataError]) -> None:
        for one in (one for pair in self.pairs for one in pair):
            if one not in self._names:
                raise error(
                    f"Task {self.name!r}: pairs names {one!r}, which is none of its points: "
                    f"{did_you_mean(one, self._names)}"
                )

    def encode_columns(self, frame: pl.DataFrame) -> tuple[Any, Any]:
        """Return places and which of them are known.

        Returns:
            targets float32 [B, P, 4]: x, y in parts of the picture, and its width and height in pixels.
            mask bool [B, P].
        """
        targets = np.zeros((frame.height, len(self._names), 4), np.float32)
        mask = np.zeros((frame.height, len(self._names)), bool)
        numbers = {name: number for number, name in enumerate(self._names)}
        for row, (points, size) in enumerate(zip(self._points(frame), self._sizes.of(frame), strict=True)):
            height, width = size
            targets[row, :, 2:] = [width, height]
            for point in points:
                (x, y), name = point["point"], point["label"]
                if not (0 <= x <= width and 0 <= y <= height):
                    raise RowError(
                        f"Task {self.name!r}, row {{row}}: the point {name!r} at ({x:g}, {y:g}) is outside "
                        f"its picture of {width}×{height} pixels: leave points out that are not in it.",
                        row,
                    )
                if name in numbers:
                    targets[row, numbers[name], :2] = [x / width, y / height]
                    mask[row, numbers[name]] = True
        return torch.from_numpy(targets), torch.from_numpy(mask)

    def _points(self, frame: pl.DataFrame) -> list[list[dict[str, Any]]]:
        """Return the points of every row that are labels, in one form."""
        cells = listed_cells(frame[self.columns[0]], self.name, "points")
        rows = [self._of_row(cell or [], row) for row, cell in enumerate(cells)]
        require_pixels([point["point"] for points in rows for point in points], self.name, "points")
        return rows

    def _of_row(self, cell: Sequence[Any], row: int) -> list[dict[str, Any]]:
        found = [self._point(point, row) for point in cell]
        names = [point["label"] for point in found]
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise RowError(
                f"Task {self.name!r}, row {{row}}: there are {names.count(twice)} points {twice!r}, expected "
                "one thing in a picture: cut it into pictures of one each, or learn boxes (Detection).",
                row,
            )
        return [point for point in found if self.hidden or point["visible"]]

    def _point(self, point: Any, row: int) -> dict[str, Any]:
        values = point.get("point") if isinstance(point, Mapping) else None
        values = values if isinstance(values, list) and len(values) == 2 else []
        place = [float(v) for v in values if isinstance(v, int | float)]
        if len(place) < 2 or not np.isfinite(place).all() or point.get("label") is None:
            raise RowError(
                f"Task {self.name!r}, row {{row}}: {str(point)[:80]} is no point, expected point: [x, y] in "
                "pixels and label.",
                row,
            )
        seen = flag(point, "visible", row, self.name, otherwise=True)
        return {"point": place, "label": str(point["label"]), "visible": seen}

    def lacks_picture(self, frame: pl.DataFrame) -> bool:
        """Return whether neither the user nor the table says how large the pictures are."""
        return self._sizes.lacking(frame)

    def label_sizes(self, frame: pl.DataFrame) -> list[tuple[int, int] | None]:
        """Return the sizes that columns width and height say."""
        return self._sizes.stated(frame)

    def take_picture(self, column: str) -> None:
        """Take the pictures of this column for those that the points are in."""
        self._sizes.found = column

    def unseen(self, frame: pl.DataFrame) -> dict[str, int]:
        """Count the points of names that training did not have."""
        counts: dict[str, int] = {}
        for point in (point for points in self._points(frame) for point in points):
            if point["label"] not in self._names:
                key = f"{self.columns[0]}={point['label']}"
                counts[key] = counts.get(key, 0) + 1
        return counts

    def state_dict(self) -> dict[str, Any]:
        """Return the names, and where the points usually are."""
        return {
            "points": list(self._names),
            "usual": list(self._usual),
            "means": [list(one) for one in self._means],
            "spreads": [list(one) for one in self._spreads],
            "picture": self._sizes.found,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over the names, and where the points usually are."""
        self._names = [str(name) for name in state["points"]]
        self._usual = [int(side) for side in state["usual"]]
        self._sizes.found = None if state.get("picture") is None else str(state["picture"])
        self._means, self._spreads = (
            [[float(x), float(y)] for x, y in state[name]] for name in ("means", "spreads")
        )

    # -- network ------------------------------------------------------------------------------------

    @property
    def position_column(self) -> str | None:
        """The picture in which the thing is, where a row has several."""
        return self.picture

    @property
    def n_outputs(self) -> int:
        """P: a map a point. Known after `fit`."""
        return len(self._names)

    @property
    def parts(self) -> list[str]:
        """The names of the points. Known after `fit`."""
        return list(self._names)

    def output_layer(self, width: int) -> nn.Module:
        """Make a 3×3 and a 1×1 convolution."""
        return nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1), nn.SiLU(), nn.Conv2d(width, self.n_outputs, 1)
        )

    def losses(self, output: Tensor, target: Tensor) -> Tensor:
        """Return the loss of every point, [B, P]."""
        return place_losses(output, target[..., :2])

    def moved(self, target: Tensor, mask: Tensor, moves: Tensor) -> tuple[Tensor, Tensor]:
        """Return the points moved as their pictures were; those that have left are no labels.

        Where a picture is mirrored the points of each pair change places.
        """
        places, there = move_points(target[..., :2], moves)
        moved = torch.cat([places, target[..., 2:]], dim=-1)
        left = torch.where(there, mask, torch.zeros_like(mask))
        if not self.pairs:
            return moved, left
        mirrored = torch.linalg.det(moves[:, :, :2].float()) < 0
        other = torch.tensor(self._others).to(target.device, non_blocking=True)
        return (
            torch.where(mirrored[:, None, None], moved[:, other], moved),
            torch.where(mirrored[:, None], left[:, other], left),
        )

    @property
    def _others(self) -> list[int]:
        """The number of the point that each one becomes in a mirror."""
        numbers = {name: number for number, name in enumerate(self._names)}
        found = list(range(len(self._names)))
        for one, other in self.pairs:
            found[numbers[one]], found[numbers[other]] = numbers[other], numbers[one]
        return found

    def reference_output(self, targets: Any, mask: Any) -> Tensor:
        """Return zeros, [P]: a map that says nothing, beside where the point usually is."""
        return torch.zeros(self.n_outputs, device=targets.device)

    def constant_output(self, output: Tensor) -> Tensor:
        """Return maps of where the points usually are, [1, P, h, w]."""
        height, width = (max(_FEWEST, side // _STRIDE) for side in self._usual)
        means, spreads = (output.new_tensor(of)[None] for of in (self._means, self._spreads))
        # Of a map that is narrower than a cell the mean would be the middle of that cell.
        spreads = spreads.maximum(0.5 / output.new_tensor([width, height]))
        return output[None, :, None, None] + log_normal_maps(means, spreads, (height, width))

    # -- use ----------------------------------------------------------------------------------------

    def scores(self, output: Tensor) -> Tensor:
        """Return x, y in parts of the picture and how sure they are, [B, P, 3]."""
        maps = full_precision(output)
        return torch.cat([mean_places(maps), map_certainty(maps)[..., None]], dim=-1)

    def mean_output(self, outputs: Sequence[Tensor]) -> Tensor:
        """Return maps whose softmax is the mean of those of several networks, and their places so too."""
        return mean_of_classes([maps.flatten(2) for maps in outputs], axis=2).view_as(outputs[0])

    def original(self, targets: Tensor) -> Tensor:
        """Return the places as they are."""
        return targets

    def labelled_by_part(self, mask: np.ndarray) -> np.ndarray:
        """Return the rows on which each point is labelled, bool [N, P]."""
        return mask

    def predict(self, output: Any) -> dict[str, Any]:
        """Return `name` with a list of points for every row: point, label, score, in the order of `parts`.

        A point is in parts of the picture: nothing is known here of its size in pixels.
        """
        return self.predict_pictures(output, [(1, 1)] * len(output))

    def predict_pictures(self, output: Any, sizes: Sequence[tuple[int, int]]) -> dict[str, Any]:
        """Return `name` with a list of points for every row, in pixels from the upper left corner."""
        rows = [
            [
                {"point": [x * width, y * height], "label": name, "score": score}
                for name, (x, y, score) in zip(self._names, found, strict=True)
            ]
            for found, (height, width) in zip(self.scores(output).cpu().tolist(), sizes, strict=True)
        ]
        return {self.name: pl.Series(rows, dtype=pl.List(_SAID))}

    def exhibit(self, cell: Any, *, label: bool) -> Exhibit:
        """Return the points of a picture to look at."""
        listed = json.loads(cell) if isinstance(cell, str) else cell
        return Exhibit("points", boxes=self._of_row(listed, 0) if label else listed)

    def confidence(self, output: Any) -> Any:
        """Return the largest share of each map that 3×3 cells hold, [B, P]."""
        return map_certainty(full_precision(output))

    def pseudo_label(self, output: Any) -> Any:
        """Return the points as labels of pictures of unknown size, [B, P, 4]."""
        places = mean_places(full_precision(output))
        return torch.cat([places, torch.ones_like(places)], dim=-1)

    @classmethod
    def available_metrics(cls) -> list[Metric]:
        """Return the distance and the shares of points that are near."""
        return keypoint_metrics()

    @classmethod
    def default_metrics(cls) -> list[str]:
        """The mean distance in pixels selects the best weights."""
        return ["distance", "pck10", "pck20"]


_SAID = pl.Struct({"point": pl.List(pl.Float64), "label": pl.String, "score": pl.Float64})
