"""Calibrators: one file per way from a confidence to an estimate of being right."""

from cotrain.cotraining.calibration._base import Calibrator
from cotrain.cotraining.calibration._isotonic import Isotonic
from cotrain.cotraining.calibration._temperature import Temperature

__all__ = ["Calibrator", "Isotonic", "Temperature"]
