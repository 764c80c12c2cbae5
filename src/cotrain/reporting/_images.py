"""Masks, fields, boxes and points as pictures inside the page."""

from __future__ import annotations

import base64
import html
import io
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from cotrain._base import require_extra
from cotrain.reporting._document import neutral

#: Colours of classes that people with any colour vision tell apart: those of Okabe and Ito, the background
#: black, and four of Tol's. After twelve they come again, lighter.
PALETTE = (
    "#000000", "#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2",
    "#d55e00", "#cc79a7", "#332288", "#882255", "#44aa99", "#7a4b1e",
)  # fmt: skip
#: What has no label, and its number in a mask.
UNLABELLED, NOT_LABELLED = "#bbbbbb", 255
#: Units that a picture with boxes is wide, and the most boxes of a kind.
WIDE, MOST_BOXES = 300, 30
#: Colours of boxes, and the dashes of predicted ones: nothing is said by colour alone.
_TRUE, _SAID, _DASHES = "#56b4e9", "#e69f00", "7 4"
#: Of a point: the ring's radius, and the dashes of a predicted one.
_RADIUS, _SHORT_DASHES = 5, "3 2"


def class_colour(number: int) -> str:
    """Return the colour of a class, counted from 0.

    Example:
        >>> class_colour(1), class_colour(13)
        ('#e69f00', '#f2cb75')
    """
    colour = PALETTE[number % len(PALETTE)]
    for _ in range(number // len(PALETTE)):
        parts = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
        colour = "#" + "".join(f"{round(part + 0.46 * (255 - part)):02x}" for part in parts)
    return colour


def unpacked(values: Mapping[str, Any]) -> np.ndarray:
    """Return an array of bytes from its shape and the text of its compressed values."""
    data = zlib.decompress(base64.b64decode(values["data"]))
    return np.frombuffer(data, np.uint8).reshape(values["shape"])


def mask_image(mask: np.ndarray) -> str:
    """Return a mask of class numbers [H, W], 255 = no label, as the address of a picture in the page.

    Example:
        >>> mask_image(np.array([[0, 1]], np.uint8))[:22]
        'data:image/png;base64,'
    """
    colours = [UNLABELLED if number == NOT_LABELLED else class_colour(number) for number in range(256)]
    return _png(mask, colours)


def field_image(numbers: np.ndarray) -> str:
    """Return levels [H, W], 0 = no number, by colour; or [3, H, W] as red, green and blue."""
    if numbers.ndim == 3:
        return _png(numbers.transpose(1, 2, 0), None)
    matplotlib = require_extra("matplotlib", "report", "A report")
    table = (np.asarray(matplotlib.colormaps["viridis"](np.linspace(0, 1, 255)))[:, :3] * 255).astype(int)
    colours = [UNLABELLED, *("#" + "".join(f"{part:02x}" for part in row) for row in table.tolist())]
    return _png(numbers, colours)


def in_range(numbers: np.ndarray, own: tuple[float, float], common: tuple[float, float]) -> np.ndarray:
    """Return levels 1 to 255 of one range as those of another that holds it; 0, no number, stays."""
    values = own[0] + (numbers.astype(np.float64) - 1) / 254 * (own[1] - own[0])
    share = np.clip((values - common[0]) / max(common[1] - common[0], 1e-12), 0, 1)
    return np.where(numbers == 0, 0, 1 + np.rint(share * 254)).astype(np.uint8)


def _png(array: np.ndarray, colours: Sequence[str] | None) -> str:
    """Return an array of bytes, indices of colours or colours, as the address of a picture in the page."""
    image_module = require_extra("PIL.Image", "report", "A report with pictures")
    image = image_module.fromarray(np.ascontiguousarray(array))
    if colours is not None:
        image = image.convert("L")
        image.putpalette([int(colour[i : i + 2], 16) for colour in colours for i in (1, 3, 5)])
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def boxes_over(
    picture: Mapping[str, Any],
    true: Sequence[Mapping[str, Any]] | None,
    said: Sequence[Mapping[str, Any]],
    alternative: str,
) -> str:
    """Return a picture with boxes or points over it as SVG markup; all texts are escaped.

    Args:
        picture: type, data, width and height as a run keeps them.
        true: boxes (x, y, width, height in pixels) or points (x, y) with labels, drawn solid; `None`: none
            is known.
        said: predicted ones, drawn dashed, with scores; the surest first.
        alternative: what the picture shows.
    """
    scale = WIDE / max(1, picture["width"])
    height = max(1, round(picture["height"] * scale))
    parts = [
        f'<image href="data:{picture["type"]};base64,{picture["data"]}" width="{WIDE}" height="{height}" '
        f'preserveAspectRatio="none"{pixelated(picture)}/>'
    ]
    for box in list(true or [])[:MOST_BOXES]:
        parts.append(_box(box, scale, height, dashed=False))
    for box in list(said)[:MOST_BOXES]:
        parts.append(_box(box, scale, height, dashed=True))
    label = html.escape(neutral(alternative), quote=True)
    return f'<svg role="img" aria-label="{label}" viewBox="0 0 {WIDE} {height}">{"".join(parts)}</svg>'


def pixelated(picture: Mapping[str, Any]) -> str:
    """Return the attribute that keeps the pixels of a small picture sharp."""
    return ' style="image-rendering:pixelated"' if max(picture["width"], picture["height"]) <= 128 else ""


def _box(box: Mapping[str, Any], scale: float, height: float, *, dashed: bool) -> str:
    colour = _SAID if dashed else _TRUE
    score = "" if box.get("score") is None else f" {box['score']:.2f}"
    text = html.escape(neutral(f"{box['label']}{score}"))
    if "point" in box:
        (x, y), h, dashes, size = (side * scale for side in box["point"]), _RADIUS, _SHORT_DASHES, 10
        shape = f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{_RADIUS}" fill="none"'
    else:
        (x, y, w, h), dashes, size = (side * scale for side in box["box"]), _DASHES, 13
        shape = f'<rect x="{x:.1f}" y="{y:.1f}" width="{w:.1f}" height="{h:.1f}" fill="none"'
    dashes = f' stroke-dasharray="{dashes}"' if dashed else ""
    # Predicted names stand above their box, true ones below it, both inside the picture.
    at = min(height - 4, max(13, y - 4 if dashed else y + h + 13))
    place = f'x="{min(max(2.0, x), WIDE - 60):.1f}" y="{at:.1f}"'
    return (
        f'{shape} stroke="#000" stroke-width="4" opacity=".55"/>'
        f'{shape} stroke="{colour}" stroke-width="2"{dashes}/>'
        f'<text {place} font-size="{size}" font-weight="600" fill="{colour}" stroke="#000" stroke-width="3" '
        f'paint-order="stroke" font-family="inherit">{text}</text>'
    )
