"""Blends of pictures are told the labels of both, in their parts, and never half of them."""

from __future__ import annotations

import polars as pl
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import cotrain as ct
from cotrain._base import InvalidArgumentError
from cotrain.training import PictureAugmentation
from cotrain.training._picture_augmentation import PictureChanges
from cotrain.training._picture_mixing import PictureMixing, blend, coverage, is_cut, partners, share_of_own

STILL = {"scale": 0.0, "shift": 0.0, "brightness": 0.0, "contrast": 0.0}
FRAME = pl.DataFrame(
    {
        "kind": ["a", "b", "c", "a", None, "b", "c", None] * 3,
        "sold": ["yes", None, "no", "yes", "no", None, "yes", "no"] * 3,
        "tags": ["x,y", "y", None, "x", "z", "x,z", None, "y"] * 3,
        "size": [1, 2, 3, None, 1, 2, 3, 1] * 3,
    }
)


def tasks_of(**options) -> list[ct.tasks.Task]:
    found: list[ct.tasks.Task] = [
        ct.tasks.Multiclass("kind", class_weight="balanced", **options),
        ct.tasks.Binary("sold", class_weight={"yes": 3.0}, **options),
        ct.tasks.Multilabel("tags", separator=","),
        ct.tasks.Ordinal("size"),
    ]
    for task in found:
        task.fit(FRAME)
    return found


def batch_of(tasks: list[ct.tasks.Task], frame: pl.DataFrame = FRAME) -> dict:
    coded = {task.name: task.encode(frame) for task in tasks}
    pictures = torch.rand(len(frame), 2, 6, 8, generator=torch.Generator().manual_seed(1))
    return {
        "inputs": {"picture:file": pictures},
        "targets": {name: targets for name, (targets, _) in coded.items()},
        "masks": {name: mask for name, (_, mask) in coded.items()},
    }


def drawn(batch: dict, tasks: list[ct.tasks.Task], seed: int = 0, **options) -> tuple:
    """Return the partners and shares that a fit draws, and the batch that comes of it."""
    changes = PictureChanges(PictureAugmentation(**STILL, **options), ["picture:file"], tasks)
    changed = changes(batch, torch.Generator().manual_seed(seed))
    stream, mixing = torch.Generator().manual_seed(seed), PictureMixing(**options)
    n_rows = len(batch["inputs"]["picture:file"])
    changes.augmentation.draw(n_rows, stream)
    changes.augmentation.recolour(batch["inputs"]["picture:file"], stream)
    shares = mixing.shares(n_rows, stream)
    draws = torch.rand(n_rows, generator=stream)
    return partners(batch["masks"], tasks, draws, is_cut(shares)), shares, changed


@pytest.mark.parametrize("focal_gamma", [0.0, 2.0])
def test_the_loss_of_a_blend_is_that_of_both_labels_in_their_parts(focal_gamma: float):
    tasks = tasks_of(focal_gamma=focal_gamma)
    batch = batch_of(tasks)
    partner, shares, changed = drawn(batch, tasks, mixup=0.5)
    assert int((partner != torch.arange(len(partner))).sum()) > 10
    for task in tasks:
        target, mask = batch["targets"][task.name], batch["masks"][task.name]
        output = torch.randn(len(target), task.n_outputs, generator=torch.Generator().manual_seed(3)).double()
        total, count = 0.0, 0
        for row, other in enumerate(partner.tolist()):
            share = 1 - float(shares[row, 0])
            one, two = (task.losses(output[[row]], target[[i]])[0].tolist() for i in (row, other))
            for entry, known in enumerate(mask[row].tolist()):
                if known:
                    total += share * one[entry] + (1 - share) * two[entry]
                    count += 1
        found = task.loss(output, changed["targets"][task.name], changed["masks"][task.name])
        assert float(found) == pytest.approx(total / count, rel=1e-5)


def test_blended_pictures_are_what_the_paper_says():
    tasks = tasks_of()
    batch = batch_of(tasks)
    pictures = batch["inputs"]["picture:file"]
    partner, shares, changed = drawn(batch, tasks, mixup=0.5)
    for row, other in enumerate(partner.tolist()):
        share = 1 - float(shares[row, 0])
        expected = share * pictures[row] + (1 - share) * pictures[other]
        assert torch.allclose(changed["inputs"]["picture:file"][row], expected, atol=1e-5)


