import copy
import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
import torch

import cotrain as ct
from cotrain._base import RunError
from cotrain.data import sources as ct_sources
from cotrain.data.sources import RowSources
from cotrain.networks import InputSpec
from cotrain.training import Examples, Fit, Logger
from cotrain.training._predict import outputs_of
from cotrain.training._validation import Validator


class Counting(ct.balancing.LossRule):
    """Counts how often each task took part."""

    def _rule(self, xp, losses_K, active_K):
        counts = self.state.get("counts", [0] * losses_K.shape[0])
        self.state["counts"] = [n + int(a) for n, a in zip(counts, active_K.tolist(), strict=True)]
        return xp.ones_like(losses_K)


def examples(n_rows, labelled_b, seed=0):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(n_rows, 3, generator=generator)
    mask_b = torch.zeros(n_rows, 1, dtype=torch.bool)
    mask_b[labelled_b] = True
    mask_a = torch.ones(n_rows, 1, dtype=torch.bool)
    targets = {"a": x[:, :1].clone(), "b": torch.where(mask_b, x[:, 1:2], 0.0)}
    return Examples({"numbers": x}, targets, {"a": mask_a, "b": mask_b})


def tasks():
    made = [ct.tasks.Regression("a"), ct.tasks.Regression("b")]
    for task in made:
        task.fit(pl.DataFrame({task.name: [-1.0, 0.0, 1.0, 0.5]}))
    return made


def fit(train, validation=None, balancer=None, checkpoint=None, model=None, mixing=None, **settings):
    crossed = settings.pop("crossed", False)
    if model is None:
        with torch.random.fork_rng():
            torch.manual_seed(0)
            encoder = ct.networks.TableEncoder(width=8, depth=1, numbers="plain")
            sharing = ct.networks.HardSharing().build(
                lambda: encoder.build(InputSpec(n_numbers=3)), ["a", "b"]
            )
            heads = {name: torch.nn.Linear(8, 1) for name in ("a", "b")}
            model = ct.networks.MultiTaskNetwork(sharing, heads)
    settings = ct.Training(**({"epochs": 1, "batch_size": 8, "average": 0.0} | settings))
    balancer = balancer or ct.balancing.Equal()
    return Fit(
        model,
        tasks(),
        balancer,
        settings,
        train=train,
        validation=validation,
        checkpoint=checkpoint,
        mixing=mixing,
        crossed=crossed,
    )


def head(made, task):
    return torch.cat([p.detach().flatten() for p in made.model.task_parameters(task)])


@pytest.mark.parametrize("weight_decay", [0.0, 0.5])
def test_a_task_without_a_label_in_a_batch_keeps_head_and_balancer_as_they_are(weight_decay):
    # The optimiser has momentum and weight decay by then: a gradient of zero would still move the head.
    first = examples(8, range(8))
    made = fit(first, balancer=Counting(), epochs=9, weight_decay=weight_decay)
    made._take_step(first.parts(), dict.fromkeys(made.tasks))
    before_a, before_b = head(made, "a"), head(made, "b")
    made._take_step(first.parts(), {made.tasks[0]: None})
    assert torch.equal(head(made, "b"), before_b)
    assert not torch.equal(head(made, "a"), before_a)
    assert made.balance.balancer.state["counts"] == [2, 1]


def test_batches_know_which_tasks_have_labels():
    train = examples(24, [3])
    made = fit(train, balancer=Counting(), epochs=4)
    made.run()
    assert made.balance.balancer.state["counts"] == [12, 4]


def test_rows_without_any_label_are_left_out():
    train = examples(24, range(24))
    for mask in train.masks.values():
        mask[10:20] = False
    assert len(fit(train).train) == 14


def test_equals_a_plain_loop_step_by_step():
    """The defining equation: AdamW on the sum of the losses, with the warm-up and cosine rates."""
    train = examples(16, range(16))
    made = fit(train, epochs=3, batch_size=8, warmup=0.0, clip=None, weight_decay=0.0, select="last")
    for module in made.model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    plain = copy.deepcopy(made.model)
    optimizer = torch.optim.AdamW(plain.parameters(), lr=2e-3, weight_decay=0.0)
    step = 0
    for epoch in range(3):
        order = made.batches.order(epoch)
        for rows in (order[:8], order[8:]):
            for group in optimizer.param_groups:
                group["lr"] = 2e-3 * 0.5 * (1 + math.cos(math.pi * step / 6))
            outputs = plain({"numbers": train.inputs["numbers"][rows]})
            loss = sum(((outputs[t] - train.targets[t][rows]) ** 2).mean() for t in ("a", "b"))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            step += 1
    made.run()
    for ours, theirs in zip(made.model.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-7)


