"""Seeds as pure functions of what they are for, so that no global random state is ever needed."""

from __future__ import annotations

import hashlib

import numpy as np


def mix_seed(*parts: int | str) -> int:
    """Hash `parts` into one seed in [0, 2^63).

    Nearby parts give unrelated seeds, so that (seed, epoch) or (seed, step) can name a random stream:
    a resumed run asks for the stream by name instead of restoring a generator.

    Example:
        >>> mix_seed(0, "epoch", 3) == mix_seed(0, "epoch", 3)
        True
        >>> mix_seed(0, "epoch", 3) == mix_seed(0, "epoch", 4)
        False
    """
    text = "\x1f".join(f"{type(part).__name__}:{part}" for part in parts)
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


def numpy_generator(*parts: int | str) -> np.random.Generator:
    """Return a NumPy generator of the stream named by `parts`.

    Example:
        >>> int(numpy_generator(0, "split").integers(100)) == int(numpy_generator(0, "split").integers(100))
        True
    """
    return np.random.Generator(np.random.PCG64(mix_seed(*parts)))