@pytest.mark.parametrize("source", ["auto", "ghost"])
def test_gradients_of_blends_are_those_of_autograd(source: str):
    tasks = tasks_of()[:2]
    _, _, changed = drawn(batch_of(tasks), tasks, mixup=0.5)
    found = {}
    for name in ("exact", source):
        torch.manual_seed(0)
        trunk = nn.Sequential(nn.Conv2d(2, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()).double()
        heads = {task.name: nn.Linear(4, task.n_outputs).double() for task in tasks}
        balance = ct.Balance(
            ct.balancing.UPGrad(), trunk.parameters(), tasks=[task.name for task in tasks], source=name
        )
        shared = trunk(changed["inputs"]["picture:file"].double())
        labels = {task.name: (changed["targets"][task.name], changed["masks"][task.name]) for task in tasks}
        balance.backward(
            {task.name: task.loss(heads[task.name](shared), *labels[task.name]) for task in tasks}
        )
        found[name] = [p.grad for module in (trunk, *heads.values()) for p in module.parameters()]
    for one, other in zip(found["exact"], found[source], strict=True):
        assert torch.allclose(one, other, rtol=1e-6, atol=1e-12)


def test_weights_of_rows_weigh_each_label_as_they_do_alone():
    (task, *_), size = tasks_of(), len(FRAME)
    target, mask = task.encode(FRAME)
    weights = mask * torch.arange(1.0, size + 1)[:, None]
    batch = {"inputs": {"picture:file": torch.rand(size, 1, 4, 4)}, "targets": {"kind": target}}
    batch["masks"] = {"kind": weights}
    partner, shares, changed = drawn(batch, [task], mixup=0.5)
    output = torch.randn(size, 3)
    own = share_of_own(shares)
    losses = [task.losses(output, labels)[:, 0] for labels in (target, target[partner])]
    parts = [own * weights[:, 0], (1 - own) * weights[partner, 0] * mask[:, 0]]
    expected = sum((loss * part).sum() for loss, part in zip(losses, parts, strict=True)) / sum(parts).sum()
    assert torch.allclose(task.loss(output, changed["targets"]["kind"], changed["masks"]["kind"]), expected)


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 10**6),
    n_rows=st.integers(1, 12),
    n_tasks=st.integers(1, 40),
    share=st.sampled_from([0.0, 0.3, 0.8, 1.0]),
)
def test_a_partner_has_all_labels_of_the_row_and_rows_with_other_labels_stay_whole(
    seed: int, n_rows: int, n_tasks: int, share: float
):
    stream = torch.Generator().manual_seed(seed)
    tasks: list[ct.tasks.Task] = [ct.tasks.Binary(f"t{number}") for number in range(n_tasks)]
    tasks += [ct.tasks.Regression("price"), ct.tasks.Segmentation("mask")]
    masks = {task.name: torch.rand(n_rows, 1, generator=stream) < share for task in tasks}
    masks["price"] = torch.rand(n_rows, 1, generator=stream) < 0.2
    masks["mask"] = torch.rand(n_rows, 3, 3, generator=stream) < 0.03
    cut = torch.rand(n_rows, generator=stream) < 0.5
    partner = partners(masks, tasks, torch.rand(n_rows, generator=stream), cut)
    for row, other in enumerate(partner.tolist()):
        assert all(
            masks[task.name][other].all() or not masks[task.name][row].any() for task in tasks[:n_tasks]
        )
        if masks["price"][row].any() or (masks["mask"][row].any() and not cut[row]):
            assert other == row


def test_all_possible_partners_are_equally_probable():
    known = torch.tensor([[True, False], [True, True], [False, True], [True, True]])
    draws = (torch.arange(1200.0) + 0.5) / 1200
    task = ct.tasks.Multilabel("tags", separator=",")
    cut = torch.zeros(4, dtype=torch.bool)
    found = torch.stack([partners({"tags": known}, [task], draw.expand(4), cut) for draw in draws])
    counts = [found[:, row].bincount(minlength=4).tolist() for row in range(4)]
    assert counts == [[400, 400, 0, 400], [0, 600, 0, 600], [0, 400, 400, 400], [0, 600, 0, 600]]


def test_rows_that_stay_whole_are_the_same_to_the_bit():
    tasks, counts = tasks_of(), ct.tasks.Regression("count")
    frame = FRAME.with_columns(count=pl.Series([1.0, None] * 12))
    counts.fit(frame)
    batch = batch_of([*tasks, counts], frame)
    partner, _, changed = drawn(batch, [*tasks, counts], mixup=0.5, cutmix=1.0)
    whole = torch.arange(0, 24, 2)
    assert torch.equal(partner[whole], whole)
    assert not torch.equal(partner, torch.arange(24))
    still = PictureChanges(PictureAugmentation(**STILL), ["picture:file"], tasks)
    plain = still(batch, torch.Generator().manual_seed(0))["inputs"]["picture:file"]
    assert torch.equal(changed["inputs"]["picture:file"][whole], plain[whole])
    assert changed["targets"]["count"] is batch["targets"]["count"]
    for task in tasks:
        output = torch.randn(len(whole), task.n_outputs)
        alone = task.loss(output, batch["targets"][task.name][whole], batch["masks"][task.name][whole])
        found = task.loss(output, changed["targets"][task.name][whole], changed["masks"][task.name][whole])
        assert torch.allclose(found, alone, rtol=1e-5)


