"""Kinds of task with one vector of targets a row: numbers, labels and classes."""

from cotrain.tasks.table._binary import Binary
from cotrain.tasks.table._multiclass import Multiclass
from cotrain.tasks.table._multilabel import Multilabel
from cotrain.tasks.table._ordinal import Ordinal
from cotrain.tasks.table._regression import Regression

__all__ = ["Binary", "Multiclass", "Multilabel", "Ordinal", "Regression"]
