"""The number of threads follows the size of a step, and is nobody else's afterwards."""

from __future__ import annotations

from collections.abc import Generator

import polars as pl
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

import cotrain as ct
from cotrain.networks import InputSpec
from cotrain.networks._multi_task import MultiTaskNetwork
from cotrain.training import Examples, Fit
from cotrain.training._threads import _COUNTED, threads_for, using_threads


@pytest.fixture(autouse=True)
def sixteen_threads() -> Generator[None]:
    with using_threads(16):
        yield


def network(width: int, dropout: float = 0.1) -> MultiTaskNetwork:
    encoder = ct.networks.TableEncoder(width=width, depth=2, dropout=dropout, numbers="plain")
    sharing = ct.networks.HardSharing().build(lambda: encoder.build(InputSpec(n_numbers=20)), ["a"])
    return MultiTaskNetwork(sharing, {"a": torch.nn.Linear(width, 1)})


def rows(n: int) -> dict[str, torch.Tensor]:
    return {"numbers": torch.randn(n, 20, generator=torch.Generator().manual_seed(0))}


def test_small_steps_have_one_thread_and_large_ones_more_up_to_all() -> None:
    found = [threads_for(network(width), rows(500), 256) for width in (8, 128, 256, 1024, 3072)]
    assert found[:2] == [1, 1]
    assert found == sorted(found)
    assert 1 < found[3] < 16
    assert found[4] == 16


def test_the_number_is_that_of_the_operations_of_a_whole_step() -> None:
    """The rows that are counted stand for all: counted on a whole batch the number is the same."""
    model, batch = network(1024), 256
    with FlopCounterMode(display=False) as counted:
        model(rows(batch))
    n_parameters = sum(one.numel() for one in model.parameters())
    expected = (3 * counted.get_total_flops() + 30 * n_parameters) / 5e8
    assert threads_for(model, rows(500), batch) == int(expected)


def test_fewer_rows_than_are_counted_are_enough() -> None:
    assert threads_for(network(1024), rows(1), 256) == threads_for(network(1024), rows(500), 256)


@pytest.mark.parametrize("bidirectional", [False, True])
def test_what_pytorch_does_not_count_by_itself_is_counted(bidirectional: bool) -> None:
    layer = torch.nn.LSTM(12, 20, num_layers=2, batch_first=True, bidirectional=bidirectional).eval()
    with FlopCounterMode(display=False, custom_mapping=_COUNTED) as counted, torch.inference_mode():
        layer(torch.randn(3, 7, 12))
    directions = 1 + bidirectional
    weights = directions * 80 * (12 + 20) + directions * 80 * (directions * 20 + 20)
    assert counted.get_total_flops() == pytest.approx(2 * 3 * 7 * weights, rel=0.02)


def test_a_layer_of_a_transformer_is_counted_though_it_is_one_operation_at_inference() -> None:
    layer = torch.nn.TransformerEncoderLayer(512, 8, 2048, batch_first=True)
    encoder = ct.networks.Wrap(layer, [""], widths=(512,), fresh=True)
    sharing = ct.networks.HardSharing().build(lambda: encoder.build(InputSpec()), ["a"])
    model = MultiTaskNetwork(sharing, {"a": torch.nn.Linear(512, 1)})
    assert threads_for(model, {"inputs": torch.randn(9, 40, 512)}, 32) == 16
    assert torch.backends.mha.get_fastpath_enabled()


def test_counting_changes_neither_network_nor_random_state() -> None:
    model = network(64)
    model.train()
    before = {name: one.clone() for name, one in model.state_dict().items()}
    state = torch.random.get_rng_state()
    threads_for(model, rows(500), 256)
    assert model.training
    assert torch.equal(torch.random.get_rng_state(), state)
    assert all(torch.equal(one, before[name]) for name, one in model.state_dict().items())
    assert torch.get_num_threads() == 16


def test_one_thread_is_not_asked_about(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MultiTaskNetwork, "forward", lambda *_: pytest.fail("was counted"))
    with using_threads(1):
        assert threads_for(network(8), rows(9), 4) == 1


def test_threads_are_as_before_after_an_error_too() -> None:
    with pytest.raises(RuntimeError, match="^3$"), using_threads(3):
        raise RuntimeError(str(torch.get_num_threads()))
    assert torch.get_num_threads() == 16
    with using_threads(None):
        assert torch.get_num_threads() == 16


def test_a_fit_takes_its_steps_with_so_many_and_gives_them_back(monkeypatch: pytest.MonkeyPatch) -> None:
    task = ct.tasks.Regression("a")
    task.fit(pl.DataFrame({"a": [-1.0, 0.0, 1.0]}))
    inputs, seen = rows(64), []
    labels = Examples(inputs, {"a": inputs["numbers"][:, :1]}, {"a": torch.ones(64, 1, dtype=torch.bool)})
    settings = ct.Training(epochs=2, batch_size=16)
    fit = Fit(network(8), [task], ct.balancing.Equal(), settings, train=labels, validation=None)
    step = Fit._take_step

    def noted(self: Fit, *arguments: object) -> None:
        seen.append(torch.get_num_threads())
        step(self, *arguments)

    monkeypatch.setattr(Fit, "_take_step", noted)
    fit.run_epoch()
    assert torch.get_num_threads() == 16
    assert fit.run().threads == 1
    assert seen == [1] * 8
    assert torch.get_num_threads() == 16
