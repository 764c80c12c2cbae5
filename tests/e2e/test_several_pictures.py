"""Several pictures of a row, from a table to predictions: front and side, one of them often missing."""

from __future__ import annotations

import io

import numpy as np
import polars as pl
import pytest
import torch
from PIL import Image

import cotrain as ct
from cotrain._base import InvalidArgumentError, PictureSpec
from cotrain.configuration import kinds_of
from cotrain.gradients import Balance
from cotrain.networks import ConvNet, HardSharing, InputSpec, MultiTaskNetwork, VisionTransformer
from cotrain.tasks.dense._masks import read_mask


def picture(values: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(values.astype(np.uint8)).save(stream, "PNG")
    return stream.getvalue()


def table(n: int = 60, seed: int = 0) -> pl.DataFrame:
    """The light of the front says the kind, a square in the side lies where mask and box say."""
    random = np.random.default_rng(seed)
    rows: dict[str, list] = {name: [] for name in ("front", "side", "kind", "mask", "things", "size")}
    for row in range(n):
        light = bool(row % 2)
        front = random.integers(0, 40, (12, 8, 3)) + 180 * light
        side = random.integers(0, 40, (10, 14))
        x, y = int(random.integers(0, 8)), int(random.integers(0, 5))
        side[y : y + 5, x : x + 6] += 200
        mask = np.zeros((10, 14), np.uint8)
        mask[y : y + 5, x : x + 6] = 1
        rows["front"].append(picture(front) if row % 5 else None)
        rows["side"].append(picture(side) if row % 7 else None)
        rows["kind"].append(("light" if light else "dark") if row % 5 else None)
        rows["mask"].append(mask if row % 7 and row % 3 else None)
        rows["things"].append([{"box": [x, y, 6, 5], "label": "square"}] if row % 7 and row % 2 else None)
        rows["size"].append(float(row % 4))
    return pl.DataFrame({**rows, "mask": pl.Series(rows["mask"], dtype=pl.Object)})


def tasks(picture: str | None = "side") -> list[ct.tasks.Task]:
    return [
        ct.tasks.Binary("kind"),
        ct.tasks.Segmentation("mask", classes=["none", "square"], picture=picture, upscale=1),
        ct.tasks.Detection("things", picture="side"),
    ]


def learner(picture: str | None = "side", **options) -> ct.Learner:
    options = {"encoder": ConvNet((8, 12), strides=(1, 1)), **options}
    options.setdefault("training", ct.Training(epochs=12, batch_size=8, learning_rate=0.01))
    columns = {"front": "picture", "side": "picture"}
    return ct.Learner(tasks(picture), columns=columns, seed=0, **options)


def test_classes_are_of_both_and_masks_and_boxes_of_the_one_they_name(tmp_path):
    made = learner()
    made.fit(table(), validation=table(20, seed=1), progress=False, run=tmp_path / "run")
    test = table(30, seed=2)
    figures = made.evaluate(test)
    predicted = made.predict(test)
    known = test["kind"].is_not_null()
    assert (predicted["kind"].filter(known) == test["kind"].filter(known)).mean() > 0.9
    hits = [
        float((read_mask(mask) == truth).mean())
        for mask, truth in zip(predicted["mask"].to_list(), test["mask"].to_list(), strict=True)
        if truth is not None
    ]
    # A mask is as large as the side view, whatever the size of the front.
    assert {read_mask(mask).shape for mask in predicted["mask"].to_list() if mask is not None} == {(10, 14)}
    assert np.mean(hits) > 0.8
    assert figures is not None
    loaded = ct.Learner.load(tmp_path / "run")
    for name, output in made.fitted.outputs(test).items():
        assert torch.equal(output, loaded.fitted.outputs(test)[name])
    one = made.predict({"front": None, "side": test["side"][1], "size": 1.0})
    assert read_mask(one["mask"]).shape == (10, 14)


def test_a_task_on_a_map_has_to_say_which_picture_it_means():
    with pytest.raises(InvalidArgumentError, match=r"'mask' says where .* front, side: say in which"):
        learner(picture=None).fit(table(12), validation=None, progress=False)


def test_it_is_co_trained_and_each_picture_is_moved():
    made = learner(
        cotraining=ct.CoTraining(max_rounds=1, updates=4),
        training=ct.Training(epochs=2, batch_size=8),
        augmentation=ct.training.PictureAugmentation(flip=True),
    )
    made.fit(table(), validation=0.4, progress=False)
    assert set(made.predict(table(4)).columns) >= {"kind", "mask", "things"}


def spec() -> tuple[InputSpec, dict[str, torch.Tensor]]:
    one = PictureSpec((1, 6, 6), (0.0,), (1.0,))
    generator = torch.Generator().manual_seed(0)
    inputs = {f"picture:{name}": torch.randn(5, 1, 6, 6, generator=generator).double() for name in "ab"}
    return InputSpec(pictures={"picture:a": one, "picture:b": one}), inputs


def small_encoder(kind: str, inputs_spec: InputSpec) -> ct.networks.Encoder:
    if kind == "ConvNet":
        return ConvNet((4, 4, 6)).build(inputs_spec)
    return VisionTransformer(8, 2, 2, patch=3).build(inputs_spec)


@pytest.mark.parametrize("encoder", ["ConvNet", "VisionTransformer"])
@pytest.mark.parametrize("sharing", sorted(kinds_of(ct.networks.Sharing)))
def test_every_way_of_sharing_reads_the_features_of_all(sharing, encoder):
    inputs_spec, inputs = spec()
    torch.manual_seed(0)
    built = getattr(ct.networks, sharing)().build(lambda: small_encoder(encoder, inputs_spec), ["y", "m"])
    widths = built.widths()
    heads = {"y": torch.nn.Linear(2 * widths["y"], 1), "m": torch.nn.Conv2d(widths["m"], 1, 1)}
    model = MultiTaskNetwork(built, heads, reads={"m": "map"}, columns={"m": "b"}).double().eval()
    whole = model(inputs)
    assert whole["y"].shape == (5, 1)
    changed = model({**inputs, "picture:a": inputs["picture:a"] + 1})
    assert torch.equal(whole["m"], changed["m"])
    assert not torch.allclose(whole["y"], changed["y"])
    # Rows do not see one another, however the pictures lie.
    row = model({name: values[2:3] for name, values in inputs.items()})
    for task, output in row.items():
        torch.testing.assert_close(output, whole[task][2:3])


@pytest.mark.parametrize("source", ["ghost", "auto"])
def test_gradients_of_several_pictures_are_those_of_plain_passes(source):
    inputs_spec, inputs = spec()

    def grads(way: str) -> list[torch.Tensor]:
        torch.manual_seed(0)
        sharing = HardSharing().build(lambda: ConvNet((4, 6)).build(inputs_spec), ["y", "m"])
        heads = {"y": torch.nn.Linear(12, 1), "m": torch.nn.Conv2d(6, 1, 1)}
        model = MultiTaskNetwork(sharing, heads, reads={"m": "map"}, columns={"m": "b"}).double()
        balance = Balance(ct.balancing.UPGrad(), model.shared_parameters(), tasks=["y", "m"], source=way)
        balance.backward({task: output.square().mean() for task, output in model(inputs).items()})
        return [parameter.grad for parameter in model.parameters()]

    for found, expected in zip(grads(source), grads("exact"), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-8, atol=1e-10)
