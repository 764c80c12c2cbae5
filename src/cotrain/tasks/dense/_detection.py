"""Boxes around things, each of a class."""

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
from cotrain.tasks._metric import Metric
from cotrain.tasks._row_labelling import RowLabelling
from cotrain.tasks._target_kind import ClassTargets
from cotrain.tasks._target_values import check_range, one_column
from cotrain.tasks.dense._centres import (
    LONE,
    UNKNOWN,
    centre_losses,
    decode_centres,
    draw_centres,
    known_cells,
)
from cotrain.tasks.dense._detection_metrics import detection_metrics
from cotrain.tasks.dense._listed_cells import (
    flag,
    listed_cells,
    looked_for,
    looked_for_column,
    require_pixels,
)
from cotrain.tasks.dense._moves import LEAST_VISIBLE, move_boxes
from cotrain.tasks.dense._picture_sizes import PictureSizes

#: Pixels that a cell of a heat map is wide, for the loss of the best constant: the default network's stride.
_STRIDE = 4
#: Share of the cells that are a centre, before anything is learned: e^-4, as in the source of the heat map.
_RARE = -4.0
#: A box that co-training found with less than this score says nothing, with more that there may be one.
_DOUBT = 0.1
#: Most boxes in one picture.
MOST_BOXES = 2000


