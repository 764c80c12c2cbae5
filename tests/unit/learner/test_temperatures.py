"""One temperature per task of classes: the least penalised loss, and nothing that is predicted changes."""

from __future__ import annotations

import itertools
import math

import numpy as np
import polars as pl
import pytest
import torch

import cotrain as ct
from cotrain._base import RunError
from cotrain.learner._confidence import CalibratedConfidence
from cotrain.learner._temperatures import best_temperature, fit_temperatures, taught_temperature
from cotrain.tasks import Binary, Multiclass, Multilabel, Ordinal, Regression
from cotrain.training import Examples

N = 600
KINDS = {
    "binary": lambda: Binary("yes"),
    "multiclass": lambda: Multiclass("colour"),
    "ordinal": lambda: Ordinal("level"),
    "multilabel": lambda: Multilabel("both", columns=["left", "right"]),
}


def frame(n: int = N) -> pl.DataFrame:
    generator = np.random.default_rng(0)
    return pl.DataFrame(
        {
            "x": generator.normal(size=n),
            "yes": generator.integers(0, 2, n),
            "other": generator.integers(0, 2, n),
            "left": generator.integers(0, 2, n),
            "right": generator.integers(0, 2, n),
            "colour": generator.choice(["red", "green", "blue"], n),
            "level": generator.integers(0, 4, n),
            "number": generator.normal(size=n),
        }
    )


def coded(task, rows: int = N, factor: float = 4.0, noise: float = 1.0):
    """Return a fitted task, outputs that know something and are too sure of it, and the truth."""
    task.fit(frame())
    targets, mask = task.encode(frame()[:rows])
    torch.manual_seed(0)
    wide = targets if task.n_outputs == targets.shape[1] else targets > torch.arange(task.n_outputs)
    if isinstance(task, Multiclass):
        wide = targets == torch.arange(task.n_outputs)
    output = factor * (1.5 * wide.float() - 0.7 + noise * torch.randn(rows, task.n_outputs))
    if isinstance(task, Ordinal):
        output = output[:, :1] - factor * torch.arange(task.n_outputs).float() / 2
    return task, output, targets, mask


@pytest.mark.parametrize("kind", KINDS)
def test_no_temperature_of_a_fine_grid_is_better(kind):
    task, output, targets, mask = coded(KINDS[kind]())
    mask[::7] = False

    rows = mask.any(dim=1)
    n_classes = task.target_kind.n_classes(task.parts)

    def regret(t: float) -> float:
        total = float(task.losses(output.double() / t, targets)[mask].sum()) + (math.log(t) / 1.5) ** 2 / 2
        # One row more, which has each class as often as the others have it, by the mean over all inputs.
        for j in range(targets.shape[1]):
            counts = [0.5 + float((targets[rows, j] == c).sum()) for c in range(n_classes)]
            for c in range(n_classes):
                of_class = targets.clone()
                of_class[:, j] = c
                losses = task.losses(output.double() / t, of_class)[rows, j]
                total += counts[c] / sum(counts) * float(losses.mean())
        return total

    found = best_temperature(task, output, targets, mask)
    assert found > 1.5
    assert regret(found) <= min(regret(t) for t in np.geomspace(0.25, 20, 400)) + 1e-3


@pytest.mark.parametrize("kind", KINDS)
def test_the_scale_of_the_outputs_is_taken_back(kind):
    temperatures = []
    for factor in (2.0, 6.0):
        task, output, targets, mask = coded(KINDS[kind](), factor=factor)
        temperatures.append(best_temperature(task, output, targets, mask))
    # What holds T near 1 weighs little beside 600 labels, and something.
    assert temperatures[1] / temperatures[0] == pytest.approx(3.0, rel=0.05)


