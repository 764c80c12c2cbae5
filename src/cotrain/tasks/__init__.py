"""Kinds of task, one class in one file each."""

from cotrain.tasks._base import Metric, Task
from cotrain.tasks._binary import Binary
from cotrain.tasks._multiclass import Multiclass
from cotrain.tasks._multilabel import Multilabel
from cotrain.tasks._ordinal import Ordinal
from cotrain.tasks._regression import Regression

__all__ = ["Binary", "Metric", "Multiclass", "Multilabel", "Ordinal", "Regression", "Task"]
