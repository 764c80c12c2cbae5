"""What has to be there before anything of this package can work."""

from __future__ import annotations

from cotrain._base import ConfigError, require_extra


def check_backend() -> None:
    """Refuse to go on without Keras, without TensorFlow, or on another backend of Keras.

    Raises:
        MissingExtraError: a package is not installed.
        ConfigError: Keras runs on another backend.
    """
    require_extra("tensorflow", "keras", "cotrain.keras")
    keras = require_extra("keras", "keras", "cotrain.keras")
    backend = keras.backend.backend()
    if backend != "tensorflow":
        raise ConfigError(
            f"cotrain.keras works on the TensorFlow backend of Keras, and this process runs on {backend!r}: "
            "set KERAS_BACKEND=tensorflow before Keras is imported, or use cotrain.Balance in a PyTorch loop."
        )
