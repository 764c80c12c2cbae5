"""A fitted peer answers with the weights of its fit, whoever asks and whatever becomes of the model."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import polars as pl
import pytest
import torch

from cotrain import tasks as kinds
from cotrain._base import InputSpec, InvalidArgumentError
from cotrain._base._ragged import Ragged
from cotrain.balancing import Equal
from cotrain.cotraining import CoTraining, FittedNetwork, NetworkPeer, View
from cotrain.cotraining._fit_cache import FitCache
from cotrain.cotraining.peers import _network
from cotrain.cotraining.peers._network import sayable
from cotrain.networks import MLP, HardSharing, MultiTaskNetwork, SoundEncoder, TableEncoder
from cotrain.training import Examples, FitResult, Reconstruction, Training
from cotrain.training._best_weights import copy_weights
from cotrain.training._predict import outputs_of

INPUTS = {"numbers": torch.randn(6, 2, generator=torch.Generator().manual_seed(0))}


def made() -> tuple[FittedNetwork, list[MultiTaskNetwork]]:
    frame = pl.DataFrame({"a": [1.0, 2.0, 3.0], "b": [2.0, 4.0, 7.0]})
    tasks = [kinds.Regression("a"), kinds.Regression("b")]
    for task in tasks:
        task.fit(frame)

    def network(seed: int) -> MultiTaskNetwork:
        torch.manual_seed(seed)
        encoder = TableEncoder(width=4, depth=1)
        sharing = HardSharing().build(lambda: encoder.build(InputSpec(n_numbers=2)), ["a", "b"])
        return MultiTaskNetwork(sharing, {name: torch.nn.Linear(4, 1) for name in ("a", "b")})

    models = [network(1), network(2)]
    result = FitResult([copy_weights(model) for model in models], {"a": 0, "b": 1}, {}, [], {})
    return FittedNetwork(tasks, network(3), result), models


def test_threads_get_each_task_by_its_own_weights():
    fitted, models = made()
    expected = [outputs_of(model, INPUTS)[name] for model, name in zip(models, "ab", strict=True)]
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: fitted.predictions(INPUTS), range(200)))
    for answer in answers:
        for name, output in zip("ab", expected, strict=True):
            assert torch.equal(answer[name].pseudo_labels(torch.float32), output)


def test_the_precision_of_the_model_counts_when_it_is_asked():
    fitted, _ = made()
    single = fitted.predictions(INPUTS)
    fitted.model.double()
    double = fitted.predictions({name: tensor.double() for name, tensor in INPUTS.items()})
    for name in "ab":
        one, other = (found[name].pseudo_labels(torch.float64) for found in (single, double))
        assert torch.allclose(one, other, atol=1e-5)


def test_each_row_is_judged_by_the_weights_that_the_other_half_chose():
    fitted, models = made()
    weights = [copy_weights(model) for model in models]
    crossed = [([weights[0]], {"a": 0, "b": 0}), ([weights[1]], {"a": 0, "b": 0})]
    rows = Examples(INPUTS, {}, {"a": torch.ones(6, 1), "b": torch.tensor([[1.0, 0, 1, 1, 0, 1]]).T})
    assert fitted.judged_on(rows).keys() == fitted.predictions(INPUTS).keys()
    chosen = replace(fitted.result, crossed=crossed)
    found = FittedNetwork(fitted.tasks, fitted.model, chosen).judged_on(rows)
    by = [outputs_of(model, INPUTS) for model in models]
    half = {"a": [0, 1, 0, 1, 0, 1], "b": [0, 0, 1, 0, 0, 1]}
    for name in "ab":
        expected = torch.stack([by[1 - h][name][row] for row, h in enumerate(half[name])])
        assert torch.equal(found[name].pseudo_labels(torch.float32), expected)


@pytest.mark.parametrize("settings", [None, Reconstruction()])
def test_rows_without_labels_teach_by_reconstruction_alone(settings):
    task = kinds.Regression("y")
    task.fit(pl.DataFrame({"y": [0.0, 1.0, 2.0]}))
    known = (torch.arange(12) < 6)[:, None]

    def build(name, tasks):
        with torch.random.fork_rng():
            torch.manual_seed(0)
            encoder = TableEncoder(width=4, depth=1, dropout=0.0)
            sharing = HardSharing().build(lambda: encoder.build(InputSpec(n_numbers=2)), ["y"])
            return MultiTaskNetwork(sharing, {"y": torch.nn.Linear(4, 1)})

    found = []
    for shift in (0.0, 1.0):
        numbers = torch.randn(12, 2, generator=torch.Generator().manual_seed(0)) + shift * ~known
        rows = Examples({"numbers": numbers}, {"y": numbers[:, :1] * known}, {"y": known})
        training = Training(2, 4, reconstruction=settings)
        peer = NetworkPeer("one", [task], build=build, balancer=Equal(), settings=training)
        found.append(peer.fit(rows, None, "key", FitCache()).result.weights[0])
    assert all(torch.equal(one, found[1][name]) for name, one in found[0].items()) == (settings is None)


def network_peer(**options) -> NetworkPeer:
    task = kinds.Transcription("said")
    settings = {"build": None, "balancer": Equal(), "settings": Training()}
    return NetworkPeer("left", [task], **settings | options)


def test_a_view_that_may_hide_the_sound_is_one_sentence():
    with pytest.raises(
        InvalidArgumentError,
        match=r"^Peer 'left' sees a view of the columns, but Transcription\('said'\) is heard in one of them "
        r"alone: take a strategy whose networks see all, such as Committee, or take the task out\.$",
    ):
        network_peer(view=View({}))


def test_what_is_left_as_it_is_is_learned_beside():
    peer = network_peer(learned=[kinds.Synthesis("voice", given=["said"]), kinds.Transcription("said")])
    assert [task.name for task in peer.tasks] == ["said"]
    assert [task.name for task in peer.learned] == ["voice", "said"]
    assert [task.name for task in network_peer().learned] == ["said"]


@pytest.mark.parametrize(("stride", "positions", "kept"), [(6, 4, True), (8, 3, False)])
def test_what_a_coarser_network_has_no_positions_for_is_no_label_of_its_own(stride, positions, kept):
    task = kinds.Transcription("said")
    # With a blank between its equal symbols the second text needs four positions, too.
    frame = pl.DataFrame({"said": ["abab", "aab", "b", None]})
    task.fit(frame)
    targets, mask = task.encode(frame)
    sounds = Ragged.from_rows([torch.rand(n) for n in (1600, 1600, 400, 1600)])
    rows = Examples({"sound:x": sounds}, {"said": targets}, {"said": 0.5 * mask})
    encoder, spec = SoundEncoder(width=8, depth=1, stride=stride), InputSpec(sounds={"sound:x": 8000})
    sharing = HardSharing().build(lambda: encoder.build(spec), ["said"])
    model = MultiTaskNetwork(sharing, {"said": task.head(8)}, reads={"said": "positions"})
    assert outputs_of(model, rows.inputs)["said"].lengths.tolist() == [positions, positions, 1, positions]
    found = sayable(model, [task, kinds.Binary("sold")], rows).masks["said"].flatten()
    assert found.tolist() == [0.5 * kept, 0.5 * kept, 0.5, 0.0]
    assert rows.masks["said"].flatten().tolist() == [0.5, 0.5, 0.5, 0.0]


def test_every_fit_begins_from_the_same_weights_whatever_it_is_called(make_problem):
    problem = make_problem(labelled=60)
    peer = problem.networks(CoTraining(updates=4)).network("first")
    answers = [
        peer.fit(problem.train, None, key, FitCache())
        .predictions(problem.train.inputs)["class"]
        .probabilities
        for key in ("round-0-peer-0", "round-1-peer-0", "student")
    ]
    assert torch.equal(answers[0], answers[1])
    assert torch.equal(answers[0], answers[2])


def test_a_fit_that_chooses_its_epoch_by_validation_rows_is_judged_by_the_other_half(make_problem):
    problem = make_problem(labelled=60)
    training = Training(4, 16, learning_rate=0.05)
    peer = problem.networks(CoTraining(updates=40), training=training).network("first")
    fitted = peer.fit(problem.train, problem.validation, "round-0-peer-0", FitCache())
    assert isinstance(fitted, FittedNetwork)
    assert len(fitted.result.crossed) == 2


class Noting(FitCache):
    """Keeps the fit that it is asked for."""

    def fit(self, key, make):
        self.made = make(None)
        return self.made.run()


def test_more_labels_take_as_many_steps_and_true_ones_stay_in_every_batch(make_problem):
    problem, cache = make_problem(labelled=10, n=210), Noting()
    peer = problem.networks(CoTraining(updates=24, true_per_batch=8)).network("first")
    start = peer.fit(problem.train, None, "round-0-peer-0", cache)
    assert len(cache.made.train) == 10
    true = problem.train.labelled().any(dim=1)
    fitted = peer.fit(problem.truth, None, "round-1-peer-0", cache, true=true)
    # A quarter of the 32 rows of a batch: of 10 true ones beside 200 others each comes seven times.
    assert len(cache.made.train) == 270
    assert len(cache.made.train.inputs["inputs"].unique(dim=0)) == 210
    assert fitted.updates == pytest.approx(24, abs=9)
    assert start.updates == 24


def test_a_network_of_an_encoder_of_its_own_is_asked_what_it_can_say(make_problem, monkeypatch):
    seen = []
    monkeypatch.setattr(_network, "sayable", lambda model, tasks, rows: seen.append(len(rows)) or rows)
    problem = make_problem(labelled=20)
    factory = problem.networks(CoTraining(updates=2))
    for encoder in (None, MLP((8,), n_inputs=4)):
        factory.network("first", encoder=encoder).fit(problem.train, None, "start", FitCache())
    assert seen == [20]
