"""In which precision losses and scores are computed."""

from __future__ import annotations

import torch
from torch import Tensor


def full_precision(output: Tensor) -> Tensor:
    """Return an output in float32 at least: half precision is too coarse for losses and for ranking."""
    return output.float() if output.dtype in (torch.float16, torch.bfloat16) else output
