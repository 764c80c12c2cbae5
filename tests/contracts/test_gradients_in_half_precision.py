"""Under autocast in bfloat16 every source is as near to the gradients of float64 as plain passes are."""

from __future__ import annotations

from functools import cache

import pytest
import torch
from torch import Tensor, nn

from cotrain._base import CotrainError

from .gradient_networks import NETWORKS
from .test_gradients_of_networks import REFUSED, Loop, balanced, literal

#: What PyTorch itself does not do under autocast.
NOT_IN_HALF = {
    "SAGE",
    "GCN",
    "messages by index",
    "complex parameters",
    "complex layer",
    "Fourier filter",
    "real matrix in a complex product",
    "reentrant checkpointing",
}
#: One of each kind in the quick tests.
QUICK = {"LoRA", "LSTM", "ResNet", "transformer block, mean", "sparse embedding", "dropout"}
#: Other products in other orders round otherwise, and no more than so much worse.
WORSE = 1.5


class HalfLoop(Loop):
    """The same network and data, the parameters in float32 and the forward pass under autocast."""

    def __init__(self, name: str, disjoint: bool) -> None:
        super().__init__(name, disjoint)
        self.body.float()
        self.heads.float()
        if self.inputs.is_floating_point():
            self.inputs = self.inputs.float()

    def losses(self) -> dict[str, Tensor]:
        with torch.autocast("cpu", torch.bfloat16):
            return {task: loss.float() for task, loss in super().losses().items()}


@cache
def has_lstm_in_half() -> bool:
    """Say whether PyTorch can run an LSTM under autocast here: on some processors oneDNN has none."""
    with torch.autocast("cpu", torch.bfloat16):
        try:
            nn.LSTM(2, 2)(torch.zeros(1, 1, 2))
        except RuntimeError:
            return False
    return True


def error(found: dict[str, Tensor], truth: dict[str, Tensor]) -> tuple[float, float]:
    """Return the relative error of all gradients together, and the largest one of a weight."""
    keys = [key for key in truth if key != "weights"]
    a, b = (torch.cat([part[key].double().flatten() for key in keys]) for part in (found, truth))
    off = (found["weights"].double() - truth["weights"].double()).abs().max()
    return float((a - b).norm() / b.norm()), float(off)


@pytest.mark.parametrize("source", ["exact", "ghost", "auto", "disjoint", "auto, disjoint rows"])
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[] if name in QUICK else pytest.mark.slow)
        for name in NETWORKS
        if name not in NOT_IN_HALF
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_no_source_loses_more_than_plain_passes_lose(name, source):
    disjoint = "disjoint" in source
    if "LSTM" in name and not has_lstm_in_half():
        pytest.skip("PyTorch has no LSTM in bfloat16 for this processor.")
    whole, plain = Loop(name, disjoint), HalfLoop(name, disjoint)
    try:
        got = balanced(HalfLoop(name, disjoint), source.split(",")[0])
    except CotrainError as refusal:
        if name not in REFUSED.get(source, set()):
            raise AssertionError(f"{name} is refused only in half precision: {refusal}") from refusal
        return
    truth = literal(whole, whole.shared())
    of_plain, of_source = error(literal(plain, plain.shared()), truth), error(got, truth)
    assert of_source[0] <= WORSE * of_plain[0] + 1e-3
    assert of_source[1] <= WORSE * of_plain[1] + 1e-3
