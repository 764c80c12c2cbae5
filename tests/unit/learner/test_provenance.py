from __future__ import annotations

import polars as pl
import torch

from cotrain import tasks as kinds
from cotrain.cotraining import PseudoLabels
from cotrain.learner._provenance import Provenance
from cotrain.training import Examples


def test_a_folder_without_pseudo_labels_is_read(tmp_path):
    Provenance().write(tmp_path)
    assert not list(tmp_path.iterdir())
    assert Provenance.read(tmp_path).cells.height == 0


def test_pseudo_labels_are_found_again_by_the_inputs(tmp_path):
    task = kinds.Multilabel("tags", separator=",")
    task.fit(pl.DataFrame({"tags": ["p", "q", "p,q", ""] * 2}))
    inputs = {"inputs": torch.arange(8.0).reshape(4, 2)}
    examples = Examples(inputs, {"tags": torch.zeros(4, 2)}, {"tags": torch.zeros(4, 2)})
    weight = torch.tensor([[0.5, 0.0], [0.0, 0.0], [0.5, 0.5], [0.0, 0.0]])
    labels = PseudoLabels(torch.ones(4, 2) * (weight > 0), weight + 0.4, weight, 2, "a, b")
    provenance = Provenance.of(examples, {"tags": labels})
    assert provenance.cells.height == 3
    provenance.write(tmp_path)
    found = Provenance.read(tmp_path).pseudo_labels(task, {"inputs": inputs["inputs"].flip(0)})
    assert found is not None
    assert found["place"].to_list() == [0, 0, 1, 1, 2, 2, 3, 3]
    assert found["value"].to_list() == [None, None, 1.0, 1.0, None, None, 1.0, None]
    assert set(found["round"].drop_nulls()) == {2}
    assert set(found["teacher"].drop_nulls()) == {"a, b"}


def test_a_pixel_is_told_by_its_picture_and_its_place_in_the_mask(tmp_path):
    pictures = torch.arange(24.0).reshape(3, 2, 2, 2)
    examples = Examples({"image": pictures}, {"mask": torch.zeros(3, 2, 2)}, {"mask": torch.zeros(3, 2, 2)})
    weight = torch.zeros(12, 1)
    weight[[1, 4, 7, 11]] = 1.0
    labels = PseudoLabels(torch.arange(12.0)[:, None] * (weight > 0), weight, weight, 1, "a")
    Provenance.of(examples, {"mask": labels}).write(tmp_path)
    found = Provenance.read(tmp_path).cells
    assert found["target"].to_list() == [1, 0, 3, 3]
    assert found["value"].to_list() == [1.0, 4.0, 7.0, 11.0]
    assert found["row"].n_unique() == 3
    assert found["row"][1] == found["row"][2]


def test_a_text_is_kept_as_a_text_and_runs_of_before_have_none(tmp_path):
    task = kinds.Transcription("said")
    task.fit(pl.DataFrame({"said": ["ab", "b"]}))
    rows = {"x": torch.arange(3.0)[:, None]}
    examples = Examples(rows, {"said": torch.ones(3, 1)}, {"said": torch.zeros(3, 1)})
    weight = torch.tensor([[0.5], [0.0], [0.5]])
    texts = torch.tensor([[1, 2, 1], [0, 0, 0], [0, 0, 0]])
    labels = PseudoLabels((weight > 0).long(), weight, weight, 1, "a", texts=texts)
    Provenance.of(examples, {"said": labels}, [task]).write(tmp_path)
    found = Provenance.read(tmp_path)
    assert found.cells["text"].to_list() == ["aba", ""]
    assert found.pseudo_labels(task, rows)["text"].to_list() == ["aba", None, ""]
    found.cells.drop("text").write_parquet(tmp_path / "pseudo_labels.parquet")
    assert Provenance.read(tmp_path).cells["text"].to_list() == [None, None]