def test_the_average_of_the_weights_follows_its_equation():
    train = examples(16, range(16))
    made = fit(train, epochs=2, average=0.5, select="last")
    seen = [[p.detach().clone() for p in made.model.parameters()]]
    expected = seen[0]
    step = made._take_step

    def spied(batch, active):
        step(batch, active)
        nonlocal expected
        decay = min(0.5, (made._step + 1) / (made._step + 10))
        expected = [
            decay * old + (1 - decay) * new.detach()
            for old, new in zip(expected, made.model.parameters(), strict=True)
        ]

    made._take_step = spied
    result = made.run()
    for (name, kept), value in zip(result.weights[0].items(), expected, strict=True):
        torch.testing.assert_close(kept, value, msg=name)


def test_stops_early_and_keeps_the_best_epoch():
    train, validation = examples(64, range(64)), examples(32, range(32), seed=1)
    made = fit(train, validation, epochs=300, patience=2, learning_rate=0.05)
    result = made.run()
    assert len(result.history) < 300
    assert len(result.history) - 1 - max(result.best_epoch.values()) == 2
    best = max(range(len(result.history)), key=lambda e: sum(result.history[e]["gain"].values()))
    assert result.best_epoch["combined"] == best


class Heard(Logger):
    """Keeps what it is told."""

    def __init__(self):
        self.told = []

    def message(self, text):
        self.told.append(text)


@pytest.mark.parametrize("select", ["per_task", "combined"])
def test_validation_rows_that_judge_nothing_stop_nothing_and_it_is_said(select):
    train, held = examples(64, range(64)), examples(32, range(32), seed=1)
    unlabelled = replace(held, masks={name: torch.zeros_like(mask) for name, mask in held.masks.items()})
    alike = {name: torch.full_like(target, 1e-3) for name, target in held.targets.items()}
    constant = {name: torch.full_like(target, 1e-3) for name, target in train.targets.items()}
    for rows, validation in (
        (train, unlabelled),
        (replace(train, targets=constant), replace(held, targets=alike)),
    ):
        made = fit(rows, validation, epochs=8, patience=2, select=select)
        heard = Heard()
        made.loggers = [heard]
        assert len(made.run().history) == 8
        assert heard.told == [made.validator.remark()]
        assert "trained to its last epoch" in heard.told[0]
    of_one = replace(held, masks={**held.masks, "b": unlabelled.masks["b"]})
    assert (
        fit(train, of_one, select=select)
        .validator.remark()
        .startswith("The validation rows have no labels of b")
    )
    assert fit(train, held, select=select).validator.remark() == ""


def test_each_task_may_keep_its_own_best_weights():
    train, validation = examples(64, range(64)), examples(32, range(32), seed=1)
    result = fit(train, validation, epochs=30, patience=None, learning_rate=0.1, select="per_task").run()
    for task in ("a", "b"):
        gains = [record["gain"][task] for record in result.history]
        assert result.best_epoch[task] == gains.index(max(gains))
    if result.best_epoch["a"] != result.best_epoch["b"]:
        assert result.weights_of["a"] != result.weights_of["b"]


@pytest.mark.parametrize("select", ["auto", "combined", "per_task", "last"])
@pytest.mark.parametrize("labels_of_b", [range(32), range(0)])
def test_the_epoch_that_is_kept_is_the_one_whose_values_the_weights_have(select, labels_of_b):
    train, validation = examples(64, range(64)), examples(32, labels_of_b, seed=1)
    made = fit(train, validation, epochs=12, patience=None, learning_rate=0.1, select=select)
    result = made.run()
    assert set(result.kept_epoch) == {"a", "b"}
    validator = Validator(made.tasks, train, validation)
    for task, epoch in result.kept_epoch.items():
        made.model.load_state_dict(result.weights[result.weights_of[task]])
        found = validator.validate([(slice(None), outputs_of(made.model.eval(), validation.inputs))])
        told = result.history[epoch]["validation"]
        assert found.values["a"] == pytest.approx(told["a"], rel=1e-5), (task, epoch)
        assert all(
            found.values["a"] != pytest.approx(other["validation"]["a"], rel=1e-5)
            for other in result.history
            if other["epoch"] != epoch
        )