def test_the_more_labels_the_nearer_it_is_to_what_they_bear_out_and_none_leave_it_at_one():
    task, output, targets, mask = coded(Binary("yes"))
    # Three rows of four are right, and all are as sure: of the first n labels that is so for every n.
    right = (torch.arange(N) % 4 > 0)[:, None] == (targets > 0.5)
    output = torch.where(right, 6.0, -6.0)
    found = []
    for labels in (0, 4, 16, 64, 256):
        some = mask & (torch.arange(N) < labels)[:, None]
        found.append(best_temperature(task, output, targets, some))
    assert found[0] == 1.0
    assert all(1.02 * one < other for one, other in itertools.pairwise(found))
    # At 6 / log 3 three in four would be claimed.
    assert found[1] < 0.9 * 6 / math.log(3) < 0.98 * 6 / math.log(3) < found[4] < 6 / math.log(3)
    assert best_temperature(task, output * torch.nan, targets, mask) == 1.0


@pytest.mark.parametrize("kind", ["binary", "multiclass", "multilabel"])
@pytest.mark.parametrize("labels", [2, 6, 30, 150])
def test_labels_that_are_all_right_make_no_network_surer_than_laplace_would_be(kind, labels):
    task, output, targets, mask = coded(KINDS[kind](), rows=labels, factor=6.0, noise=0.0)
    t = best_temperature(task, output, targets, mask)
    found = task.target_kind.probabilities(task.scores(output.double() / t))
    n_classes = found.shape[-1]
    counts = torch.stack([(targets == c).double().sum(dim=0) for c in range(n_classes)], dim=-1)
    shares = (counts + 0.5) / (labels + n_classes / 2)
    true = shares.expand(labels, -1, -1).gather(2, targets.long()[..., None])
    # All n rows are right, and the one more is what the classes of the others say.
    wrong = float((1 - true).mean()) / (labels + 1)
    assert 0.3 * wrong < float(1 - found.max(dim=-1).values.mean()) < 2 * wrong


@pytest.mark.parametrize("kind", KINDS)
def test_a_network_becomes_as_sure_of_what_it_was_taught_as_its_teachers_were(kind):
    task, output, targets, _ = coded(KINDS[kind](), rows=60)
    draw = np.random.default_rng(0)
    confidence = torch.from_numpy(draw.uniform(0.6, 0.95, targets.shape))
    values = targets.double()
    values[::5] = math.nan

    def regret(t: float) -> float:
        found = task.target_kind.probabilities(task.scores(output.double() / t))
        total = 0.0
        for i, j in itertools.product(range(60), range(targets.shape[1])):
            if not math.isnan(values[i, j]):
                p = min(max(float(found[i, j, int(values[i, j])]), 1e-7), 1 - 1e-7)
                c = float(confidence[i, j])
                total -= c * math.log(p) + (1 - c) * math.log1p(-p)
        return total

    found = taught_temperature(task, output, values, confidence)
    assert found > 1.2
    assert regret(found) <= min(regret(t) for t in np.geomspace(0.25, 20, 100)) + 1e-2
    assert taught_temperature(task, output, values * math.nan, confidence) == 1.0


def test_few_labels_hardly_move_what_pseudo_labels_say_and_many_do():
    task, _, targets, mask = coded(Binary("yes"), factor=1.0)
    perfect = 9.0 * (2 * targets - 1)
    none = mask & (torch.arange(N) < 0)[:, None]
    few, many = (best_temperature(task, perfect[:n], targets[:n], mask[:n], around=5.0) for n in (6, N))
    assert best_temperature(task, perfect, targets, none, around=5.0) == 5.0
    assert many < few / 2 < 5 / 2
    assert few > 2.0


def test_only_classes_have_one_and_none_of_which_a_chain_is_made():
    tasks = [Binary("yes"), Binary("other"), Multiclass("colour"), Regression("number")]
    parts = [coded(task) for task in tasks]
    outputs = {task.name: output for task, output, _, _ in parts}
    held = Examples(
        {"x": torch.zeros(N, 1)},
        {task.name: targets for task, _, targets, _ in parts},
        {task.name: mask for task, _, _, mask in parts},
    )
    assert list(fit_temperatures(tasks, outputs, held)) == ["yes", "other", "colour"]
    chain = ct.networks.ESMM(["yes", "other"])
    assert list(fit_temperatures(tasks, outputs, held, chain)) == ["colour"]


