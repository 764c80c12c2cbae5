import json

import numpy as np
import polars as pl
import pytest
import torch
from torch.utils.data import Dataset

from cotrain._base import CotrainError, DataError
from cotrain.learner._preprocessing import Preprocessor
from cotrain.networks import OutputSpace
from cotrain.tasks import Binary, Detection, Multiclass, Multilabel, Regression

FRAME = pl.DataFrame(
    {
        "x": [1.0, 2.0, None, 4.0, 8.0, 100.0],
        "city": ["Rome", "Oslo", "Rome", "Bonn", "Oslo", "Paris"],
        "part": list("ababab"),
        "y": ["p", "q", None, "p", "q", None],
        "z": [1.0, None, 3.0, 5.0, None, None],
    }
)


def tasks():
    return [Binary("y"), Regression("z")]


def fitted(frame=FRAME):
    return Preprocessor.fit(frame, tasks(), {}, ["part"])


def equal(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


class Items(Dataset):
    def __init__(self, rows):
        self.rows = rows

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        return self.rows[index]


def items(with_targets=True):
    rows = [
        {"image": torch.full((2, 3), float(i)), "y": "pq"[i % 2], "z": [None, 1.0, 3.0, 4.0][i]}
        for i in range(4)
    ]
    return Items(rows if with_targets else [{"image": row["image"]} for row in rows])


def test_a_row_without_any_label_teaches_nothing_and_is_coded_like_the_others():
    without, few = fitted(FRAME[:5])
    with_it, all_rows = fitted(FRAME)
    assert with_it.to_json() == without.to_json()
    assert equal({k: v[:5] for k, v in all_rows.inputs.items()}, few.inputs)
    assert len(all_rows) == 6
    assert not any(mask[5].any() for mask in all_rows.masks.values())


def test_inputs_are_the_columns_that_are_neither_targets_nor_left_out():
    preprocessor, _ = fitted()
    assert [column.name for column in preprocessor.schema.columns] == ["x", "city"]
    changed = FRAME.with_columns(part=pl.lit("c"), y=pl.lit(None), z=pl.lit(9.0))
    assert equal(preprocessor.inputs(changed), preprocessor.inputs(FRAME))


def test_what_says_something_of_labels_is_no_input():
    boxes = [[{"box": [1, 1, 4, 4], "label": name}] for name in ("cat", "dog")] * 3
    more = {"boxes": boxes, "looked": [["cat"], ["dog"]] * 3, "w": [1.0, 2.0] * 3, "width": [9] * 6}
    frame = FRAME.with_columns(height=pl.lit(9), **{name: pl.Series(cells) for name, cells in more.items()})
    task = Detection("boxes", annotated="looked", sample_weight="w")
    preprocessor, _ = Preprocessor.fit(frame, [task, *tasks()], {}, ["part", "width", "height"])
    assert [column.name for column in preprocessor.schema.columns] == ["x", "city"]


def test_the_constants_are_the_best_single_answers_to_the_labels():
    preprocessor, examples = fitted()
    constant, target, mask = preprocessor.constants["z"], examples.targets["z"], examples.masks["z"]
    task = preprocessor.tasks[1]

    def loss(output):
        return float(task.losses(output.expand(len(target), -1), target)[mask].mean())

    assert all(loss(constant) < loss(constant + step) for step in (-0.1, 0.1))
    assert torch.sigmoid(preprocessor.constants["y"][0]) == pytest.approx(0.5)


@pytest.mark.parametrize("source", ["table", "row", "data set", "item"])
def test_what_was_saved_as_json_codes_and_answers_the_same(source):
    learned = FRAME if source in ("table", "row") else items()
    source = {"table": FRAME, "row": FRAME[:1], "data set": learned, "item": Items(items().rows[1:2])}[source]
    preprocessor, _ = Preprocessor.fit(learned, tasks(), {}, ["part"] if learned is FRAME else [])
    again = Preprocessor.from_json(json.loads(json.dumps(preprocessor.to_json())), tasks())
    assert again.to_json() == preprocessor.to_json()
    one, other = preprocessor.examples(source), again.examples(source)
    assert equal(one.inputs, other.inputs)
    assert equal(one.targets, other.targets)
    assert equal(one.masks, other.masks)
    outputs = {name: constant.expand(len(one), -1) for name, constant in preprocessor.constants.items()}
    assert preprocessor.decoded(outputs).equals(again.decoded(outputs))


def test_a_data_set_keeps_its_tensors_and_needs_no_targets_to_be_answered():
    preprocessor, examples = Preprocessor.fit(items(), tasks(), {}, [])
    assert examples.inputs["image"].shape == (4, 2, 3)
    assert examples.masks["z"].ravel().tolist() == [False, True, True, True]
    assert equal(preprocessor.inputs(items(with_targets=False)), examples.inputs)
    with pytest.raises(
        DataError, match="trained on a Dataset of tensors: give a torch Dataset, not DataFrame"
    ):
        preprocessor.inputs(FRAME)


def test_columns_keep_the_types_that_they_had_in_training():
    frame = pl.DataFrame({"code": ["01", "02", "x", "x"], "n": ["1", "-", "3", "4"], "y": [0, 1, 1, 0]})
    preprocessor, _ = Preprocessor.fit(frame, [Binary("y")], {}, [], missing=["-"])
    later = preprocessor.table(pl.DataFrame({"code": ["01"], "n": ["-"]}))
    assert later.frame["code"].to_list() == ["01"]
    assert later.frame["n"].to_list() == [None]


class BothImplyEach(OutputSpace):
    """A label of "a" is one of "b"."""

    def forward(self, outputs):
        return outputs

    def check(self, tasks):
        pass

    def reads(self, task):
        return ()

    def implied(self, targets, masks):
        missing = masks["a"] & ~masks["b"]
        targets = {**targets, "b": torch.where(missing, targets["a"], targets["b"])}
        return targets, {**masks, "b": masks["b"] | missing}


@pytest.mark.parametrize("kind", ["table", "data set"])
def test_labels_that_others_imply_are_filled_in(kind):
    rows = {"x": [0.0, 1.0, 2.0, 3.0, 4.0, 5.0], "a": [0, 1, None, 1, 0, 1], "b": [0, None, None, 1, 0, 1]}
    data = pl.DataFrame(rows)
    if kind == "data set":
        data = Items(
            [{k: torch.tensor([v]) if k == "x" else v for k, v in row.items()} for row in data.to_dicts()]
        )
    found = Preprocessor.fit(data, [Binary("a"), Binary("b")], {}, [], output_space=BothImplyEach())
    for examples in (found[1], found[0].examples(data)):
        assert examples.masks["b"].ravel().tolist() == [True, True, False, True, True, True]
        assert examples.targets["b"].ravel()[[0, 1, 3]].tolist() == [0.0, 1.0, 1.0]


def test_nothing_to_learn_from_is_said():
    with pytest.raises(CotrainError, match="y"):
        fitted(FRAME.with_columns(y=pl.lit(None, pl.String), z=pl.lit(None, pl.Float64)))
    with pytest.raises(DataError, match="empty"):
        Preprocessor.fit(Items([]), [Binary("y")], {}, [])


def test_predictions_of_several_columns_stand_under_their_names():
    frame = pl.DataFrame({"x": np.arange(6.0), "kind": list("abcabc"), "u": [0, 1] * 3, "v": [1, 1, 0] * 2})
    kinds = [Multiclass("kind"), Multilabel("tags", columns=["u", "v"])]
    preprocessor, _ = Preprocessor.fit(frame, kinds, {}, [])
    outputs = {"kind": torch.eye(3)[[2, 0]] * 9, "tags": torch.tensor([[9.0, -9.0], [-9.0, 9.0]])}
    answer = preprocessor.decoded(outputs)
    assert answer["kind"].to_list() == ["c", "a"]
    assert [answer["u"].to_list(), answer["v"].to_list()] == [[1, 0], [0, 1]]


def sequences(lengths, **more):
    return Items(
        [
            {"tokens": torch.arange(1, n + 1), "y": "pq"[i % 2], "z": float(i), **more}
            for i, n in enumerate(lengths)
        ]
    )


def test_rows_of_different_length_keep_their_form_when_saved_and_when_alone():
    preprocessor, examples = Preprocessor.fit(sequences([3, 1, 2, 4]), tasks(), {}, [])
    assert examples.inputs["tokens"].lengths.tolist() == [3, 1, 2, 4]
    saved = json.loads(json.dumps(preprocessor.to_json()))
    again = Preprocessor.from_json(saved, tasks())
    assert again.spec == preprocessor.spec
    assert dict(again.spec.ragged) == {"tokens": ()}
    for one in (preprocessor, again):
        alone = one.inputs(sequences([3]))["tokens"]
        assert (alone.lengths.tolist(), alone.values.tolist()) == ([3], [1, 2, 3])
        # What training did not have is left alone, whatever it is.
        more = one.examples(sequences([2, 2], extra=object())).inputs
        assert list(more) == ["tokens"]
        assert more["tokens"].lengths.tolist() == [2, 2]


def test_keys_that_the_encoder_does_not_name_are_left_alone():
    rows = sequences([3, 1, 2, 4], boxes=torch.zeros(1, 4))
    rows.rows[2]["boxes"] = torch.zeros(1, 3)
    preprocessor, examples = Preprocessor.fit(rows, tasks(), {}, [], reads=["tokens"])
    assert list(examples.inputs) == ["tokens"]
    assert list(preprocessor.inputs(rows)) == ["tokens"]
    with pytest.raises(DataError, match="'boxes'"):
        Preprocessor.fit(rows, tasks(), {}, [])
    with pytest.raises(DataError, match="trained on a table: give a table"):
        fitted()[0].inputs(rows)


@pytest.mark.parametrize("constant", [[[0.5]], [], [0.5, 0.5], 0.5, None, ["a"], [None], [True], {"0": 0.5}])
def test_a_saved_constant_that_is_none_is_refused_when_it_is_read(constant):
    preprocessor, _ = fitted()
    saved = json.loads(json.dumps(preprocessor.to_json()))
    saved["constants"]["y"] = constant
    with pytest.raises(DataError, match="the constant of task 'y' is .*, expected a list of 1 number"):
        Preprocessor.from_json(saved, tasks())
