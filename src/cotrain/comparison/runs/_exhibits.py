"""What is seen of a cell as plain JSON values, small enough for a report."""

from __future__ import annotations

import base64
import io
import zlib
from typing import Any

import numpy as np

from cotrain._base._pictures import read_picture
from cotrain._base._sounds import read_sound, resampled, wav_bytes
from cotrain.tasks import Exhibit
from cotrain.tasks.dense._fields import nearest_places
from cotrain.tasks.sequence._sound_frames import SoundFrames

#: Longest side of a picture and of a mask or field in pixels.
PICTURE, MAP = 320, 192
#: What is kept of a sound: seconds, and samples a second.
SECONDS, RATE = 4.0, 8000
#: Log-mel bands of an input, and the length and distance of their frames in seconds, as for `Synthesis`.
_BANDS, _WINDOW, _HOP = 40, 0.025, 0.01
#: Most characters of a text.
_CHARACTERS = 300


def plain_exhibit(exhibit: Exhibit) -> dict[str, Any]:
    """Return an exhibit as plain JSON values.

    Example:
        >>> plain_exhibit(Exhibit("transcript", "one two"))
        {'kind': 'transcript', 'text': 'one two'}
    """
    kind, array = exhibit.kind, exhibit.array
    if kind == "mask" and array is not None:
        numbers = np.where((array < 0) | (array > 255), 255, array).astype(np.uint8)
        return {"kind": kind, "map": packed(_smaller(numbers))}
    if kind in ("boxes", "points"):
        return {"kind": kind, "boxes": [_box(box) for box in exhibit.boxes]}
    if kind == "field" and array is not None:
        return {"kind": kind, **levels(_smaller(array))}
    if kind == "sound" and array is not None and exhibit.samples is not None:
        return _sound(exhibit.samples, exhibit.rate, array)
    return {"kind": kind, "text": exhibit.text[:_CHARACTERS]}


def plain_picture(cell: Any) -> dict[str, Any]:
    """Return a picture as the text of a JPEG, or of a PNG where it is small, beside its own size.

    Raises:
        DataError: it cannot be read.
    """
    from PIL import Image

    picture = read_picture(cell, 3)
    if picture.dtype == np.uint16:
        picture = (picture // 257).astype(np.uint8)
    height, width = picture.shape[1:]
    image = Image.fromarray(np.ascontiguousarray(picture.transpose(1, 2, 0)))
    image.thumbnail((PICTURE, PICTURE))
    small = image.width * image.height <= 96 * 96
    buffer = io.BytesIO()
    image.save(buffer, "PNG" if small else "JPEG", **({} if small else {"quality": 80}))
    coded = base64.b64encode(buffer.getvalue()).decode("ascii")
    return {
        "kind": "picture",
        "type": "image/png" if small else "image/jpeg",
        "data": coded,
        "height": height,
        "width": width,
    }


def plain_sound(cell: Any, rate: int) -> dict[str, Any]:
    """Return a sound that is an input, as it is heard at `rate` samples a second.

    Raises:
        DataError: it cannot be read.
    """
    samples = read_sound(cell, rate)
    window, hop = max(2, round(_WINDOW * rate)), max(1, round(_HOP * rate))
    bands = max(1, min(_BANDS, window // 2))
    return _sound(samples, rate, SoundFrames(rate, window, hop, bands).of((samples, rate)))


def _sound(samples: np.ndarray, rate: int, logs: np.ndarray) -> dict[str, Any]:
    seconds = len(samples) / rate
    kept = samples[: round(SECONDS * rate)].astype(np.float64)
    peak = float(np.abs(kept).max(initial=0.0))
    lower = min(rate, RATE)
    # Recordings and synthesised sounds differ in loudness: all are heard at one.
    heard = resampled(kept * (0.7 / peak if peak > 0 else 1.0), rate, lower)
    frames = logs[: max(1, round(len(logs) * min(1.0, SECONDS / max(seconds, 1e-9))))]
    wav = base64.b64encode(wav_bytes(heard, lower)).decode("ascii")
    return {"kind": "sound", "wav": wav, "seconds": seconds, **levels(frames.T[::-1])}


def levels(field: np.ndarray) -> dict[str, Any]:
    """Return a field as 255 levels from its lowest to its highest number; level 0: no number.

    Args:
        field: [H, W], or [3, H, W] of directions, whose numbers are from -1 to 1.
    """
    known = np.isfinite(field)
    if field.ndim == 3:
        low, high = -1.0, 1.0
    else:
        low, high = (float(field[known].min()), float(field[known].max())) if known.any() else (0.0, 0.0)
    share = np.clip((np.where(known, field, low) - low) / max(high - low, 1e-12), 0, 1)
    return {
        "map": packed(np.where(known, 1 + np.rint(share * 254), 0).astype(np.uint8)),
        "low": low,
        "high": high,
    }


def packed(array: np.ndarray) -> dict[str, Any]:
    """Return an array of bytes as its shape and a text."""
    data = base64.b64encode(zlib.compress(np.ascontiguousarray(array).tobytes(), 9)).decode("ascii")
    return {"shape": list(array.shape), "data": data}


def _smaller(array: np.ndarray) -> np.ndarray:
    """Return a map [..., H, W] whose longer side is at most `MAP`, by the nearest pixels."""
    height, width = array.shape[-2:]
    shrink = min(1.0, MAP / max(height, width))
    rows, columns = nearest_places(
        (height, width), max(1, round(height * shrink)), max(1, round(width * shrink))
    )
    return array[..., rows[:, None], columns]


def _box(box: Any) -> dict[str, Any]:
    score, form = box.get("score"), "box" if "box" in box else "point"
    return {
        form: [round(float(side), 2) for side in box[form]],
        "label": str(box["label"])[:60],
        "score": None if score is None else round(float(score), 3),
    }
