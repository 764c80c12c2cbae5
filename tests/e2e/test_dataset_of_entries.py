"""A Dataset of tensors whose labels have more than one axis: masks of pictures and tags of tokens."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

import cotrain as ct


class Pictures(torch.utils.data.Dataset):
    """Pictures with a mask, a third of them without, and a label."""

    def __init__(self, n_rows: int) -> None:
        self.images = torch.rand(n_rows, 3, 16, 16, generator=torch.Generator().manual_seed(n_rows))

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> dict[str, Any]:
        image = self.images[index]
        mask = (image[0] > 0.5).to(torch.uint8)
        mask[0] = 255  # ignored
        return {"image": image, "mask": mask if index % 3 else None, "bright": int(image.mean() > 0.5)}


class Sentences(torch.utils.data.Dataset):
    """Numbers of tokens, each with its tag, −100 where there is none; a quarter of the rows without tags."""

    def __init__(self, n_rows: int) -> None:
        generator = torch.Generator().manual_seed(n_rows)
        self.rows = [torch.randint(0, 10, (1 + i % 5,), generator=generator) for i in range(n_rows)]

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> dict[str, Any]:
        tokens = self.rows[index]
        tags = torch.where(tokens == 9, -100, tokens % 2)
        return {"tokens": tokens, "odd": tags if index % 4 else None}


class Embedded(nn.Module):
    """A vector for every token."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(10, 8)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        return self.table(tokens)


def test_masks_are_tensors_of_two_axes() -> None:
    pytest.importorskip("PIL", reason="the extra 'vision' is not installed")
    learner = ct.Learner(
        [ct.tasks.Segmentation("mask", classes=["dark", "light"]), ct.tasks.Binary("bright")],
        encoder=ct.networks.ConvNet((4, 4), strides=(1, 1), key="image"),
        training=ct.Training(epochs=8, batch_size=4, learning_rate=1e-2),
    )
    learner.fit(Pictures(48), Pictures(12), progress=False)
    targets, masks = (
        part["mask"]
        for part in (
            learner.preprocessor.examples(Pictures(6)).targets,
            learner.preprocessor.examples(Pictures(6)).masks,
        )
    )
    assert targets.shape == masks.shape == (6, 16, 16)
    assert masks.flatten(1).any(dim=1).tolist() == [bool(i % 3) for i in range(6)]
    assert not masks[:, 0].any()
    table = learner.evaluate(Pictures(30))
    assert table.row("mask", "pixel_accuracy").n_labelled == 20
    assert table.value("mask", "pixel_accuracy") > 0.6


def test_tags_are_tensors_as_long_as_their_rows() -> None:
    learner = ct.Learner(
        [ct.tasks.Tagging("odd", missing=["-100"])],
        encoder=ct.networks.Wrap(Embedded(), key="tokens", widths=[8]),
        training=ct.Training(epochs=10, batch_size=8, learning_rate=3e-2),
    )
    learner.fit(Sentences(60), Sentences(20), progress=False)
    examples = learner.preprocessor.examples(Sentences(20))
    assert examples.masks["odd"].lengths.tolist() == [(1 + i % 5) if i % 4 else 0 for i in range(20)]
    assert learner.evaluate(Sentences(30)).value("odd", "token_accuracy") > 0.9
    predicted = learner.predict(Sentences(20))["odd"].to_list()
    assert [len(row) for row in predicted] == [len(row) for row in Sentences(20).rows]
