import base64
import io
import re

import numpy as np
import pytest

from cotrain.reporting._images import (
    PALETTE,
    boxes_over,
    class_colour,
    field_image,
    in_range,
    mask_image,
)

image_module = pytest.importorskip("PIL.Image", reason="the extra 'report' is not installed")
pytest.importorskip("matplotlib", reason="the extra 'report' is not installed")


def pixels(address):
    assert address.startswith("data:image/png;base64,")
    data = base64.b64decode(address.split(",")[1])
    return np.asarray(image_module.open(io.BytesIO(data)).convert("RGB"))


def linear(colour):
    part = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)


#: Machado, Oliveira and Fernandes (2009), severity 1: red-blind and green-blind.
BLIND = {
    "nobody": np.eye(3),
    "red": np.array([[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
                     [-0.003882, -0.048116, 1.051998]]),
    "green": np.array([[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
                       [-0.011820, 0.042940, 0.968881]]),
}  # fmt: skip


def lab(colour, blind):
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    seen = np.clip(BLIND[blind] @ linear(colour), 0, 1)
    x, y, z = np.cbrt(np.maximum(to_xyz @ seen / [0.9505, 1.0, 1.089], 0.008856))
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("blind", BLIND)
def test_the_first_eight_classes_are_told_apart_by_everyone(blind):
    seen = [lab(colour, blind) for colour in PALETTE[:8]]
    apart = [np.linalg.norm(a - b) for i, a in enumerate(seen) for b in seen[:i]]
    assert min(apart) > 12  # a difference of 2.3 can just be seen


def test_no_two_of_the_classes_look_alike():
    colours = [class_colour(number) for number in range(36)]
    assert len(set(colours)) == 36


def test_masks_keep_every_pixel_and_unlabelled_ones_are_grey():
    shown = pixels(mask_image(np.array([[0, 1, 13, 255]], np.uint8)))
    found = ["#" + "".join(f"{part:02x}" for part in pixel) for pixel in shown[0].tolist()]
    assert found == [class_colour(0), class_colour(1), class_colour(13), "#bbbbbb"]


def test_fields_grow_brighter_and_directions_are_colours():
    shown = pixels(field_image(np.array([[1, 128, 255, 0]], np.uint8)))[0].astype(int)
    light = shown @ [0.2126, 0.7152, 0.0722]
    assert light[0] < light[1] < light[2]
    assert shown[3].tolist() == [187, 187, 187]
    assert pixels(field_image(np.full((3, 1, 2), 9, np.uint8))).tolist() == [[[9, 9, 9], [9, 9, 9]]]


def test_fields_of_different_ranges_get_one():
    true = in_range(np.array([[1, 255, 0]], np.uint8), (0.0, 1.0), (0.0, 2.0))
    assert true.tolist() == [[1, 128, 0]]


def test_names_of_boxes_are_text_and_predicted_ones_are_dashed():
    picture = {"type": "image/png", "data": "AAAA", "width": 60, "height": 30}
    true = [{"box": [6, 6, 12, 12], "label": "<script>&\"'", "score": None}]
    said = [{"box": [0, 0, 30, 30], "label": "cat", "score": 0.5}]
    svg = boxes_over(picture, true, said, 'a "picture"')
    assert "<script" not in svg
    assert 'aria-label="a &quot;picture&quot;"' in svg
    assert 'viewBox="0 0 300 150"' in svg
    assert "cat 0.50" in svg
    assert svg.count("stroke-dasharray") == 1
    frames = re.findall(r'<rect x="([\d.]+)" y="[\d.]+" width="([\d.]+)"', svg)
    assert set(frames) == {("30.0", "60.0"), ("0.0", "150.0")}
    assert boxes_over(picture, None, [], "none").count("<rect") == 0


def test_points_are_rings_and_predicted_ones_are_dashed():
    picture = {"type": "image/png", "data": "AAAA", "width": 60, "height": 30}
    true = [{"point": [6.0, 12.0], "label": "<nose>", "score": None}]
    said = [{"point": [9.0, 12.0], "label": "nose", "score": 0.5}]
    svg = boxes_over(picture, true, said, "a face")
    assert set(re.findall(r'<circle cx="([\d.]+)" cy="([\d.]+)"', svg)) == {
        ("30.0", "60.0"),
        ("45.0", "60.0"),
    }
    assert svg.count("stroke-dasharray") == 1
    assert "&lt;nose&gt;" in svg
    assert "nose 0.50" in svg
    assert "<rect" not in svg