def test_a_broken_loss_is_left_out_and_counted():
    train = examples(16, range(16))
    train.targets["b"][:] = math.inf
    made = fit(train, epochs=2)
    result = made.run()
    assert result.skipped == {"b": 4}
    assert all(torch.isfinite(p).all() for p in made.model.parameters())


def test_divergence_is_told_with_the_learning_rate():
    train = examples(16, range(16))
    for target in train.targets.values():
        target[:] = math.nan
    with pytest.raises(RunError, match=r"diverged in epoch 1: .*learning_rate \(now 0\.002\)"):
        fit(train, learning_rate=0.002).run()


def test_interrupted_within_an_epoch_it_ends_bit_identical(tmp_path):
    train, validation = examples(80, range(0, 80, 3)), examples(32, range(32), seed=1)
    options = {"epochs": 4, "average": 0.9, "select": "per_task", "patience": None, "crossed": True}
    whole = fit(train, validation, balancer=ct.balancing.DWA(), **options).run()

    path = tmp_path / "state.pt"
    broken = fit(train, validation, balancer=ct.balancing.DWA(), checkpoint=path, **options)
    broken.checkpoints.due = lambda *, epoch_ended: True
    step, taken = broken._take_step, 0

    def interrupted(batch, active):
        nonlocal taken
        if taken == 23:
            raise KeyboardInterrupt
        taken += 1
        step(batch, active)

    broken._take_step = interrupted
    with pytest.raises(KeyboardInterrupt):
        broken.run()

    again = fit(train, validation, balancer=ct.balancing.DWA(), checkpoint=path, **options)
    again.resume()
    assert again._step == 23
    result = again.run()
    assert result.history == whole.history
    assert result.weights_of == whole.weights_of
    pairs = [(result.weights, whole.weights)]
    assert [of for _, of in result.crossed] == [of for _, of in whole.crossed]
    pairs += [(mine, theirs) for (mine, _), (theirs, _) in zip(result.crossed, whole.crossed, strict=True)]
    for mine, theirs in ((one, other) for pair in pairs for one, other in zip(*pair, strict=True)):
        assert all(torch.equal(mine[name], theirs[name]) for name in theirs)


def test_what_does_not_learn_is_written_once_and_resumed_bit_identical(tmp_path):
    def wide_and_frozen(checkpoint=None):
        with torch.random.fork_rng():
            torch.manual_seed(0)
            encoder = ct.networks.TableEncoder(width=200, depth=2, dropout=0.0, numbers="plain")
            sharing = ct.networks.HardSharing().build(
                lambda: encoder.build(InputSpec(n_numbers=3)), ["a", "b"]
            )
            heads = {name: torch.nn.Linear(200, 1) for name in ("a", "b")}
            model = ct.networks.MultiTaskNetwork(sharing, heads)
        sharing.requires_grad_(requires_grad=False)
        train = examples(20, slice(0, 20))
        return fit(train, train, checkpoint=checkpoint, model=model, epochs=4, average=0.9)

    file = tmp_path / "state.pt"
    stopped = wide_and_frozen(file)
    stopped.checkpoints.due = lambda *, epoch_ended: True
    step = stopped._take_step

    def interrupted(batch, active):
        if stopped._step == 7:
            raise KeyboardInterrupt
        step(batch, active)

    stopped._take_step = interrupted
    with pytest.raises(KeyboardInterrupt):
        stopped.run()
    frozen = sum(p.numel() * 4 for p in stopped.model.parameters() if not p.requires_grad)
    assert frozen > 100_000
    assert file.stat().st_size < 1.5 * frozen
    resumed = wide_and_frozen(file)
    resumed.resume()
    (once, *_), own = resumed.best.copies.values(), resumed.model.state_dict()
    for name, tensor in once.items():
        assert (tensor.data_ptr() == own[name].data_ptr()) == name.startswith("sharing")
    found, whole = resumed.run(), wide_and_frozen().run()
    for mine, theirs in zip(found.weights, whole.weights, strict=True):
        assert all(torch.equal(mine[name], theirs[name]) for name in theirs)


