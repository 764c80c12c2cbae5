import base64
import io
import json
import zlib

import numpy as np
import pytest

from cotrain._base._sounds import parse_wav
from cotrain.comparison.runs._exhibits import (
    MAP,
    PICTURE,
    RATE,
    SECONDS,
    levels,
    plain_exhibit,
    plain_picture,
    plain_sound,
)
from cotrain.tasks import Exhibit


def unpacked(values):
    return np.frombuffer(zlib.decompress(base64.b64decode(values["data"])), np.uint8).reshape(values["shape"])


def test_a_mask_comes_back_pixel_by_pixel_and_unlabelled_pixels_as_255():
    mask = np.array([[0, 3, -1], [254, 1, 2]])
    found = plain_exhibit(Exhibit("mask", array=mask))
    assert unpacked(found["map"]).tolist() == [[0, 3, 255], [254, 1, 2]]
    json.dumps(found)


def test_large_maps_become_small_ones():
    found = plain_exhibit(Exhibit("mask", array=np.ones((1000, 500), int)))
    assert unpacked(found["map"]).shape == (MAP, MAP // 2)


def test_levels_hold_a_field_to_half_a_level_and_gaps_as_0():
    field = np.linspace(-3, 5, 100).reshape(10, 10)
    field[0, 0] = np.nan
    found = levels(field)
    numbers = unpacked(found["map"])
    assert numbers[0, 0] == 0
    assert (numbers.ravel()[1:] > 0).all()
    back = found["low"] + (numbers.astype(float) - 1) / 254 * (found["high"] - found["low"])
    step = (found["high"] - found["low"]) / 254
    assert np.abs(back - field)[~np.isnan(field)].max() <= step / 2 + 1e-9


@pytest.mark.parametrize("field", [np.full((2, 2), np.nan), np.full((2, 2), 4.0)])
def test_fields_without_a_spread_or_a_number_are_no_trouble(field):
    found = levels(field)
    assert np.isfinite([found["low"], found["high"]]).all()
    assert (unpacked(found["map"]) == (0 if np.isnan(field).all() else 1)).all()


def test_pictures_keep_their_own_size_beside_a_smaller_one():
    image_module = pytest.importorskip("PIL.Image")
    draw = np.random.default_rng(0)
    for height, width, kind in ((20, 30, "image/png"), (900, 600, "image/jpeg")):
        found = plain_picture(draw.integers(0, 255, (height, width, 3), dtype=np.uint8))
        shown = image_module.open(io.BytesIO(base64.b64decode(found["data"])))
        assert (found["height"], found["width"], found["type"]) == (height, width, kind)
        assert max(shown.size) == min(PICTURE, max(height, width))


def test_sounds_are_cut_lowered_and_equally_loud():
    tone = 0.01 * np.sin(np.arange(6 * 16_000) / 20)
    found = plain_sound((tone, 16_000), 16_000)
    samples, rate = parse_wav(base64.b64decode(found["wav"]))
    assert (rate, len(samples), found["seconds"]) == (RATE, round(SECONDS * RATE), 6.0)
    assert abs(np.abs(samples).max() - 0.7) < 0.02
    assert unpacked(found["map"]).shape[0] == 40


def test_silence_and_one_sample_are_no_trouble():
    for samples in (np.zeros(800), np.ones(1)):
        found = plain_sound((samples, 8000), 8000)
        parse_wav(base64.b64decode(found["wav"]))
        assert min(unpacked(found["map"]).shape) >= 1


def test_boxes_are_rounded_and_scores_are_kept_apart_from_none():
    boxes = [{"box": [1, 2, 3.14159, 4], "label": "a", "score": 0.98765}, {"box": [0, 0, 1, 1], "label": "b"}]
    found = plain_exhibit(Exhibit("boxes", boxes=boxes))["boxes"]
    assert found[0] == {"box": [1.0, 2.0, 3.14, 4.0], "label": "a", "score": 0.988}
    assert found[1]["score"] is None