@pytest.fixture(scope="module")
def learner() -> ct.Learner:
    tasks = [make() for make in KINDS.values()] + [Regression("number")]
    training = ct.Training(epochs=60, batch_size=32, learning_rate=0.03, select="last", average=0.0)
    learner = ct.Learner(tasks, encoder=ct.networks.TableEncoder(width=32, depth=1), training=training)
    return learner.fit(frame(200), 0.3, progress=False)


def test_a_learner_divides_wherever_it_is_asked_and_decides_as_before(learner, tmp_path):
    model, rows = learner.fitted, frame(100)
    temperatures = model.confidence.temperatures
    assert set(temperatures) == {"yes", "colour", "level", "both"}
    assert max(temperatures.values()) > 1.5
    raw = model.networks.outputs(model.preprocessor.inputs(rows))
    learner.save(tmp_path / "run")
    for one in (model, ct.Learner.load(tmp_path / "run").fitted):
        found, table = one.outputs(rows), one.predict(rows)
        for task in model.preprocessor.tasks:
            expected = raw[task.name] / temperatures.get(task.name, 1.0)
            torch.testing.assert_close(found[task.name], expected)
            before, after = task.predict(raw[task.name]), task.predict(expected)
            decided = [name for name in before if "probability" not in name]
            for name in decided:
                assert list(before[name]) == list(after[name])
            for name in after:
                assert np.array_equal(table[name].to_numpy(), np.asarray(after[name]))
        assert one.predict(rows.to_dicts()[0])["yes_probability"] == pytest.approx(
            table["yes_probability"][0], rel=1e-5
        )
        of_evaluate = one.evaluate(rows).value("yes", "log_loss")
        p, y = table["yes_probability"].to_numpy(), rows["yes"].to_numpy()
        assert of_evaluate == pytest.approx(-np.log(np.where(y == 1, p, 1 - p)).mean(), rel=1e-4)


def test_without_validation_rows_nothing_is_divided():
    learner = ct.Learner([Binary("yes")], training=ct.Training(epochs=2)).fit(frame(), None, progress=False)
    assert not learner.fitted.confidence.temperatures


def test_pseudo_labels_that_were_learned_by_heart_make_nobody_surer():
    draw = np.random.default_rng(0)
    x = draw.normal(size=(700, 4))
    # A third of all labels are wrong, and a network of this size learns the wrong ones too.
    right = (x[:, 0] + x[:, 1] > 0) != (draw.random(700) < 0.3)
    rows = pl.DataFrame({f"x{i}": x[:, i] for i in range(4)} | {"yes": right.astype(int)})
    known = rows[:400].with_columns(pl.when(pl.int_range(400) < 150).then("yes").alias("yes"))
    learner = ct.Learner(
        [Binary("yes")],
        encoder=ct.networks.TableEncoder(width=64, depth=1),
        training=ct.Training(epochs=40, batch_size=32, learning_rate=0.03, select="last", average=0.0),
        cotraining=ct.CoTraining(
            ct.cotraining.SelfTraining(ct.cotraining.KBest(0.8)), max_rounds=1, margin=0.0, min_labels=0
        ),
    )
    learner.fit(known, None, progress=False)
    model, test = learner.fitted, rows[400:]
    assert model.provenance.cells.height > 100
    # The network is divided, and its claims come nearer to the truth by that.
    assert model.confidence.temperatures["yes"] > 1.5
    y = torch.from_numpy(test["yes"].to_numpy().copy())[:, None].float()
    (task,) = model.preprocessor.tasks
    raw = model.networks.outputs(model.preprocessor.inputs(test))["yes"]
    assert float(task.losses(model.outputs(test)["yes"], y).mean()) < 0.7 * float(task.losses(raw, y).mean())


def test_a_damaged_temperature_is_refused(learner, tmp_path):
    learner.fitted.confidence.write(tmp_path)
    path = tmp_path / "confidence.json"
    text = path.read_text()
    value = learner.fitted.confidence.temperatures["yes"]
    for bad in ("0", "-1.0", "NaN", '"much"', "null"):
        path.write_text(text.replace(str(value), bad, 1))
        with pytest.raises(RunError, match="damaged"):
            CalibratedConfidence.read(tmp_path)
