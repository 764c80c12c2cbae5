"""Kinds of input column, one class in one file each."""

from cotrain.data.columns._base import Column, Parts
from cotrain.data.columns._boolean import Boolean
from cotrain.data.columns._category import Category
from cotrain.data.columns._date import Date
from cotrain.data.columns._number import Number
from cotrain.data.columns._picture import Picture
from cotrain.data.columns._sound import Sound
from cotrain.data.columns._subwords import Subwords
from cotrain.data.columns._tags import Tags
from cotrain.data.columns._text import Text
from cotrain.data.columns._vector import Vector
from cotrain.data.columns._words import Words

__all__ = [
    "Boolean",
    "Category",
    "Column",
    "Date",
    "Number",
    "Parts",
    "Picture",
    "Sound",
    "Subwords",
    "Tags",
    "Text",
    "Vector",
    "Words",
]
