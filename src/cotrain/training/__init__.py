"""The fit loop, its checkpoints and its history."""

from cotrain.training._examples import Examples
from cotrain.training._fit import Fit
from cotrain.training._frozen_networks import FrozenNetworks
from cotrain.training._loggers import FitStart, JsonLinesLogger, Logger, TensorBoardLogger
from cotrain.training._picture_augmentation import PictureAugmentation
from cotrain.training._progress import ProgressLogger
from cotrain.training._reconstruction import Reconstruction
from cotrain.training._result import FitResult
from cotrain.training._schedule import warm_cosine
from cotrain.training._settings import Training

__all__ = [
    "Examples",
    "Fit",
    "FitResult",
    "FitStart",
    "FrozenNetworks",
    "JsonLinesLogger",
    "Logger",
    "PictureAugmentation",
    "ProgressLogger",
    "Reconstruction",
    "TensorBoardLogger",
    "Training",
    "warm_cosine",
]
