"""Where a fit runs."""

from __future__ import annotations

import torch

from cotrain._base import RunError


def pick_device(name: str) -> torch.device:
    """Return the device of this name; "auto" is an accelerator if there is one.

    Raises:
        RunError: there is no such device here.
    """
    if name == "auto":
        if torch.accelerator.is_available():
            return torch.accelerator.current_accelerator() or torch.device("cpu")
        return torch.device("cpu")
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise RunError(
            f"training.device is {name!r}, which cannot be used here: try 'auto' or 'cpu'."
        ) from error
    return device


def default_generator(device: torch.device) -> torch.Generator:
    """Return the generator that a device's modules draw from, such as dropout."""
    if device.type == "cuda":
        return torch.cuda.default_generators[device.index or 0]
    return torch.default_generator


def can_fuse(device: torch.device) -> bool:
    """Say whether AdamW has a fused kernel on this device."""
    return device.type in ("cpu", "cuda", "xpu", "mps")
