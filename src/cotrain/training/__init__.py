"""The fit loop, its checkpoints and its history."""

from cotrain.training._best_weights import BestWeights, Weights, copy_weights
from cotrain.training._checkpoint import Checkpoints, read_checkpoint, write_checkpoint
from cotrain.training._device import pick_device
from cotrain.training._examples import Examples
from cotrain.training._fit import Fit
from cotrain.training._frozen_networks import FrozenNetworks
from cotrain.training._loggers import FitStart, JsonLinesLogger, Logger, TensorBoardLogger
from cotrain.training._predict import outputs_of
from cotrain.training._progress import ProgressLogger
from cotrain.training._result import FitResult
from cotrain.training._schedule import warm_cosine
from cotrain.training._settings import Training

__all__ = [
    "BestWeights",
    "Checkpoints",
    "Examples",
    "Fit",
    "FitResult",
    "FitStart",
    "FrozenNetworks",
    "JsonLinesLogger",
    "Logger",
    "ProgressLogger",
    "TensorBoardLogger",
    "Training",
    "Weights",
    "copy_weights",
    "outputs_of",
    "pick_device",
    "read_checkpoint",
    "warm_cosine",
    "write_checkpoint",
]
