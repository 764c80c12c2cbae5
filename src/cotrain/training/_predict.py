"""A network's outputs on many rows."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from cotrain.networks import MultiTaskNetwork


def outputs_of(
    model: MultiTaskNetwork, inputs: Mapping[str, Tensor], batch_size: int = 1024
) -> dict[str, Tensor]:
    """Return each task's outputs on all rows, on the host.

    Args:
        model: the network; put into evaluation mode and back, unless it is in that mode already: then nothing
            of it is touched.
        inputs: name -> tensor [N, ...].
        batch_size: rows at a time; at least 1024 are used, since no gradients are kept.
    """
    device = next(model.parameters()).device
    n_rows = next(iter(inputs.values())).shape[0]
    size = max(batch_size, 1024)
    was_training = model.training
    if was_training:
        model.eval()
    parts: dict[str, list[Tensor]] = {task: [] for task in model.tasks}
    with torch.inference_mode():
        for start in range(0, max(n_rows, 1), size):
            batch = {name: tensor[start : start + size].to(device) for name, tensor in inputs.items()}
            for task, output in model(batch).items():
                parts[task].append(output.float().cpu())
    if was_training:
        model.train()
    return {task: torch.cat(pieces) for task, pieces in parts.items()}
