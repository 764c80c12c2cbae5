import itertools

import numpy as np
import pytest
import torch

from cotrain._base import InvalidArgumentError
from cotrain.networks import MLP, InputSpec, SoftSharing

TASKS = ["a", "b", "c"]


def vectors(recorder, name):
    return [dict(encoder.named_parameters())[name].detach().numpy().ravel() for encoder in recorder.made]


@pytest.mark.parametrize("kind", ["l2", "mean", "trace_norm"])
def test_penalty_equals_its_formula(recorder, close, kind):
    sharing = SoftSharing(kind, 0.5).build(recorder, TASKS)
    total = 0.0
    for name, _ in recorder.made[0].named_parameters():
        theta = vectors(recorder, name)
        if kind == "l2":
            total += sum(((p - q) ** 2).sum() for p, q in itertools.combinations(theta, 2))
        elif kind == "mean":
            total += sum(((p - np.mean(theta, axis=0)) ** 2).sum() for p in theta)
        else:
            total += np.linalg.svd(np.stack(theta, axis=1), compute_uv=False).sum()
    torch.testing.assert_close(sharing.distance(), torch.tensor(total).float(), rtol=1e-5, atol=0)
    close(sharing.penalty(), 0.5 * sharing.distance())
    for k, task in enumerate(TASKS):
        close(sharing(recorder.inputs)[task], recorder.whole(k, recorder.x))


def test_penalty_draws_the_parameters_together(recorder):
    sharing = SoftSharing("mean", 1.0).build(recorder, TASKS)
    start = float(sharing.distance().detach())
    optimiser = torch.optim.SGD(sharing.parameters(), lr=0.1)
    for _ in range(20):
        optimiser.zero_grad()
        sharing.penalty().backward()
        optimiser.step()
    assert float(sharing.distance().detach()) < 1e-3 * start


@pytest.mark.parametrize(
    ("schedule", "values"), [("constant", (1, 1, 1)), ("linear", (0, 0.5, 1)), ("cosine", (0, 0.5, 1))]
)
def test_schedule(recorder, schedule, values):
    sharing = SoftSharing(strength=2.0, schedule=schedule).build(recorder, TASKS)
    for fraction, value in zip((0.0, 0.5, 1.0), values, strict=True):
        sharing.set_progress(fraction)
        ratio = sharing.penalty() / sharing.distance()
        assert float(ratio.detach()) == pytest.approx(2.0 * value, abs=1e-6)


@pytest.mark.parametrize("schedule", ["linear", "cosine"])
def test_a_schedule_that_nobody_moves_on_is_said(recorder, schedule):
    sharing = SoftSharing(schedule=schedule).build(recorder, TASKS)
    with pytest.raises(InvalidArgumentError, match=r"schedule='\w+'\) goes by the progress .* was told none"):
        sharing.penalty()
    assert float(sharing.eval().penalty().detach()) == 0


def test_only_the_stages_that_were_named_are_tied(recorder):
    sharing = SoftSharing(stages=[2]).build(recorder, TASKS)
    assert sharing.tied == ("stages.2.linear.weight", "stages.2.linear.bias")
    assert sharing.description.endswith("stages.2.linear.weight, stages.2.linear.bias; 2 are not.")
    with pytest.raises(InvalidArgumentError, match="no stage 7 with parameters"):
        SoftSharing(stages=[7]).build(recorder, TASKS)


def encoders_of(*shapes):
    left = [MLP(shape, n_inputs=3).build(InputSpec()) for shape in shapes]
    return lambda: left.pop(0)


def test_layers_that_do_not_match_are_left_out_or_refused():
    sharing = SoftSharing().build(encoders_of((6, 4), (6, 5)), ["a", "b"])
    assert sharing.tied == ("stages.1.linear.weight", "stages.1.linear.bias")
    assert sharing.widths() == {"a": 4, "b": 5}
    with pytest.raises(InvalidArgumentError, match=r"'stages.2.linear.weight' of stage 2 does not match"):
        SoftSharing(stages=[1, 2]).build(encoders_of((6, 4), (6, 5)), ["a", "b"])
    with pytest.raises(InvalidArgumentError, match="nothing to tie"):
        SoftSharing().build(encoders_of((6,), (5,)), ["a", "b"])


def test_bad_options():
    with pytest.raises(InvalidArgumentError, match="did you mean 'trace_norm'"):
        SoftSharing("trace_nrm")
    with pytest.raises(InvalidArgumentError, match="strength=-1"):
        SoftSharing(strength=-1)
    with pytest.raises(InvalidArgumentError, match="strength='much'"):
        SoftSharing(strength="much")
    for stages in ([], 1):
        with pytest.raises(InvalidArgumentError, match=r"stages=.*\): expected the numbers of stages to tie"):
            SoftSharing(stages=stages)