def test_a_fit_that_chooses_no_epoch_has_nothing_to_cross():
    train, validation = examples(80, range(80)), examples(32, range(32), seed=1)
    assert len(fit(train, validation, crossed=True, select="per_task").run().crossed) == 2
    assert not fit(train, validation, select="per_task").run().crossed
    assert not fit(train, validation, crossed=True, select="last").run().crossed
    assert not fit(train, crossed=True).run().crossed


def test_bfloat16_learns_too():
    result = fit(examples(32, range(32)), epochs=5, precision="bfloat16", learning_rate=0.02).run()
    assert result.history[-1]["loss"]["a"] < result.history[0]["loss"]["a"]


def test_an_unknown_device_gets_a_sentence():
    with pytest.raises(RunError, match="'abacus'"):
        fit(examples(8, range(8)), device="abacus")


def test_other_labels_count_from_the_next_epoch_on_for_rows_that_had_none():
    train = examples(24, range(8))
    first = {name: mask.float() * (torch.arange(24)[:, None] < 8) for name, mask in train.masks.items()}
    made = Fit(
        (plain := fit(train)).model,
        plain.tasks,
        Counting(),
        ct.Training(epochs=2, batch_size=8),
        train=Examples(train.inputs, train.targets, first),
        validation=None,
        keep_all=True,
    )
    assert len(made.train) == 24
    made.run_epoch()
    before = made.balance.balancer.state["counts"][0]
    assert 1 <= before <= 3
    everywhere = {name: torch.ones(24, 1) for name in train.masks}
    made.relabel({name: torch.zeros(24, 1) for name in train.targets}, everywhere)
    made.run_epoch()
    assert made.balance.balancer.state["counts"] == [before + 3] * 2
    assert made.finished


def test_augmentation_is_for_training_only_and_its_draws_are_the_steps_own():
    shown = []

    def augment(batch, generator):
        shown.append(batch["inputs"]["numbers"])
        inputs = {
            name: x + torch.rand_like(x) + torch.rand(x.shape, generator=generator)
            for name, x in batch["inputs"].items()
        }
        return {**batch, "inputs": inputs}

    def weights(n_used):
        made = fit(examples(24, range(24)), examples(8, range(8)), epochs=2)
        made.augment = augment
        torch.manual_seed(n_used)
        made.run_epoch()
        torch.rand(n_used)
        made.run_epoch()
        return head(made, "a")

    assert torch.equal(weights(1), weights(2))
    assert len(shown) == 2 * 2 * 3


def test_a_second_look_at_a_batch_is_not_a_second_batch():
    def made(balancer):
        with torch.random.fork_rng():
            torch.manual_seed(0)
            encoder = ct.networks.TableEncoder(width=8, depth=1, dropout=0.5)
            sharing = ct.networks.HardSharing().build(
                lambda: encoder.build(InputSpec(n_numbers=3)), ["a", "b"]
            )
            normal = torch.nn.Sequential(torch.nn.BatchNorm1d(8), torch.nn.Linear(8, 1))
            heads = {"a": normal, "b": torch.nn.Linear(8, 1)}
        return fit(
            examples(16, range(16)),
            balancer=balancer,
            model=ct.networks.MultiTaskNetwork(sharing, heads),
            learning_rate=1e-30,
        )

    seen = []

    class Looking(Counting):
        observes_update = True

        def weights(self, losses, gramian=None, active=None):
            seen.append(losses.clone())
            return super().weights(losses, gramian, active)

        def observe_update(self, losses):
            seen.append(losses.clone())

    looking, plain = made(Looking()), made(Counting())
    looking.run()
    plain.run()
    # At a learning rate of nearly 0 nothing but the draws could make a difference.
    assert len(seen) == 4
    assert torch.equal(seen[0], seen[1])
    assert torch.equal(seen[2], seen[3])
    other = plain.model.state_dict()
    assert all(torch.equal(value, other[name]) for name, value in looking.model.state_dict().items())


