"""What methods around other methods pass on."""

import numpy as np
import pytest
import torch

from cotrain._base import InvalidArgumentError
from cotrain.balancing import DWA, MGDA, Every, GradDrop, Smoothed, UPGrad
from cotrain.balancing._arrays import namespace_of
from cotrain.balancing._wrappers import taking_part


@pytest.mark.parametrize("wrap", [lambda inner: Every(inner, 2), Smoothed], ids=["Every", "Smoothed"])
def test_a_wrapper_needs_what_the_method_in_it_needs(wrap):
    for inner in (UPGrad(), DWA()):
        outer = wrap(inner)
        assert outer.needs is inner.needs
        assert outer.weighs_losses == inner.weighs_losses
        assert outer.batches == inner.batches


def test_a_method_that_gives_updates_cannot_be_wrapped():
    with pytest.raises(InvalidArgumentError, match="works on weights, and GradDrop gives updates"):
        Smoothed(GradDrop())


def test_the_ends_of_epochs_and_the_preference_are_passed_on():
    inner = DWA()
    outer = Smoothed(inner)
    outer.start(2, preference=[1.0, 3.0])
    assert outer.preference == inner.preference
    outer.weights(np.array([1.0, 2.0]))
    before = repr(inner.state)
    outer.end_epoch()
    assert repr(inner.state) != before


def test_the_state_holds_that_of_the_method_inside_and_brings_it_back():
    outer = Smoothed(DWA())
    for losses in ([1.0, 2.0], [0.5, 1.5], [0.4, 1.4]):
        outer.weights(np.array(losses))
        outer.end_epoch()
    again = Smoothed(DWA())
    again.load_state_dict(outer.state_dict())
    assert again.balancer.state is again.state["balancer"]
    np.testing.assert_array_equal(again.weights(np.array([0.3, 1.3])), outer.weights(np.array([0.3, 1.3])))


@pytest.mark.parametrize("library", [np.asarray, torch.as_tensor])
def test_who_takes_part_is_told_by_what_is_finite_and_present(library):
    weights, losses = library([0.5, 0.0, 0.5, 0.0]), library([1.0, float("nan"), 1.0, 1.0])
    active = np.array([True, True, True, False])
    found = taking_part(namespace_of(weights), weights, losses, None, active)
    assert found.tolist() == [True, False, True, False]
    if library is np.asarray:
        gramian = np.diag([1.0, 1.0, np.inf, 1.0])
        assert taking_part(np, weights, losses, gramian, None).tolist() == [True, False, False, True]


def test_mgda_is_smoothed_from_weights_that_it_gave_itself():
    plain, outer = MGDA(), Smoothed(MGDA())
    gramian = np.diag([1.0, 4.0])
    np.testing.assert_allclose(
        outer.weights(np.ones(2), gramian), plain.weights(np.ones(2), gramian), rtol=1e-12
    )