@final
class Detection(Task):
    """Where things are in a picture, and of which class: a box and a score for each.

    The head gives a heat map of centres for each class, sizes and places within a cell; a box is a local
    maximum of its map, see Zhou, Wang and Krähenbühl, "Objects as Points", 2019,
    https://arxiv.org/abs/1904.07850.

    A label is a list of boxes, {"box": [x, y, width, height], "label": ...} in pixels of the picture from its
    upper left corner, as COCO has them and `read_table` gives them of COCO's files. An empty list is a label
    (nothing is there), a missing one is none. `crowd: true`, or COCO's `iscrowd: 1`, marks a box around many
    things: it is not learned from, and what is found in it is neither right nor wrong.

    Args:
        name: see `Task`.
        columns: see `Task`; one column of lists of boxes.
        classes: the classes in order; `None`: those that occur in training.
        picture: the column of the picture in which the boxes are. It says which where a row has several,
            and its size is looked up where the table has no columns width and height. `None`: the only one.
        annotated: a column of lists (or their JSON) of those classes that were looked for in a picture; the
            others are unknown there. It is no input. `None`: the categories of COCO's documents, which
            `read_table` puts into `annotated`; without these all were, as in a picture with an empty cell.
        most: boxes that are predicted in one picture, at most, ≥ 1; figures allow for no more.
        least: lowest score of a predicted box, in [0, 1]; figures look at all.
        weight: see `Task`.
        preference: see `Task`.
        when: see `Task`.
        sample_weight: see `Task`.
        metrics: see `Task`.

    Raises:
        DataError: at `fit`, if there is no box, a box is of another form or has its middle outside its
        picture, or the sizes of pictures are not known.

    Example:
        >>> boxes = [[{"box": [2, 1, 4, 4], "label": "cat"}], [], None]
        >>> frame = pl.DataFrame({"boxes": boxes, "width": [8] * 3, "height": [8] * 3})
        >>> task = Detection("boxes")
        >>> task.fit(frame)
        >>> targets, labelled = task.encode(frame)
        >>> targets[0].tolist(), labelled.flatten().tolist()
        ([[0.25, 0.125, 0.5, 0.5, 0.0, 0.0]], [True, True, False])
    """

    target_kind = ClassTargets()
    reads = "map"
    plain_cells = False

    def __init__(
        self,
        name: str,
        columns: str | Sequence[str] | None = None,
        *,
        classes: Sequence[str] | None = None,
        picture: str | None = None,
        annotated: str | None = None,
        most: int = 100,
        least: float = 0.3,
        weight: float = 1.0,
        preference: float = 1.0,
        when: str | None = None,
        sample_weight: str | None = None,
        metrics: Sequence[MetricChoice] | None = None,
    ) -> None:
        self._names: list[str] = [] if classes is None else [str(one) for one in classes]
        super().__init__(
            name,
            columns,
            weight=weight,
            preference=preference,
            when=when,
            sample_weight=sample_weight,
            metrics=metrics,
        )
        one_column("Detection", name, self.columns)
        check_range("Detection", name, most=(most, 1, MOST_BOXES))
        check_range("Detection", name, least=(least, 0.0, 1.0))
        if classes is not None and not 1 <= len(set(self._names)) == len(self._names):
            raise InvalidArgumentError(f"Detection({name!r}, classes=...): expected different names.")
        self.classes = None if classes is None else list(classes)
        self.picture = picture
        self.annotated = annotated
        self.most = most
        self.least = least
        #: Height and width of a usual picture, and the mean logarithm of a box's sides in parts of it.
        self._usual = [64, 64]
        self._sides = [-1.0, -1.0]
        self._sizes = PictureSizes(name, self.columns[0], picture)

    # -- coding -------------------------------------------------------------------------------------

    def fit_columns(self, frame: pl.DataFrame) -> None:
        """Learn the classes, and how large pictures and boxes usually are."""
        rows = [boxes for boxes in self._boxes(frame) if boxes is not None]
        every = [box for boxes in rows for box in boxes]
        if not every:
            raise DataError(
                f"Task {self.name!r}: {len(rows)} of {frame.height} rows have a list of boxes in "
                f"{self.columns[0]!r}, and none has a box: label some, or leave the task out."
            )
        labels = sorted({box["label"] for box in every})
        if self.classes is None:
            self._names = labels
        strange = [label for label in labels if label not in self._names]
        if strange:
            raise DataError(
                f"Task {self.name!r}: boxes are labelled {', '.join(map(repr, strange[:8]))}, which classes= "
                "does not list: add them, or take these boxes out."
            )
        labelled = self._sizes.labelled(frame)
        sizes = [size for size, known in zip(self._sizes.of(frame), labelled, strict=True) if known]
        self._usual = [max(1, int(side)) for side in np.median(np.array(sizes), axis=0)]
        targets, _ = self.encode_columns(frame)
        real = targets[targets[..., 4] >= 0]
        self._sides = real[:, 2:4].clamp(min=1e-3).log().mean(dim=0).tolist()

    def encode_columns(self, frame: pl.DataFrame) -> tuple[Any, Any]:
        """Return boxes and which classes were looked for.

        Returns:
            targets float32 [B, M, 6]: x, y, width, height in parts of the picture, class, 1 for a crowd, or
                any region that is unknown; class −1: there is no box; C for a class that training did not
                have. Boxes that co-training found have 2: beside them nothing is known of their class.
            mask bool [B, C].
        """
        rows, sizes = self._boxes(frame), self._sizes.of(frame)
        most = max((len(boxes) for boxes in rows if boxes), default=0)
        targets = np.zeros((frame.height, max(1, most), 6), np.float32)
        targets[..., 4] = -1
        mask = np.zeros((frame.height, self.n_classes), bool)
        looked = self._looked_for(frame)
        numbers = {label: number for number, label in enumerate(self._names)}
        for row, (boxes, (height, width)) in enumerate(zip(rows, sizes, strict=True)):
            if boxes is None:
                continue
            known = looked[row]
            mask[row] = [known is None or name in known for name in self._names]
            for place, box in enumerate(boxes):
                x, y, w, h = box["box"]
                if not (0 <= x + w / 2 <= width and 0 <= y + h / 2 <= height):
                    raise RowError(
                        f"Task {self.name!r}, row {{row}}: the middle of the box {[x, y, w, h]} is outside "
                        f"its picture of {width}×{height} pixels, expected [x, y, width, height] from the "
                        "upper left corner: two corners are another form, and what lies outside is to be cut "
                        "off.",
                        row,
                    )
                of_class = numbers.get(box["label"], self.n_classes)
                scaled = [x / width, y / height, w / width, h / height]
                targets[row, place] = [*scaled, of_class, float(box["crowd"])]
        return torch.from_numpy(targets), torch.from_numpy(mask)

    def _boxes(self, frame: pl.DataFrame) -> list[list[dict[str, Any]] | None]:
        """Return the boxes of every row in one form; `None` where there is no label."""
        cells = listed_cells(frame[self.columns[0]], self.name, "boxes")
        rows = [
            None if cell is None else [self._box(box, row) for box in cell] for row, cell in enumerate(cells)
        ]
        require_pixels([box["box"] for boxes in rows for box in boxes or []], self.name, "boxes")
        return rows

    def _box(self, box: Any, row: int) -> dict[str, Any]:
        whole = isinstance(box, Mapping) and isinstance(box.get("box"), list) and len(box["box"]) == 4
        sides = [float(v) for v in box["box"] if isinstance(v, int | float)] if whole else []
        if len(sides) < 4 or not np.isfinite(sides).all() or min(sides[2:]) <= 0 or box.get("label") is None:
            raise RowError(
                f"Task {self.name!r}, row {{row}}: {str(box)[:80]} is no box, expected box: [x, y, width, "
                "height] in pixels, with a width and height above 0, and label.",
                row,
            )
        crowd = any(flag(box, key, row, self.name, otherwise=False) for key in ("crowd", "iscrowd"))
        return {"box": sides, "label": str(box["label"]), "crowd": crowd}

    def lacks_picture(self, frame: pl.DataFrame) -> bool:
        """Return whether neither the user nor the table says how large the pictures are."""
        return self._sizes.lacking(frame)

    def label_sizes(self, frame: pl.DataFrame) -> list[tuple[int, int] | None]:
        """Return the sizes that columns width and height say."""
        return self._sizes.stated(frame)

    def take_picture(self, column: str) -> None:
        """Take the pictures of this column for those that the boxes are in."""
        self._sizes.found = column

    def _looked_for(self, frame: pl.DataFrame) -> list[set[str] | None]:
        """Return which classes were looked for in every row; `None`: nobody said, so all were."""
        column = looked_for_column(frame) if self.annotated is None else self.annotated
        if column is None:
            return [None] * frame.height
        if column not in frame.columns:
            raise DataError(
                f"Task {self.name!r}: annotated={self.annotated!r} is no column; "
                f"{did_you_mean(column, frame.columns)}"
            )
        return looked_for(frame[column], self.name)

    def unseen(self, frame: pl.DataFrame) -> dict[str, int]:
        """Count the boxes of classes that training did not have."""
        counts: dict[str, int] = {}
        for box in (box for boxes in self._boxes(frame) for box in boxes or []):
            if box["label"] not in self._names:
                key = f"{self.columns[0]}={box['label']}"
                counts[key] = counts.get(key, 0) + 1
        return counts

    def state_dict(self) -> dict[str, Any]:
        """Return the classes and usual sizes."""
        usual = {"usual": list(self._usual), "sides": list(self._sides)}
        return {"classes": list(self._names), **usual, "picture": self._sizes.found}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over the classes and usual sizes."""
        self._names = [str(name) for name in state["classes"]]
        self._usual = [int(side) for side in state["usual"]]
        self._sides = [float(side) for side in state["sides"]]
        self._sizes.found = None if state.get("picture") is None else str(state["picture"])

    # -- network ------------------------------------------------------------------------------------

    @property
    def position_column(self) -> str | None:
        """The picture in which things are, where a row has several."""
        return self.picture

    @property
    def n_classes(self) -> int:
        """C."""
        return len(self._names)

    @property
    def n_outputs(self) -> int:
        """C + 4: a heat map a class, two sizes and two places."""
        return self.n_classes + 4

    @property
    def parts(self) -> list[str]:
        """The classes. Known after `fit`."""
        return list(self._names)

    def output_layer(self, width: int) -> nn.Module:
        """Make a 3×3 and a 1×1 convolution."""
        return nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1), nn.SiLU(), nn.Conv2d(width, self.n_outputs, 1)
        )

    def losses(self, output: Tensor, target: Tensor) -> Tensor:
        """Return the loss of every picture and class, [B, C]; their mean is that of the pictures."""
        classes = target[..., 4].long()
        learned = torch.where((classes < self.n_classes) & (target[..., 5] != UNKNOWN), classes, -1)
        shape = (output.shape[2], output.shape[3])
        drawn = draw_centres(target[..., :4], learned, self.n_classes, shape)
        known = known_cells(target[..., :4], classes, target[..., 5], self.n_classes, shape=shape)
        return centre_losses(output, drawn, known)

    def moved(self, target: Tensor, mask: Tensor, moves: Tensor) -> tuple[Tensor, Tensor]:
        """Return the boxes moved as their pictures were, without those of which most has left."""
        flags, before = target[..., 5], target[..., 4].long()
        # Of an unknown region every bit stays unknown.
        least = torch.where(flags == UNKNOWN, 0.0, LEAST_VISIBLE)
        boxes, classes = move_boxes(target[..., :4], before, moves, least)
        rest = torch.stack([classes.to(boxes.dtype), flags], dim=-1)
        lone = (flags == LONE)[..., None]
        was, stays = (
            ((of[..., None] == torch.arange(self.n_classes, device=of.device)) & lone).any(dim=1)
            for of in (before, classes)
        )
        # Of a class whose lone boxes have all left nothing is known any more.
        return torch.cat([boxes, rest], dim=-1), torch.where(was & ~stays, torch.zeros_like(mask), mask)

    def reference_output(self, targets: Any, mask: Any) -> Tensor:
        """Return rare centres, the mean size of a box and the middle of a cell, [C + 4]."""
        height, width = self._cells
        # Sizes are logarithms in cells.
        sides = [self._sides[0] + float(np.log(width)), self._sides[1] + float(np.log(height))]
        return torch.tensor([_RARE] * self.n_classes + [*sides, 0.5, 0.5], device=targets.device)

    @property
    def _cells(self) -> tuple[int, int]:
        """Height and width of a usual heat map."""
        return max(1, self._usual[0] // _STRIDE), max(1, self._usual[1] // _STRIDE)

    def constant_output(self, output: Tensor) -> Tensor:
        """Return a usual heat map, [1, C + 4, h, w]."""
        return output[None, :, None, None].expand(1, -1, *self._cells)

    # -- use ----------------------------------------------------------------------------------------

    def scores(self, output: Tensor) -> Tensor:
        """Return the surest boxes, [B, D, 6]: x, y, width, height in parts of the picture, class, score."""
        return decode_centres(full_precision(output), self.most)

    def original(self, targets: Tensor) -> Tensor:
        """Return the boxes as they are."""
        return targets

    def predict(self, output: Any) -> dict[str, Any]:
        """Return `name` with a list of boxes for every row: box, label, score, the surest first.

        A box is in parts of the picture: nothing is known here of its size in pixels.
        """
        return self.predict_pictures(output, [(1, 1)] * len(output))

    def predict_pictures(self, output: Any, sizes: Sequence[tuple[int, int]]) -> dict[str, Any]:
        """Return `name` with a list of boxes for every row, in pixels from the upper left corner."""
        rows = []
        for found, (height, width) in zip(self.scores(output).cpu().double().numpy(), sizes, strict=True):
            kept = found[(found[:, 4] >= 0) & (found[:, 5] >= self.least)]
            boxes = kept[:, :4] * [width, height, width, height]
            rows.append(
                [
                    {"box": box.tolist(), "label": self._names[int(of_class)], "score": float(score)}
                    for box, (of_class, score) in zip(boxes, kept[:, 4:], strict=True)
                ]
            )
        return {self.name: pl.Series(rows, dtype=pl.List(_SAID))}

    def exhibit(self, cell: Any, *, label: bool) -> Exhibit:
        """Return the boxes of a picture to look at."""
        listed = json.loads(cell) if isinstance(cell, str) else cell
        if not label:
            return Exhibit("boxes", boxes=listed)
        return Exhibit("boxes", boxes=[self._box(box, 0) for box in listed])

    def confidence(self, output: Any) -> Any:
        """Return the score of the surest box of each class, [B, C]."""
        found = self.scores(output)
        of_class = found[..., 4, None] == torch.arange(self.n_classes, device=found.device)
        return torch.where(of_class, found[..., 5, None], 0.0).amax(dim=1)

    def pseudo_label(self, output: Any) -> Any:
        """Return the boxes that are sure enough as labels, [B, D, 6]."""
        found = self.scores(output)
        kept = found[..., 5] >= self.least
        classes = torch.where(kept, found[..., 4], -1.0)
        return torch.cat([found[..., :4], classes[..., None], torch.zeros_like(classes)[..., None]], dim=-1)

    def row_labelling(self) -> RowLabelling:
        """Return that sure boxes are taught, and that nothing is known beside them."""
        return RowLabelling(self.most, self._present, self.confidence, self._sure_boxes, self._merged)

    def _present(self, targets: Tensor) -> Tensor:
        """Return whether a picture has a box of each class, float [B, C]."""
        of_class = targets[..., 4, None] == torch.arange(self.n_classes, device=targets.device)
        return (of_class & (targets[..., 5, None] != UNKNOWN)).any(dim=1).float()

    def _sure_boxes(self, output: Tensor, where: Tensor) -> Tensor:
        """Return as labels, [B, M, 6], what is found of the classes that are surely there, bool [B, C].

        A box is as sure as the least sure of the pictures' surest boxes of its class; one that is less sure
        makes its region unknown.
        """
        found = self.scores(output)
        least = torch.where(where, self.confidence(output), torch.inf).amin(dim=0)
        classes, score = found[..., 4].long(), found[..., 5]
        there = (classes >= 0) & where.gather(1, classes.clamp(min=0)) & (score >= _DOUBT)
        flags = torch.where(score >= least[classes.clamp(min=0)], float(LONE), float(UNKNOWN))
        boxes = torch.where(there[..., None], found[..., :4], 0.0)
        labels = torch.cat([boxes, torch.where(there, classes, -1)[..., None], flags[..., None]], dim=-1)
        order = there.int().argsort(dim=1, descending=True, stable=True)
        widest = max(1, int(there.sum(dim=1).max())) if len(there) else 1
        return labels.gather(1, order[:, :widest, None].expand(-1, -1, 6)).float()

    def _merged(self, targets: Tensor, taught: Tensor, where: Tensor) -> Tensor:
        """Return true boxes, and those that are taught of the classes of a picture where they may be."""
        classes = taught[..., 4].long()
        kept = (classes >= 0) & where.gather(1, classes.clamp(min=0))
        return torch.cat([targets, torch.where(kept[..., None], taught, -1.0).to(targets)], dim=1)

    def available_metrics(self) -> list[Metric]:
        """Return mean average precision and recall as COCO has them."""
        return detection_metrics(self.n_classes)

    def default_metrics(self) -> list[str]:
        """The mean average precision over all overlaps selects the best weights."""
        return ["map", "map50", "ar"]


_SAID = pl.Struct({"box": pl.List(pl.Float64), "label": pl.String, "score": pl.Float64})
