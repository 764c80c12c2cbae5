"""The Trainer's checkpoints hold the balancer's state."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest
import torch
from torch import nn

from cotrain._base import InvalidArgumentError
from cotrain.balancing import Uncertainty
from cotrain.gradients import Balance, trainer_callback

pytest.importorskip("accelerate")
transformers = pytest.importorskip("transformers")


class Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.encoder, self.heads = nn.Linear(8, 16), nn.Linear(16, 2)
        self.balance = Balance(Uncertainty(), self.encoder.parameters(), tasks=["a", "b"])

    def forward(self, x: torch.Tensor, labels: torch.Tensor) -> dict[str, torch.Tensor]:
        output = self.heads(torch.relu(self.encoder(x)))
        losses = (output - labels).square().mean(0)
        return {"loss": self.balance.combine(losses), "logits": output}


def train(folder: Path, n_steps: int, *, resumed: bool = False, with_callback: bool = True) -> Model:
    generator = torch.Generator().manual_seed(0)
    rows = [
        {"x": torch.randn(8, generator=generator), "labels": torch.randn(2, generator=generator)}
        for _ in range(32)
    ]
    model = Model()
    arguments = transformers.TrainingArguments(
        str(folder),
        max_steps=n_steps,
        save_steps=2,
        report_to=[],
        use_cpu=True,
        disable_tqdm=True,
        lr_scheduler_type="constant",
        dataloader_pin_memory=False,
    )
    callbacks = [trainer_callback(model.balance)] if with_callback else []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trainer = transformers.Trainer(model, arguments, train_dataset=rows, callbacks=callbacks)
        trainer.train(resume_from_checkpoint=resumed or None)
    return model


def test_a_resumed_run_ends_as_one_that_was_never_stopped(tmp_path):
    whole = train(tmp_path / "whole", 4)
    train(tmp_path / "stopped", 2)
    resumed = train(tmp_path / "stopped", 4, resumed=True)
    assert resumed.balance.state_dict()["step"] == 4
    torch.testing.assert_close(resumed.balance.weights, whole.balance.weights)
    for a, b in zip(resumed.parameters(), whole.parameters(), strict=True):
        torch.testing.assert_close(a, b)


def test_a_checkpoint_without_the_state_is_refused(tmp_path):
    train(tmp_path, 2, with_callback=False)
    with pytest.raises(InvalidArgumentError, match="there is no cotrain_balance.pt in checkpoint-2"):
        train(tmp_path, 4, resumed=True)
