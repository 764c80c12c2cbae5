"""Configuration: what stands in a YAML file is what stands in a constructor."""

from cotrain.configuration._registry import construct, construct_class, describe, foreign_kinds, kinds_of
from cotrain.configuration._yaml import read_yaml

__all__ = ["construct", "construct_class", "describe", "foreign_kinds", "kinds_of", "read_yaml"]
