"""A class for every pixel."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, final

import numpy as np
import polars as pl
import torch
from torch import Tensor, nn
from torch.nn import functional

from cotrain._base import DataError, InvalidArgumentError, RowError, first_largest
from cotrain.tasks._base import Task, full_precision
from cotrain.tasks._class_weights import ClassWeight, check_class_weight, class_weights
from cotrain.tasks._custom_metric import MetricChoice
from cotrain.tasks._diagnosis import Diagnosis
from cotrain.tasks._entry_labelling import EntryLabelling
from cotrain.tasks._exhibit import Exhibit
from cotrain.tasks._mean_output import mean_of_classes
from cotrain.tasks._metric import Metric
from cotrain.tasks._target_kind import ClassTargets
from cotrain.tasks._target_values import check_range, one_column
from cotrain.tasks.dense._areas import BACKGROUND, Areas
from cotrain.tasks.dense._dice import dice_losses
from cotrain.tasks.dense._listed_cells import require_looked_for, require_pixels
from cotrain.tasks.dense._masks import (
    classes_at,
    gaps_in_numbers,
    mask_bytes,
    mask_size,
    read_mask,
    resized_mask,
    sized_map,
)
from cotrain.tasks.dense._moves import move_masks
from cotrain.tasks.dense._pixel_confusion import pixel_confusion
from cotrain.tasks.dense._segmentation_metrics import segmentation_metrics
from cotrain.tasks.dense._sub_pixel import SubPixel

#: Longest side of a mask where the user names none; as for pictures.
LONGEST = 256
#: Most classes: their numbers are bytes, of which the last one is left for what is unknown.
MOST_CLASSES = 255
#: Finest answers, in parts of a cell: the patches of a large transformer.
MOST_UPSCALE = 16


@final
class Segmentation(Task):
    """Which of C classes each pixel is of ("semantic segmentation").

        loss = -Σ over labelled pixels of w_y log p_y / their number + dice · mean over pictures of D
        D = 1 - mean over classes c in the picture of (2 Σ p_c t_c + 1) / (Σ (p_c + t_c) + 1)

    with p = softmax(z), z the head's map brought to the mask's size (bilinear), t_c = 1 where a pixel is of
    class c, and the sums of D over the labelled pixels of a picture. Cross-entropy counts pixels, D the
    classes that are there, small and thin ones like large ones, as the mean IoU does. The head answers for
    `upscale` × `upscale` places in each cell of the map that it reads, so that lines thinner than a cell are
    seen.

    A label is a mask: a picture whose values are class numbers, such as a PNG; `ignore` marks pixels that are
    not labelled, and a picture without a mask is unlabelled, while a mask of nothing but background is a
    label. Or it is the areas of things as `read_table` gives them of COCO's files, {"height": ..., "width":
    ..., "areas": [{"label": ..., "polygons": [[x, y, x, y, ...]]}]} in pixels, with `rle`, run lengths as
    COCO's text, or `box` in place of `polygons`: the pixels of all things of one label are of its class, a
    small thing lies over a larger one, pixels of no thing are of the class "background", and those in a mere
    box are not labelled.

    Args:
        name: see `Task`.
        columns: see `Task`; one column of paths, bytes, arrays or areas.
        classes: names of the classes 0, 1, ...; `None`: those numbers that occur in training, up to the
            largest, and of areas "background" and the sorted labels. Of areas "background" comes first where
            the names do not list it.
        ignore: number of the pixels that are not labelled.
        picture: the column of the picture that the masks are of, where there are several.
        size: height and width of the masks that are learned from, or one number for both; `None`: the median
            of each side in training, and no side above 256. Figures are of masks of this size; predicted
            masks have that of their picture.
        class_weight: "balanced" lets all classes count alike however few pixels they have; or class ->
            weight, 1 for one that is not named.
        dice: weight of D, ≥ 0; a picture counts in it by its labelled pixels. On validation pictures it took
            masks of nuclei with their outlines from .605 to .662 mIoU (one seed), of digits from .660 and
            .649 to .675 and .671 (two), and boxes and classes beside them stayed. 0: cross-entropy alone,
            for probabilities that are to be believed.
        upscale: how many times finer than the map the head's answer is each way, 1 to 16; 4 is the stride of
            the default network. 1: one answer a cell from a 1×1 convolution, which takes the least memory.
        weight: see `Task`.
        preference: see `Task`.
        when: see `Task`.
        sample_weight: see `Task`.
        metrics: see `Task`.

    Raises:
        DataError: at `fit`, if there is no mask, all are of one class, as masks of 0 and 255 are while 255
        means not labelled, their numbers are far apart, as 0 and 128 are, or one has numbers beyond the
        classes.

    Source: Long, Shelhamer and Darrell, "Fully Convolutional Networks for Semantic Segmentation", 2015,
    https://arxiv.org/abs/1411.4038; D is from Milletari, Navab and Ahmadi, "V-Net", 2016,
    https://arxiv.org/abs/1606.04797, with plain sums in place of squares, as in Drozdzal et al., "The
    Importance of Skip Connections in Biomedical Image Segmentation", 2016, https://arxiv.org/abs/1608.04117.

    Example:
        >>> task = Segmentation("mask", classes=["ground", "tree"])
        >>> frame = pl.DataFrame({"mask": pl.Series([np.eye(2, dtype=np.uint8), None], dtype=pl.Object)})
        >>> task.fit(frame)
        >>> targets, labelled = task.encode(frame)
        >>> targets[0].tolist(), labelled.any(dim=(1, 2)).tolist()
        ([[1, 0], [0, 1]], [True, False])
    """

    target_kind = ClassTargets()
    reads = "map"
    pixelwise = True
    plain_cells = False

    def __init__(
        self,
        name: str,
        columns: str | Sequence[str] | None = None,
        *,
        classes: Sequence[str] | None = None,
        ignore: int = 255,
        size: int | Sequence[int] | None = None,
        picture: str | None = None,
        class_weight: ClassWeight = None,
        dice: float = 1.0,
        upscale: int = 4,
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
        one_column("Segmentation", name, self.columns)
        check_class_weight("Segmentation", name, class_weight)
        check_range("Segmentation", name, dice=(dice, 0.0, 1e6))
        if classes is not None and not 2 <= len(set(self._names)) == len(self._names) <= MOST_CLASSES:
            raise InvalidArgumentError(
                f"Segmentation({name!r}, classes=...): expected 2 to {MOST_CLASSES} different names, got "
                f"{len(self._names)}."
            )
        if not (isinstance(upscale, int) and 1 <= upscale <= MOST_UPSCALE):
            raise InvalidArgumentError(
                f"Segmentation({name!r}, upscale={upscale!r}): expected an integer in [1, {MOST_UPSCALE}]."
            )
        sides = [size, size] if isinstance(size, int) else size
        if sides is not None and (len(sides) != 2 or not all(isinstance(s, int) and s >= 1 for s in sides)):
            raise InvalidArgumentError(
                f"Segmentation({name!r}, size={size!r}): expected a whole number ≥ 1, or height and width."
            )
        self.classes = None if classes is None else list(classes)
        self.ignore = ignore
        self.picture = picture
        self.size = size if isinstance(size, int) or size is None else list(size)
        self.class_weight = class_weight
        self.dice = float(dice)
        self.upscale = upscale
        self._shape = (1, 1) if sides is None else (sides[0], sides[1])
        self._weights: list[float] = []

    # -- coding -------------------------------------------------------------------------------------

    def fit_columns(self, frame: pl.DataFrame) -> None:
        """Learn the classes, the size of the masks, and the classes' weights."""
        known = [cell for cell in self._cells(frame) if cell is not None]
        if not known:
            raise DataError(
                f"Task {self.name!r}: no row has a mask in the column {self.columns[0]!r}: label some, "
                "or leave the task out."
            )
        of_areas = [cell for cell in known if isinstance(cell, Areas)]
        if of_areas:
            self._learn_labels(of_areas, len(known))
            require_looked_for(frame, self.columns[0], self._names[1:], self.name)
        looked, of_row = self._looked_at(frame), self.weights_of(frame)
        counts = np.stack([count for count, _, _ in looked.values()])
        if of_row is not None:
            counts = counts * of_row[list(looked), None]
        counts = counts.sum(axis=0)
        found = np.flatnonzero(counts)
        if self.classes is None and not of_areas:
            largest = int(found.max()) if len(found) else 0
            self._names = [str(number) for number in range(max(2, largest + 1))]
        self._require_known(found)
        self._require_several(found, len(looked), any(ignored for _, _, ignored in looked.values()))
        gaps = gaps_in_numbers(found.tolist()) if self.classes is None and not of_areas else ""
        if gaps:
            raise DataError(f"Task {self.name!r}: masks in {self.columns[0]!r} have {gaps}.")
        if self.size is None:
            sides = np.median([shape for _, shape, _ in looked.values()], axis=0)
            sides = np.maximum(1, np.rint(sides * min(1.0, LONGEST / sides.max()))).astype(int)
            self._shape = (int(sides[0]), int(sides[1]))
        of_class = counts[: len(self._names)]
        self._weights = class_weights(self.class_weight, self._names, of_class.tolist(), task=self.name)

    def _learn_labels(self, cells: Sequence[Areas], n_masks: int) -> None:
        """Take the labels of areas for the names of the classes, or see that `classes` lists them."""
        where = f"Task {self.name!r}: "
        if len(cells) < n_masks:
            raise DataError(
                f"{where}{len(cells)} of {n_masks} masks in {self.columns[0]!r} are areas with labels, and "
                "the others hold class numbers, of which it is not known which label is which: keep them in "
                "two columns, or save all in one form."
            )
        require_pixels(
            [part for cell in cells for area in cell.areas for part in area.get("polygons") or []],
            self.name,
            "outlines",
        )
        labels = set().union(*(cell.labels for cell in cells)) - {BACKGROUND}
        names = sorted(labels) if self.classes is None else [str(one) for one in self.classes]
        self._names = names if BACKGROUND in names else [BACKGROUND, *names]
        strange = sorted(labels - set(names))
        if strange:
            raise DataError(
                f"{where}areas are labelled {', '.join(map(repr, strange[:8]))}, which classes= does not "
                "list: add them, or take these areas out."
            )
        if len(self._names) > MOST_CLASSES:
            raise DataError(
                f"{where}areas have {len(labels)} different labels, of which {MOST_CLASSES - 1} beside "
                f"{BACKGROUND!r} are the most: take some out, or give several labels one name."
            )

    def _counts(self, mask: np.ndarray) -> np.ndarray:
        return np.bincount(mask[mask != self.ignore], minlength=MOST_CLASSES)

    def _require_numbers(self, mask: np.ndarray) -> None:
        """Refuse a mask with labelled pixels of numbers that no class can have."""
        labelled = mask[mask != self.ignore]
        if len(labelled) and (labelled.min() < 0 or labelled.max() >= MOST_CLASSES):
            strange = int(labelled.min() if labelled.min() < 0 else labelled.max())
            raise DataError(
                f"A mask has the number {strange}, and those of classes are 0 to {MOST_CLASSES - 1}; "
                f"ignore={self.ignore} marks pixels that are not labelled: set it to {strange} if that does."
            )

    def _require_known(self, found: np.ndarray) -> None:
        strange = found[found >= len(self._names)].tolist()
        if strange:
            raise DataError(
                f"Task {self.name!r}: masks have the numbers {', '.join(map(str, strange[:8]))}, but "
                f"classes= names {len(self._names)} (0 to {len(self._names) - 1}): add names, or set ignore=."
            )

    def _require_several(self, found: np.ndarray, n_masks: int, ignored: bool) -> None:
        """Refuse masks of one class: black and white, 0 and 255, they would be of background alone."""
        if len(found) > 1:
            return
        of_one = f"pixels of the class {int(found[0])} alone" if len(found) else "no labelled pixel"
        hint = (
            f"; pixels of {self.ignore} count as not labelled: if they are a class, save them as the next "
            "number"
            if ignored
            else ""
        )
        raise DataError(
            f"Task {self.name!r}: {n_masks} masks in {self.columns[0]!r} have {of_one}, and there is "
            f"nothing to tell apart{hint}; otherwise leave the task out."
        )

    def encode_columns(self, frame: pl.DataFrame) -> tuple[Any, Any]:
        """Return class numbers uint8 [B, H, W], C for an unseen class or none, and bool [B, H, W]."""
        height, width = self._shape
        targets = np.full((frame.height, height, width), self.n_outputs, np.uint8)
        labelled = np.zeros(targets.shape, bool)

        def put(row: int, mask: np.ndarray) -> None:
            resized = resized_mask(mask, height, width)
            labelled[row] = resized != self.ignore
            targets[row] = np.where(labelled[row], np.minimum(resized, self.n_outputs), self.n_outputs)

        self._each(frame, put)
        return torch.from_numpy(targets), torch.from_numpy(labelled)

    def label_sizes(self, frame: pl.DataFrame) -> list[tuple[int, int] | None]:
        """Return the sizes of the masks."""
        return [
            cell.size if isinstance(cell, Areas) else None if cell is None else mask_size(cell)
            for cell in self._cells(frame)
        ]

    def _cells(self, frame: pl.DataFrame) -> list[Any]:
        """Return the cell of every row, areas as `Areas`; `None` where there is no label."""
        found: list[Any] = []
        for row, cell in enumerate(frame[self.columns[0]].to_list()):
            try:
                found.append(None if _is_blank(cell) else Areas.of(cell) or cell)
            except DataError as error:
                raise RowError(f"Task {self.name!r}, row {{row}}: {error}", row) from error
        return found

    def _looked_at(self, frame: pl.DataFrame) -> dict[int, tuple[np.ndarray, tuple[int, ...], bool]]:
        """Return row -> the pixels of each class, the shape, and whether there are pixels of `ignore`.

        Masks are not held: those of 3,000 pictures of a street would be 50 GB.
        """
        found: dict[int, tuple[np.ndarray, tuple[int, ...], bool]] = {}

        def look(row: int, mask: np.ndarray) -> None:
            found[row] = (self._counts(mask), mask.shape, bool((mask == self.ignore).any()))

        self._each(frame, look)
        return dict(sorted(found.items()))

    def _each(self, frame: pl.DataFrame, take: Callable[[int, np.ndarray], None]) -> None:
        """Read every mask and hand it on with its row; files are read beside one another."""
        cells = self._cells(frame)

        def read(row: int) -> None:
            try:
                mask = self._drawn(cells[row])
            except DataError as error:
                raise RowError(f"Task {self.name!r}, row {{row}}: {error}", row) from error
            take(row, mask)

        known = [row for row, cell in enumerate(cells) if cell is not None]
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(read, known))

    def _drawn(self, cell: Any) -> np.ndarray:
        """Return the class numbers of a cell, one that no mask has for labels that training did not have."""
        if isinstance(cell, Areas):
            numbers = {name: number for number, name in enumerate(self._names)}
            return cell.draw(numbers, unknown=self.ignore, strange=max(MOST_CLASSES, self.ignore) + 1)
        mask = read_mask(cell)
        self._require_numbers(mask)
        return mask

    def unseen(self, frame: pl.DataFrame) -> dict[str, int]:
        """Count the masks with a class that training did not have."""
        counts: Counter[str] = Counter()
        cells, looked = self._cells(frame), self._looked_at(frame)
        for row, (pixels, _, _) in looked.items():
            cell = cells[row]
            if isinstance(cell, Areas):
                strange = sorted(cell.labels - set(self._names))
            else:
                strange = [n for n in np.flatnonzero(pixels).tolist() if n >= self.n_outputs]
            counts.update(f"{self.columns[0]}={value}" for value in strange)
        return dict(counts)

    def state_dict(self) -> dict[str, Any]:
        """Return the classes, the size, the weights, and how fine the head answers."""
        coding = {"classes": list(self._names), "shape": list(self._shape), "weights": list(self._weights)}
        return {**coding, "upscale": self.upscale}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what `state_dict` gave."""
        self._names = [str(name) for name in state["classes"]]
        height, width = state["shape"]
        self._shape = (int(height), int(width))
        self._weights = [float(weight) for weight in state["weights"]]
        # Models of before had one answer a cell, and did not say so.
        self.upscale = int(state.get("upscale", 1))

    # -- network ------------------------------------------------------------------------------------

    @property
    def position_column(self) -> str | None:
        """The picture in which things are, where a row has several."""
        return self.picture

    @property
    def n_outputs(self) -> int:
        """C."""
        return len(self._names)

    @property
    def parts(self) -> list[str]:
        """The classes. Known after `fit`."""
        return list(self._names)

    def output_layer(self, width: int) -> nn.Module:
        """Make a 3×3 convolution and answers for the places in a cell; a 1×1 convolution for one a cell."""
        if self.upscale == 1:
            return nn.Conv2d(width, self.n_outputs, 1)
        finer = SubPixel(width, self.n_outputs, self.upscale)
        return nn.Sequential(nn.Conv2d(width, width, 3, padding=1, bias=False), nn.SiLU(), finer)

    def losses(self, output: Tensor, target: Tensor) -> Tensor:
        """Return the weighted cross-entropy of every pixel and, of its picture, dice · D, [B, H, W]."""
        classes = target.long()
        known = classes < self.n_outputs
        log_p = functional.log_softmax(sized_map(output, target.shape[1:]), dim=1)
        of_class = log_p.gather(1, classes.clamp(max=self.n_outputs - 1)[:, None])[:, 0]
        if self.class_weight is not None:
            weights = torch.tensor(self._weights, dtype=output.dtype).to(output.device, non_blocking=True)
            of_class = of_class * weights[classes.clamp(max=self.n_outputs - 1)]
        # A class that training never had costs as much as the least probable one and sends no gradient.
        losses = -torch.where(known, of_class, log_p.detach().amin(dim=1))
        return losses + self.dice * dice_losses(log_p.exp(), classes)[:, None, None] if self.dice else losses

    def moved(self, target: Tensor, mask: Tensor, moves: Tensor) -> tuple[Tensor, Tensor]:
        """Return the masks moved as their pictures were; what came in from outside is not labelled."""
        moved, left = move_masks(target, mask, moves)
        return moved.masked_fill(left == 0, self.n_outputs), left

    def reference_output(self, targets: Any, mask: Any) -> Tensor:
        """Return the logarithms of the (weighted) class shares of the labelled pixels, [C]."""
        known = (mask > 0) & (targets < self.n_outputs)
        weights = None if mask.dtype == torch.bool else mask[known].double()
        counts = torch.bincount(targets[known].long(), weights, minlength=self.n_outputs).double()
        if self.class_weight is not None:
            counts = counts * torch.tensor(self._weights, dtype=counts.dtype, device=counts.device)
        total = counts.sum()
        logits = (counts / total.clamp(min=1e-300)).clamp(min=3e-7).log()
        return torch.where(total > 0, logits, torch.zeros_like(logits)).float()

    def constant_output(self, output: Tensor) -> Tensor:
        """Return a map of one cell, [1, C, 1, 1]."""
        return output[None, :, None, None]

    # -- use ----------------------------------------------------------------------------------------

    def scores(self, output: Tensor) -> Tensor:
        """Return the most probable class of every pixel, uint8 [B, H, W]."""
        # Of a middle axis `max` finds the same place as `argmax`, 4 to 5 times as fast on a processor.
        return sized_map(full_precision(output), self._shape).max(dim=1).indices.to(torch.uint8)

    def mean_output(self, outputs: Sequence[Tensor]) -> Tensor:
        """Return the logarithms of the mean probabilities of every place, [B, C, H, W]."""
        return mean_of_classes(outputs, axis=1)

    def original(self, targets: Tensor) -> Tensor:
        """Return the class numbers as they are."""
        return targets

    def predict(self, output: Any) -> dict[str, Any]:
        """Return `name` with a mask for every row: the bytes of a PNG whose values are class numbers."""
        return {self.name: [mask_bytes(mask) for mask in self.scores(output).cpu().numpy()]}

    def predict_pictures(self, output: Any, sizes: Sequence[tuple[int, int]]) -> dict[str, Any]:
        """Return `name` with a mask for every row, as large as its picture."""
        maps = full_precision(output).cpu()
        masks = [classes_at(one, *size).numpy() for one, size in zip(maps, sizes, strict=True)]
        return {self.name: [mask_bytes(mask) for mask in masks]}

    def exhibit(self, cell: Any, *, label: bool) -> Exhibit:
        """Return a mask to look at."""
        mask = self._drawn(Areas.of(cell) or cell)
        known = mask if not label else np.where(mask == self.ignore, -1, np.minimum(mask, MOST_CLASSES - 1))
        return Exhibit("mask", array=known)

    def confidence(self, output: Any) -> Any:
        """Return the probability of every pixel's most probable class, [B, H, W]."""
        return sized_map(full_precision(output), self._shape).softmax(dim=1).amax(dim=1)

    def pseudo_label(self, output: Any) -> Any:
        """Return the most probable class of every pixel, uint8 [B, H, W]."""
        return self.scores(output)

    def entry_labelling(self) -> EntryLabelling:
        """Return that every pixel is labelled by itself."""
        return EntryLabelling(list(self._names), self._probabilities, scores=first_largest)

    def _probabilities(self, output: Any) -> Tensor:
        """Return those of every class at every pixel of a mask, [B, H, W, C]."""
        return sized_map(full_precision(output), self._shape).softmax(dim=1).movedim(1, -1)

    def available_metrics(self) -> list[Metric]:
        """Return mean intersection over union, Dice and pixel accuracy."""
        return segmentation_metrics(len(self._names))

    def diagnosis(self) -> Diagnosis:
        """Return which classes are taken for which, over all pixels."""
        return pixel_confusion(len(self._names))

    def default_metrics(self) -> list[str]:
        """The mean intersection over union selects the best weights."""
        return ["miou", "dice", "pixel_accuracy"]


def _is_blank(cell: object) -> bool:
    # Where a column of mappings came from elsewhere a missing one may be one of nothing.
    nothing = isinstance(cell, Mapping) and "areas" in cell and cell["areas"] is None
    return cell is None or nothing or (isinstance(cell, str) and not cell.strip())
