from __future__ import annotations

import pytest
import torch

from cotrain.cotraining.peers._sampling import bootstrapped, repeated_rows, with_updates
from cotrain.training import Examples, Training


def rows(n: int, n_true: int) -> tuple[Examples, torch.Tensor]:
    true = torch.arange(n) < n_true
    targets = (torch.arange(n) % 2)[:, None]
    return Examples({"x": torch.arange(n)[:, None].float()}, {"a": targets}, {"a": true[:, None]}), true


@pytest.mark.parametrize("n_rows", [10, 64, 65, 1000])
def test_equal_updates_whatever_the_number_of_rows(n_rows: int):
    settings = with_updates(Training(epochs=3, batch_size=64), n_rows, 160)
    steps = settings.epochs * -(-n_rows // 64)
    assert abs(steps - 160) <= -(-n_rows // 64) / 2


def test_the_users_settings_stay_as_they_are():
    settings = Training(epochs=3)
    with_updates(settings, 10, 99)
    assert settings.epochs == 3


def test_true_labels_are_not_drowned():
    examples, true = rows(1000, 10)
    more = examples.take(repeated_rows(true, 128, 16))
    share = float((more.inputs["x"][:, 0] < 10).float().mean())
    assert share * 128 >= 16
    assert set(more.inputs["x"][:, 0].tolist()) == set(range(1000))


def test_a_bootstrap_sample_keeps_every_class():
    examples, _ = rows(8, 2)
    for seed in range(20):
        mask = bootstrapped(examples, seed, "peer").masks["a"][:, 0]
        assert mask[0] > 0
        assert mask[1] > 0
        assert float(mask[2:].sum()) == 0


def test_a_bootstrap_sample_of_numbers_leaves_rows_out():
    x = torch.arange(40)[:, None].float()
    examples = Examples({"x": x}, {"a": x / 7}, {"a": torch.ones(40, 1)})
    mask = bootstrapped(examples, 0, "peer", numbers=["a"]).masks["a"]
    assert 8 <= int((mask == 0).sum()) <= 22
    one = Examples({"x": x}, {"a": x / 7}, {"a": (x == 3).float()})
    assert all(bootstrapped(one, seed, numbers=["a"]).masks["a"][3] > 0 for seed in range(10))
