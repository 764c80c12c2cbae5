"""Kinds of task whose targets lie in a picture: a class or a number a pixel, boxes, named points."""

from cotrain.tasks.dense._dense_regression import DenseRegression
from cotrain.tasks.dense._detection import Detection
from cotrain.tasks.dense._keypoints import Keypoints
from cotrain.tasks.dense._segmentation import Segmentation

__all__ = ["DenseRegression", "Detection", "Keypoints", "Segmentation"]
