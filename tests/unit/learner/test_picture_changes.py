"""Which pictures are changed in training, and that boxes and masks stay with them through the loop."""

from __future__ import annotations

import io
import json
from functools import partial

import numpy as np
import polars as pl
import pytest
import torch
from PIL import Image

import cotrain as ct
from cotrain._base import ConfigError, InputSpec, InvalidArgumentError, PictureSpec, parameters_of
from cotrain.configuration import construct_class
from cotrain.learner._picture_changes import picture_changes
from cotrain.training import Fit, PictureAugmentation
from cotrain.training._validation import Validator

HEIGHT, WIDTH = 24, 32
MOVED = PictureAugmentation(flip=True, scale=0.3, shift=0.2, brightness=0.0, contrast=0.0)


def as_file(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(array).save(file, "PNG")
    return file.getvalue()


def frame(n_rows: int = 16) -> pl.DataFrame:
    """Pictures of one white rectangle in black, which is the box and class 1 of the mask."""
    draw, rows = np.random.default_rng(0), []
    for number in range(n_rows):
        mask = np.zeros((HEIGHT, WIDTH), np.uint8)
        w, h = draw.integers(6, 12, 2)
        x, y = draw.integers(4, WIDTH - w - 4), draw.integers(2, HEIGHT - h - 2)
        mask[y : y + h, x : x + w] = 1
        box = [float(v) for v in (x, y, w, h)]
        rows.append(
            {
                "file": as_file(mask * 255),
                "kind": "wide" if w > h else "high",
                "things": json.dumps([{"box": box, "label": "thing"}]) if number % 3 else None,
                "mask": as_file(mask) if number % 4 else None,
                "width": WIDTH,
                "height": HEIGHT,
            }
        )
    return pl.DataFrame(rows)


def learner(**options) -> ct.Learner:
    return ct.Learner(
        [
            ct.tasks.Multiclass("kind"),
            ct.tasks.Detection("things"),
            ct.tasks.Segmentation("mask", classes=["ground", "thing"]),
        ],
        encoder=ct.networks.ConvNet((4, 4), strides=(2, 1)),
        columns={"width": "drop", "height": "drop", "file": "picture"},
        training=ct.Training(epochs=2, batch_size=4, select="last", checkpoint_seconds=1e-9),
        **options,
    )


def batches_of(monkeypatch: pytest.MonkeyPatch, made: ct.Learner) -> list[dict]:
    """Return the batches that a fit learns from."""
    seen, losses = [], Fit._losses

    def watched(self, batch, active):
        seen.append(batch)
        return losses(self, batch, active)

    monkeypatch.setattr(Fit, "_losses", watched)
    made.fit(frame(), validation=None, progress=False)
    return seen


def test_boxes_and_masks_of_moved_pictures_are_the_moved_ones_through_the_loop(monkeypatch):
    n_boxes, n_masks, places = 0, 0, set()
    for batch in batches_of(monkeypatch, learner(augmentation=MOVED)):
        pictures = batch["inputs"]["picture:file"][:, 0] / 255
        targets, masks = batch["targets"], batch["masks"]
        for row, picture in enumerate(pictures):
            light = torch.nonzero(picture > 0.5)
            known = masks["mask"][row]
            if known.any():
                differs = ((picture > 0.5) != (targets["mask"][row] == 1)) & known
                assert float(differs.float().mean()) < 0.03
                n_masks += 1
            (x, y, w, h, kind, _), looked = targets["things"][row, 0].tolist(), masks["things"][row]
            inside = len(light) and bool(
                (light > 0).all() & (light < torch.tensor([HEIGHT, WIDTH]) - 1).all()
            )
            if bool(looked) and kind == 0 and inside:
                low, high = light.min(0).values.flip(0), light.max(0).values.flip(0) + 1
                found = [*low.tolist(), *(high - low).tolist()]
                expected = [x * WIDTH, y * HEIGHT, w * WIDTH, h * HEIGHT]
                assert found == pytest.approx(expected, abs=2.0)
                n_boxes += 1
                places.add(round(x * WIDTH))
    assert n_boxes > 10
    assert n_masks > 10
    assert len(places) > 5


def test_a_picture_is_moved_otherwise_in_every_epoch_and_alike_in_every_fit(monkeypatch):
    with monkeypatch.context() as patch:
        first = batches_of(patch, learner(augmentation=MOVED))
    with monkeypatch.context() as patch:
        again = batches_of(patch, learner(augmentation=MOVED))
    with monkeypatch.context() as patch:
        still = batches_of(patch, learner(augmentation=None))
    with monkeypatch.context() as patch:
        other = batches_of(patch, learner(augmentation=MOVED, seed=1))
    pictures = [[batch["inputs"]["picture:file"] for batch in run] for run in (first, again, still, other)]
    assert all(torch.equal(a, b) for a, b in zip(pictures[0], pictures[1], strict=True))
    assert pictures[2][0].dtype == torch.uint8
    assert not torch.equal(pictures[0][0], pictures[2][0].float())
    assert not torch.equal(pictures[0][0], pictures[3][0])


class Stop(Exception):
    """Stops a fit in mid-epoch."""


class StopAfter(ct.training.Logger):
    def __init__(self, monkeypatch: pytest.MonkeyPatch, n_steps: int) -> None:
        taken, step = 0, Fit._take_step

        def counted(fit, batch, active):
            nonlocal taken
            if taken == n_steps:
                raise Stop
            taken += 1
            step(fit, batch, active)

        monkeypatch.setattr(Fit, "_take_step", counted)


MIXED = PictureAugmentation(scale=0.1, mixup=0.4, cutmix=1.0)


@pytest.mark.parametrize("n_steps", [2, 5])
@pytest.mark.parametrize("augmentation", [MOVED, MIXED], ids=["moved", "mixed"])
def test_a_stopped_fit_goes_on_to_the_same_weights(tmp_path, monkeypatch, augmentation, n_steps: int):
    made, run = partial(learner, augmentation=augmentation), tmp_path / "run"
    whole = made().fit(frame(), validation=None, progress=False)
    with monkeypatch.context() as patch:
        StopAfter(patch, n_steps)
        with pytest.raises(Stop):
            made().fit(frame(), validation=None, run=run, progress=False)
    resumed = made().fit(frame(), validation=None, run=run, resume=True, progress=False)
    for name, output in whole.outputs(frame()).items():
        assert torch.equal(output, resumed.outputs(frame())[name])


def test_pictures_with_boxes_and_masks_stay_whole_and_the_others_are_blended(monkeypatch):
    augmentation = PictureAugmentation(scale=0, shift=0, brightness=0, contrast=0, mixup=5.0)
    seen, blended = set(), 0
    for batch in batches_of(monkeypatch, learner(augmentation=augmentation)):
        weights = batch["masks"]["kind"][..., 0]
        for row, picture in enumerate(batch["inputs"]["picture:file"]):
            labelled = any(bool(batch["masks"][name][row].any()) for name in ("things", "mask"))
            values = len(picture.round().unique())
            blended += values > 2
            seen.add((labelled, values > 2))
            assert float(weights[row].sum()) == pytest.approx(1.0)
    assert blended > 0
    assert (True, True) not in seen


@pytest.mark.parametrize("balancer", ["UPGrad", "GradDrop", "GradNorm", "FAMO", "Equal"])
@pytest.mark.parametrize("sharing", [None, ct.networks.MTAN(), ct.networks.CrossStitch()])
def test_blends_are_learned_with_every_kind_of_balancer_and_sharing(balancer: str, sharing):
    frames = frame().with_columns(high=pl.Series([None if n % 3 else n % 2 for n in range(16)]))
    made = ct.Learner(
        [ct.tasks.Multiclass("kind"), ct.tasks.Binary("high")],
        encoder=ct.networks.ConvNet((4, 4), strides=(2, 1)),
        columns={"file": "picture", **dict.fromkeys(["width", "height", "things", "mask"], "drop")},
        training=ct.Training(epochs=1, batch_size=5, select="last"),
        balancer=getattr(ct.balancing, balancer)(),
        sharing=sharing,
        augmentation=MIXED,
    )
    made.fit(frames, validation=0.25, progress=False)
    assert all(torch.isfinite(output).all() for output in made.outputs(frames).values())


def test_validation_rows_are_not_blended(monkeypatch):
    seen, validate = [], Validator.validate

    def watched(self, batches):
        batches = list(batches)
        seen.append([dict(outputs) for _, outputs in batches])
        return validate(self, batches)

    monkeypatch.setattr(Validator, "validate", watched)
    made = learner(augmentation=MIXED)
    made.fit(frame(), frame(8), progress=False)
    last = torch.cat([outputs["kind"] for outputs in seen[-1]])
    assert len(seen) == 2
    # What a model says is divided by one temperature.
    ratio = last / made.outputs(frame(8))["kind"]
    assert torch.allclose(ratio, ratio[0, 0], rtol=1e-4)


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        (InputSpec(pictures={"picture:a": PictureSpec((1, 4, 4), (0.0,), (1.0,))}, n_numbers=2), "numbers"),
        (InputSpec(tensors={"image": (3, 8, 8), "tokens": (4,)}), "have tokens beside them"),
    ],
)
def test_rows_of_more_than_pictures_are_not_blended(spec: InputSpec, said: str):
    with pytest.raises(InvalidArgumentError, match=said):
        picture_changes(MIXED, spec, [])
    assert picture_changes(MOVED, spec, []) is not None