def two_sources(n_rows, n_b):
    """Rows of two sources, each with labels of a task of its own."""
    rows = examples(n_rows, range(n_rows - n_b, n_rows))
    from_b = torch.arange(n_rows) >= n_rows - n_b
    masks = {"a": ~from_b[:, None], "b": from_b[:, None]}
    targets = {name: torch.where(masks[name], rows.targets[name], 0.0) for name in masks}
    return Examples(rows.inputs, targets, masks, RowSources(("first", "second"), from_b.long()))


@pytest.mark.parametrize("rule", [None, ct_sources.Equal(), ct_sources.Temperature(T=3)])
def test_every_step_of_a_gradient_method_sees_the_tasks_of_all_sources(rule):
    made = fit(
        two_sources(404, 4), balancer=ct.balancing.UPGrad(), mixing=rule, epochs=3, patience=None, monitor=1
    )
    assert all(len(active) == 2 for epoch in range(3) for active in active_tasks(made, epoch))
    made.run()
    # Each row belongs to one task, and the Gramian is taken in one pass.
    assert made.balance.last_source.startswith("disjoint")


def active_tasks(made, epoch):
    made.epoch = epoch
    found = made._active_tasks()
    made.epoch = 0
    return found


def test_one_source_is_trained_as_if_there_were_none():
    rows = examples(70, range(0, 70, 3))
    alone = replace(rows, sources=RowSources(("only",), torch.zeros(70, dtype=torch.int64)))
    of_one = replace(rows, sources=RowSources(("only", "none"), torch.zeros(70, dtype=torch.int64)))
    first, second, third = (fit(given, epochs=2).run().weights[0] for given in (rows, alone, of_one))
    for name, weight in first.items():
        assert torch.equal(weight, second[name])
        assert torch.equal(weight, third[name])


def test_rows_of_several_sources_interrupted_within_an_epoch_end_bit_identical(tmp_path):
    rows, settings = two_sources(120, 9), {"epochs": 4, "batch_size": 7, "mixing": ct_sources.Equal()}
    whole = fit(rows, balancer=ct.balancing.UPGrad(), **settings).run()
    path = tmp_path / "state.pt"
    part = fit(rows, balancer=ct.balancing.UPGrad(), checkpoint=path, **settings)
    part.checkpoints.due = lambda epoch_ended: True
    steps = iter(range(29))
    take_step = part._take_step

    def stopping(batch, active):
        if next(steps, None) is None:
            raise KeyboardInterrupt
        take_step(batch, active)

    part._take_step = stopping
    with pytest.raises(KeyboardInterrupt):
        part.run()
    again = fit(rows, balancer=ct.balancing.UPGrad(), checkpoint=path, **settings)
    again.resume()
    assert again.step_in_epoch > 0
    resumed = again.run()
    assert resumed.history == whole.history
    for name, weight in whole.weights[0].items():
        assert torch.equal(weight, resumed.weights[0][name])


def test_a_checkpoint_of_other_sources_is_refused(tmp_path):
    path = tmp_path / "state.pt"
    rows = two_sources(40, 9)
    fit(rows, checkpoint=path).run()
    moved = replace(rows, sources=RowSources(("first", "second"), (torch.arange(40) > 20).long()))
    with pytest.raises(RunError, match="other training rows"):
        fit(moved, checkpoint=path).resume()


def test_heads_of_tasks_without_a_label_in_a_batch_are_not_computed():
    made = fit(examples(64, range(8)), batch_size=8)
    calls = {"a": 0, "b": 0}
    for task, head_of_task in zip(made.model.tasks, made.model.heads, strict=True):
        head_of_task.register_forward_hook(lambda *_, task=task: calls.update({task: calls[task] + 1}))
    present = made._active_tasks()
    made.run_epoch()
    names = [[task.name for task in active] for active in present]
    assert calls == {task: sum(task in active for active in names) for task in calls}
    assert calls["b"] < calls["a"] == 8


@pytest.mark.skipif(sys.platform != "linux", reason="the unit of ru_maxrss is the system's own")
def test_many_classes_take_no_table_of_all_rows_and_classes_before_or_in_the_first_step():
    # 20,000 rows of 5,000 classes: one float32 of each would be 400 MB, and there were two.
    script = Path(__file__).with_name("many_classes.py")
    command = [sys.executable, script, "20000", "5000"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr
    assert int(found.stdout) < 250e6
