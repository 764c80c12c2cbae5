"""Which encoder reads inputs whose user names none."""

from __future__ import annotations

from cotrain._base import InputSpec, InvalidArgumentError
from cotrain.networks._base import Encoder
from cotrain.networks.encoders import MLP, ConvNet, SoundEncoder, TableEncoder, Transformer, WordEncoder


def default_encoder(spec: InputSpec) -> Encoder:
    """Return the encoder that suits inputs of these kinds, not yet built.

    A table with a column of sounds is read by `SoundEncoder`, one of words by `WordEncoder`, one of pictures
    by `ConvNet`, another one by `TableEncoder`. Of a Dataset with one input pictures [C, H, W] are read by
    `ConvNet`, codes in order by `Transformer`, other rows by `MLP`.

    Raises:
        InvalidArgumentError: the inputs are several tensors, or of a kind for which there is none.

    Example:
        >>> default_encoder(InputSpec(n_numbers=3, words={"words:title": 900}))
        WordEncoder()
        >>> default_encoder(InputSpec(tensors={"image": (3, 32, 32)})).key
        'image'
    """
    if spec.subwords:
        raise InvalidArgumentError(
            "Subwords are read by the model that they are of: give encoder=PretrainedTransformer(folder)."
        )
    if spec.sounds:
        return SoundEncoder()
    if spec.pictures and not spec.words:
        # A fine map: a stride of four keeps what tasks of pixels and boxes need, and costs others little.
        return ConvNet((24, 40, 64, 64), strides=(2, 2, 1, 1))
    if spec.words:
        return WordEncoder()
    if spec.n_numbers or spec.cardinalities or spec.bags or not (spec.tensors or spec.ragged):
        return TableEncoder()
    inputs = {**spec.tensors, **spec.ragged}
    if len(inputs) > 1:
        names = ", ".join(repr(name) for name in inputs)
        raise InvalidArgumentError(
            f"The rows have the inputs {names}: say by encoder= which of them is read, and how."
        )
    key, shape = next(iter(inputs.items()))
    if key in spec.vocabularies and len(shape) == (0 if key in spec.ragged else 1):
        return Transformer(key=key)
    if key in spec.ragged:
        raise InvalidArgumentError(
            f"There is no default for rows of different length such as {key!r}: give encoder= one that reads "
            "them."
        )
    return ConvNet(key=key) if len(shape) == 3 else MLP(key=key)