def test_a_batch_of_one_and_a_task_without_labels():
    tasks = tasks_of()
    one = batch_of(tasks, FRAME[:1])
    partner, _, changed = drawn(one, tasks, mixup=0.2)
    assert partner.tolist() == [0]
    assert torch.allclose(changed["inputs"]["picture:file"], one["inputs"]["picture:file"], atol=1e-6)
    none = batch_of(tasks)
    none["masks"]["sold"] = torch.zeros_like(none["masks"]["sold"])
    _, _, changed = drawn(none, tasks, mixup=0.2)
    output = torch.randn(24, 1, requires_grad=True)
    loss = tasks[1].loss(output, changed["targets"]["sold"], changed["masks"]["sold"])
    loss.backward()
    assert output.grad is not None
    assert float(loss.detach()) == 0 == float(output.grad.abs().sum())


def test_shares_are_those_of_beta():
    """E λ = ½ and Var λ = 1 / (4 (2 α + 1))."""
    for alpha in (0.2, 1.0):
        own = share_of_own(PictureMixing(mixup=alpha).shares(20_000, torch.Generator().manual_seed(0)))
        assert float(own.mean()) == pytest.approx(0.5, abs=0.01)
        assert float(own.var()) == pytest.approx(1 / (4 * (2 * alpha + 1)), abs=0.005)


@pytest.mark.parametrize("size", [(28, 28), (5, 9), (1, 1)])
def test_a_rectangle_covers_what_its_share_says_at_any_size(size: tuple[int, int]):
    shares = PictureMixing(cutmix=1.0).shares(200, torch.Generator().manual_seed(0))
    covered = coverage(shares, size)
    assert covered.shape == (200, 1, *size)
    assert torch.allclose(covered.mean(dim=(1, 2, 3)), 1 - share_of_own(shares), atol=1e-5)
    assert float(covered.min()) >= 0
    assert float(covered.max()) <= 1


def test_a_rectangle_of_whole_pixels_is_cut_out_of_the_other_picture():
    pictures = torch.rand(2, 3, 4, 8)
    shares = torch.tensor([[1.0, 0.25, 0.5, 0.75, 1.0], [0.0, 0.0, 0.0, 1.0, 1.0]])
    batch = {"inputs": {"image": pictures}, "targets": {}, "masks": {}}
    found = blend(batch, ["image"], [], partner=torch.tensor([1, 0]), shares=shares)["inputs"]["image"]
    expected = pictures.clone()
    expected[0, :, 2:4, 2:6] = pictures[1, :, 2:4, 2:6]
    assert torch.equal(found, expected)
    assert share_of_own(shares).tolist() == [0.75, 1.0]


def pixel_batch(seed: int, n_rows: int, size: tuple[int, int]) -> tuple[list[ct.tasks.Task], dict]:
    """Return masks, depths and normals whose every label says which row and pixel it is of."""
    tasks = [
        ct.tasks.Segmentation("mask"),
        ct.tasks.DenseRegression("depth"),
        ct.tasks.DenseRegression("normals", quantity="normals"),
    ]
    stream = torch.Generator().manual_seed(seed)
    own = torch.arange(float(n_rows * size[0] * size[1])).reshape(n_rows, *size)
    targets = {"mask": own, "depth": own[:, None], "normals": own[:, None].expand(-1, 3, -1, -1)}
    masks = {name: torch.rand(n_rows, *size, generator=stream) < 0.7 for name in targets}
    masks["depth"][0] = False
    return tasks, {"inputs": {"picture:file": own[:, None]}, "targets": targets, "masks": masks}