def test_how_many_rows_are_blended_is_told():
    told = []

    class Told(ct.training.Logger):
        def message(self, text):
            told.append(text)

    learner(augmentation=MIXED).fit(frame(), validation=None, progress=False, loggers=[Told()])
    # Masks are cut with their pictures; boxes stay whole.
    said = "mixup and cutmix: 6 of 16 training rows are blended with others; those with a label of things"
    assert any(text.startswith(said) for text in told)


PICTURE = PictureSpec((3, 8, 8), (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))


def test_auto_changes_the_pictures_and_nothing_else():
    one = InputSpec(pictures={"picture:a": PICTURE})
    found = picture_changes("auto", one, [])
    assert found is not None
    assert found.keys == ["picture:a"]
    assert parameters_of(found.augmentation) == parameters_of(PictureAugmentation())
    several = InputSpec(pictures={"picture:a": PICTURE, "picture:b": PICTURE})
    both = picture_changes("auto", several, [])
    assert both is not None
    assert both.keys == ["picture:a", "picture:b"]
    for spec in (InputSpec(n_numbers=2), InputSpec(tensors={"image": (3, 8, 8)})):
        assert picture_changes("auto", spec, []) is None
    for spec in (one, several, InputSpec(n_numbers=2)):
        assert picture_changes(None, spec, []) is None


