"""Checks that encoders and sharing architectures have in common, each ending in one sentence."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from cotrain._base import DataError, InputSpec, InvalidArgumentError, did_you_mean
from cotrain._base._ragged import LENGTHS


def row_shape(owner: object, key: str, spec: InputSpec, n_axes: int | None = None) -> tuple[int, ...]:
    """Return the shape of one row of the input `key`, or say that it is not known or has other axes."""
    shapes = dict(spec.tensors)
    if spec.n_numbers:
        shapes.setdefault("numbers", (spec.n_numbers,))
    name = type(owner).__name__
    if key not in shapes:
        raise InvalidArgumentError(
            f"{name}(key={key!r}): the inputs describe no such tensor: {did_you_mean(key, shapes)}"
        )
    shape = tuple(shapes[key])
    if n_axes is not None and len(shape) != n_axes:
        raise InvalidArgumentError(
            f"{name}(key={key!r}): a row has shape {shape}, expected {n_axes} axes after the batch."
        )
    return shape


def refuse_unread(owner: object, spec: InputSpec, *reads: str) -> None:
    """Raise if there are columns that an encoder would leave out.

    Args:
        owner: the encoder.
        spec: of the inputs.
        reads: what it reads: "table" = numbers, categories, tags and text; "words", "subwords", "pictures",
            "sounds".
    """
    table = ["numbers or categories"] if spec.n_numbers or spec.cardinalities or spec.bags else []
    kinds = {
        "sounds": (list(spec.sounds), "sounds, as in", "SoundEncoder, which reads words and a table as well"),
        "words": (
            list(spec.words),
            "words in order, as in",
            "WordEncoder, which reads all columns of a table",
        ),
        "subwords": (list(spec.subwords), "subwords, as in", "PretrainedTransformer"),
        "pictures": (list(spec.pictures), "pictures, as in", "ConvNet, which reads a table as well"),
        "table": (table, "", "an encoder for them"),
    }
    for kind, (there, what, takes) in kinds.items():
        if there and kind not in reads:
            columns = ", ".join(repr(key.partition(":")[2]) for key in there if ":" in key)
            which = f"{what} the column {columns}" if columns else "columns of numbers or categories"
            raise InvalidArgumentError(
                f"{type(owner).__name__} does not read {which}: take {takes}, or give another kind or drop "
                "under columns:."
            )


def refuse_lengths(inputs: Mapping[str, Tensor], key: str) -> None:
    """Raise if the rows of an input have different lengths, for an encoder that would read the padding."""
    if f"{key}{LENGTHS}" in inputs:
        raise DataError(
            f"The rows of the input {key!r} have different lengths, and this encoder would take the padding "
            "for values: pad or cut them to one length, or take an encoder for sequences."
        )
