import math
from itertools import pairwise

import polars as pl
import pytest
import torch

import cotrain as ct
from cotrain.networks import InputSpec, TableEncoder
from cotrain.networks._parameter_groups import _decaying
from cotrain.networks.encoders._number_embeddings import MOST_NUMBERS, NumberEmbeddings

EDGES = ((-1.0, 0.0, 0.5, 2.0), (0.0, 1.0), ())
#: The same numbers, of which the last is an indicator.
SPEC = InputSpec(n_numbers=4, n_indicators=1, edges=EDGES)


def test_periodic_is_its_equation():
    torch.manual_seed(0)
    made = NumberEmbeddings(SPEC, "periodic", 5)
    state = made.embeddings.state_dict()
    numbers = torch.randn(6, 4)
    given = made(numbers)
    assert given.shape == (6, 15)
    for row in range(6):
        expected = []
        for n in range(3):
            angles = [2 * math.pi * float(c) * float(numbers[row, n]) for c in state["periodic.weight"][n]]
            waves = torch.tensor([math.cos(a) for a in angles] + [math.sin(a) for a in angles])
            expected.append(waves @ state["linear.weight"][n] + state["linear.bias"][n])
        torch.testing.assert_close(given[row], torch.cat(expected), rtol=0, atol=1e-5)


def test_piecewise_is_its_equation():
    torch.manual_seed(0)
    made = NumberEmbeddings(SPEC, "piecewise", 2)
    with torch.no_grad():
        made.embeddings.linear.weight.normal_()
    state = made.embeddings.state_dict()
    numbers = torch.tensor([[-3.25, 4.5, 0.1, 1.0], [1.0, -0.5, 1.5, 0.0], [-1.0, 2.0, -0.75, 0.0]])
    given = made(numbers).unflatten(1, (3, 2))
    # Edges of one bin, or none, tell nothing: five of the usual spread are taken.
    edges = [EDGES[0], (-2.0, -1.0, 0.0, 1.0, 2.0), (-2.0, -1.0, 0.0, 1.0, 2.0)]
    for row in range(3):
        for n in range(3):
            x, bins = float(numbers[row, n]), len(edges[n]) - 1
            shares = [(x - a) / (b - a) for a, b in pairwise(edges[n])]
            steps = [min(shares[0], 1), *(min(max(t, 0), 1) for t in shares[1:-1]), max(shares[-1], 0)]
            # Channels are laid out with the last bin at the end, and zeros before it where bins are fewer.
            channels = torch.zeros(4)
            channels[: bins - 1], channels[-1] = torch.tensor(steps[:-1]), steps[-1]
            expected = x * state["linear0.weight"][n] + state["linear0.bias"][n]
            expected = expected + channels @ state["linear.weight"][n]
            torch.testing.assert_close(given[row, n], expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("spec", "embedded"),
    [
        (InputSpec(n_numbers=2), 2),
        (InputSpec(n_numbers=2, n_indicators=2, cardinalities=(3,)), 0),
        (InputSpec(n_numbers=MOST_NUMBERS), MOST_NUMBERS),
        (InputSpec(n_numbers=MOST_NUMBERS + 1), 0),
        (InputSpec(cardinalities=(3,)), 0),
    ],
)
def test_auto_embeds_numbers_where_there_are_not_too_many(spec, embedded):
    made = NumberEmbeddings.of(spec, "auto", 8)
    assert (0 if made is None else made.n_embedded) == embedded


@pytest.mark.parametrize("kind", ["periodic", "piecewise"])
def test_nothing_of_them_is_decayed(kind):
    encoder = TableEncoder(8, 1, numbers=kind).build(SPEC)
    embeddings = encoder.stages[0].number_embeddings
    decaying = _decaying(encoder)
    assert decaying, "the layers after them are"
    assert not decaying & {id(parameter) for parameter in embeddings.parameters()}


@pytest.mark.parametrize("kind", ["plain", "periodic", "piecewise", "auto"])
def test_a_learner_with_them_is_saved_and_read_and_answers_a_row_as_a_table(tmp_path, kind):
    rows = range(60)
    frame = pl.DataFrame(
        {
            "x": [None if i % 7 == 0 else i / 10 for i in rows],
            "when": [f"2001-{1 + i % 12:02}-{1 + i % 28:02}" for i in rows],
            "y": [float(i % 5) for i in rows],
        }
    )
    learner = ct.Learner(
        [ct.tasks.Regression("y")],
        encoder=TableEncoder(8, 1, numbers=kind),
        training=ct.Training(epochs=2, batch_size=16),
    ).fit(frame, progress=False)
    learner.save(tmp_path / "run")
    again = ct.Learner.load(tmp_path / "run")
    assert again.predict(frame).equals(learner.predict(frame))
    row = frame.row(9, named=True)
    assert again.predict(row)["y"] == pytest.approx(float(learner.predict(frame[9:10])["y"][0]), abs=1e-5)