def test_a_tensor_of_pictures_is_changed_where_the_user_says_so():
    spec = InputSpec(tensors={"image": (3, 8, 8), "numbers": (4,)})
    found = picture_changes(MOVED, spec, [])
    assert found is not None
    assert found.keys == ["image"]


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        (InputSpec(n_numbers=2), "have no picture"),
        (InputSpec(tensors={"samples": (800,)}), "have no picture"),
        (InputSpec(tensors={"a": (3, 8, 8), "b": (3, 8, 8)}), r"several \(a, b\)"),
    ],
)
def test_what_it_cannot_help_is_refused(spec: InputSpec, said: str):
    with pytest.raises(InvalidArgumentError, match=said):
        picture_changes(PictureAugmentation(), spec, [])


def test_a_table_without_pictures_is_refused_before_anything_is_fitted():
    rows = pl.DataFrame({"x": [1.0, 2.0, 3.0, 4.0], "y": [1.0, 2.0, 3.0, 4.0]})
    made = ct.Learner([ct.tasks.Regression("y")], augmentation=PictureAugmentation())
    with pytest.raises(InvalidArgumentError, match="have no picture: leave it out"):
        made.fit(rows, validation=None, progress=False)


def test_it_is_written_and_read_in_a_configuration():
    tasks = [{"kind": "Segmentation", "name": "mask"}]
    made = construct_class(ct.Learner, {"tasks": tasks, "augmentation": {"flip": True, "scale": 0.5}}, "")
    assert parameters_of(made.augmentation) == parameters_of(PictureAugmentation(flip=True, scale=0.5))
    assert made.config()["augmentation"] == {"flip": True, "scale": 0.5}
    assert (
        "augmentation"
        not in construct_class(ct.Learner, {"tasks": tasks, "augmentation": "auto"}, "").config()
    )
    off = construct_class(ct.Learner, {"tasks": tasks, "augmentation": None}, "")
    assert off.config()["augmentation"] is None
    assert construct_class(ct.Learner, off.config(), "").augmentation is None


@pytest.mark.parametrize("value", ["on", True, 3, {"flipp": True}, {"scale": 2}])
def test_a_wrong_choice_is_refused_in_a_sentence(value):
    tasks = [{"kind": "Segmentation", "name": "mask"}]
    with pytest.raises(ConfigError, match="augmentation"):
        construct_class(ct.Learner, {"tasks": tasks, "augmentation": value}, "")
    with pytest.raises(InvalidArgumentError, match="expected a PictureAugmentation"):
        ct.Learner([ct.tasks.Segmentation("mask")], augmentation=value)