@pytest.mark.parametrize("size", [(6, 6), (5, 9), (1, 1)])
@pytest.mark.parametrize("options", [{"cutmix": 1.0}, {"mixup": 0.5}, {"mixup": 0.5, "cutmix": 1.0}])
def test_each_pixel_keeps_its_own_label_wherever_it_goes(size: tuple[int, int], options: dict):
    tasks, batch = pixel_batch(0, 12, size)
    partner, shares, changed = drawn(batch, tasks, **options)
    still = PictureChanges(PictureAugmentation(**STILL), ["picture:file"], tasks)
    batch = still(batch, torch.Generator().manual_seed(0))
    inside = coverage(shares, size)[:, 0] > 0.5
    n_moved = 0
    for row, other in enumerate(partner.tolist()):
        if not is_cut(shares)[row]:
            assert other == row, "a mask says nothing of a sum of two pictures"
        for task in tasks:
            old, new = ((of["targets"][task.name], of["masks"][task.name]) for of in (batch, changed))
            for y in range(size[0]):
                for x in range(size[1]):
                    source = other if inside[row, y, x] else row
                    n_moved += source != row
                    assert torch.equal(new[0][row, ..., y, x], old[0][source, ..., y, x])
                    assert new[1][row, y, x] == old[1][source, y, x]
    assert n_moved or "cutmix" not in options or size == (1, 1)


def test_rows_with_masks_and_classes_learn_both_classes_of_a_cut_picture():
    tasks = tasks_of()
    pixels, of_pixels = pixel_batch(3, 24, (6, 8))
    batch = batch_of(tasks)
    both = {part: batch[part] | of_pixels[part] for part in ("inputs", "targets", "masks")}
    partner, _, changed = drawn(both, [*tasks, *pixels], cutmix=1.0)
    assert int((partner != torch.arange(24)).sum()) > 12
    assert torch.equal(changed["targets"]["kind"][:, 1], batch["targets"]["kind"][partner])


def test_with_both_about_half_of_the_rows_have_either():
    shares = PictureMixing(mixup=0.4, cutmix=1.0).shares(4000, torch.Generator().manual_seed(0))
    assert 0.45 < float((shares[:, 0] == 1).float().mean()) < 0.55


def test_it_is_off_unless_asked_for_and_named_by_its_stream():
    tasks = tasks_of()
    batch = batch_of(tasks)
    plain = PictureChanges(PictureAugmentation(), ["picture:file"], tasks)
    assert plain(batch, torch.Generator())["targets"]["kind"] is batch["targets"]["kind"]
    first, again, other = (drawn(batch, tasks, seed=seed, mixup=0.2)[2] for seed in (0, 0, 1))
    assert torch.equal(first["inputs"]["picture:file"], again["inputs"]["picture:file"])
    assert torch.equal(first["masks"]["kind"], again["masks"]["kind"])
    assert not torch.equal(first["inputs"]["picture:file"], other["inputs"]["picture:file"])


def test_all_pictures_of_a_row_are_blended_alike():
    tasks = tasks_of()
    batch = batch_of(tasks)
    batch["inputs"]["picture:side"] = torch.rand(24, 1, 5, 5)
    shares = PictureMixing(mixup=0.5).shares(24, torch.Generator().manual_seed(0))
    partner = partners(batch["masks"], tasks, torch.rand(24), is_cut(shares))
    found = blend(batch, ["picture:file", "picture:side"], tasks, partner=partner, shares=shares)["inputs"]
    for name, pictures in batch["inputs"].items():
        share = shares[:, :1, None, None]
        assert torch.allclose(found[name], (1 - share) * pictures + share * pictures[partner], atol=1e-6)


@pytest.mark.parametrize("options", [{"mixup": -0.1}, {"cutmix": float("inf")}, {"mixup": float("nan")}])
def test_values_out_of_range_are_refused(options: dict):
    with pytest.raises(InvalidArgumentError, match=r"expected a number in \[0, inf\)"):
        PictureAugmentation(**options)


def test_masks_are_said_to_be_blended_by_cutmix_alone():
    tasks = [ct.tasks.Segmentation("mask"), ct.tasks.Detection("boxes")]
    labelled = torch.tensor([[True, False], [False, True], [True, True]])
    for options, n in (({"cutmix": 1.0}, 1), ({"mixup": 0.2}, 0)):
        changes = PictureChanges(PictureAugmentation(**options), ["picture:file"], tasks)
        assert changes.remark(labelled).startswith(f"mixup and cutmix: {n} of 3 training rows are blended")


def test_it_is_said_how_many_rows_are_blended():
    tasks = [ct.tasks.Binary("a"), ct.tasks.Regression("count")]
    changes = PictureChanges(PictureAugmentation(mixup=0.2), ["picture:file"], tasks)
    labelled = torch.tensor([[True, True], [True, False], [False, True], [False, False]])
    said = "mixup and cutmix: 1 of 3 training rows are blended with others; those with a label of count stay"
    assert changes.remark(labelled).startswith(said)
    assert changes.remark(labelled[1:2]) == "mixup and cutmix: 1 of 1 training rows are blended with others"
    assert not PictureChanges(PictureAugmentation(), ["picture:file"], tasks).remark(labelled)
