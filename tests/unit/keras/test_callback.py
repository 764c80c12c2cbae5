import math

import numpy as np
import pytest

from cotrain import balancing
from cotrain.keras._callback import EpochReporter

from .networks import X, compiled, labels


class Listener(balancing.LossRule):
    observes_validation = True

    def __init__(self):
        super().__init__()
        self.heard = []

    def _rule(self, xp, losses_K, active_K):
        return xp.ones_like(losses_K)

    def observe_validation(self, losses):
        self.heard.append(losses.tolist())

    def end_epoch(self):
        self.heard.append("end")


class DeafListener(Listener):
    observes_validation = False


def test_a_fit_reports_each_epoch_with_the_validation_losses_of_its_history():
    model = compiled(Listener())
    history = model.fit(X, labels(), epochs=2, validation_data=(X, labels()), verbose=0).history
    losses = [[history["val_a_loss"][i], history["val_b_loss"][i]] for i in range(2)]
    assert model.balancer.heard == [pytest.approx(losses[0]), "end", pytest.approx(losses[1]), "end"]


def test_losses_come_in_the_order_of_the_tasks_and_an_absent_one_is_not_a_number():
    listener = Listener()
    logs = {"val_b_loss": 2.0, "loss": 5.0, "val_loss": 3.0, "val_a_loss": 1.0, "a_loss": 9.0}
    EpochReporter(listener, ["b", "c", "a"]).on_epoch_end(0, logs)
    losses, end = listener.heard
    assert losses[0] == 2.0
    assert math.isnan(losses[1])
    assert losses[2] == 1.0
    assert end == "end"


@pytest.mark.parametrize("logs", [None, {}, {"a_loss": 1.0, "val_loss": 2.0}])
def test_an_epoch_without_validation_ends_all_the_same(logs):
    listener = Listener()
    EpochReporter(listener, ["a"]).on_epoch_end(0, logs)
    assert listener.heard == ["end"]


def test_who_does_not_observe_validation_hears_of_the_end_only():
    listener = DeafListener()
    EpochReporter(listener, ["a"]).on_epoch_end(0, {"val_a_loss": np.float32(1.0)})
    assert listener.heard == ["end"]
