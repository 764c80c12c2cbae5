from importlib import metadata

import torch

from cotrain._base import versions


def test_the_versions_are_those_of_what_runs():
    found = versions()
    assert found["torch"] == torch.__version__ or found["torch"] == metadata.version("torch")
    assert found["cotrain"] == metadata.version("cotrain")
    assert set(found) == {"python", "cotrain", "torch", "numpy", "polars", "scikit-learn"}
