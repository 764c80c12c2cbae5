from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest
import torch

from cotrain._base import CotrainError, DataError, parameters_of
from cotrain._base._ragged import Ragged
from cotrain.evaluation import evaluate
from cotrain.tasks import Tagging

FRAME = pl.DataFrame(
    {
        "words": [["the", "man"], ["in", "New", "York"], ["no", "one"], ["x"], ["Ann", "came"]],
        "pos": [["DET", "NOUN"], ["ADP", "PROPN", "PROPN"], None, ["_"], ["PROPN", None]],
        "ner": [["O", "O"], ["O", "I-loc", "I-loc"], None, ["O"], ["B-per", "O"]],
        "lang": ["en", "en", "en", "de", "de"],
    }
)
MADE = [
    {"name": "pos"},
    {"name": "pos", "class_weight": "balanced", "label_smoothing": 0.1},
    {"name": "names", "columns": "ner", "spans": "BIO", "tokens": "words"},
    {"name": "ner", "spans": "BIO", "when": "lang == 'en'"},
]


def fitted(options: dict) -> Tagging:
    task = Tagging(**options)
    task.fit(FRAME)
    return task


def outputs(task: Tagging, seed: int = 0) -> Ragged:
    generator = torch.Generator().manual_seed(seed)
    lengths = FRAME["words"].list.len().to_list()
    return Ragged.from_rows([torch.randn(n, task.n_outputs, generator=generator) for n in lengths])


def test_tags_are_coded_and_what_says_nothing_is_masked() -> None:
    task = fitted({"name": "pos"})
    targets, mask = task.encode(FRAME)
    assert task.parts == ["ADP", "DET", "NOUN", "PROPN"]
    assert [row.tolist() for row in targets] == [[1, 2], [0, 3, 3], [], [0], [3, 0]]
    assert [row.tolist() for row in mask] == [[True, True], [True] * 3, [], [False], [True, False]]
    assert Tagging("pos", missing=[]).missing == []
    plain = Tagging("pos", missing=[])
    plain.fit(FRAME)
    assert "_" in plain.parts


def test_spans_have_all_tags_of_their_types_and_begin_with_b() -> None:
    task = fitted({"name": "ner", "spans": "BIO"})
    assert task.n_outputs == 5
    assert task.parts == ["loc", "per"]
    targets, _ = task.encode(FRAME)
    assert [row.tolist() for row in targets] == [[0, 0], [0, 1, 2], [], [0], [3, 0]]


def test_when_hides_the_tags_of_rows() -> None:
    task = fitted({"name": "ner", "spans": "BIO", "when": "lang == 'en'"})
    assert task.parts == ["loc"]
    targets, mask = task.encode(FRAME)
    assert [row.any().item() for row in mask] == [True, True, False, False, False]
    assert [row.tolist() for row in targets][-1] == [0, 0]


@pytest.mark.parametrize("options", MADE)
def test_state_is_json_and_restores(options: dict) -> None:
    task = fitted(options)
    fresh = Tagging(**parameters_of(task))
    fresh.load_state_dict(json.loads(json.dumps(task.state_dict())))
    assert (fresh.n_outputs, fresh.parts, fresh.labels) == (task.n_outputs, task.parts, task.labels)
    output, (targets, mask) = outputs(task), task.encode(FRAME)
    assert fresh.predict(output) == task.predict(output)
    one, two = (t.loss(output.padded(), targets.padded(), mask.padded()) for t in (task, fresh))
    assert torch.equal(one, two)


@pytest.mark.parametrize("options", MADE)
def test_the_loss_is_the_mean_over_labelled_tokens_however_rows_are_padded(options: dict) -> None:
    task = fitted(options)
    targets, mask = task.encode(FRAME)
    output = outputs(task)
    entries = [
        task.losses(o[: len(t)], t)[m]
        for o, t, m in zip(output, targets, mask, strict=True)
    ]  # fmt: skip
    expected = torch.cat(entries).mean()
    for length in (3, 6):
        padded = (output.padded(length=length), targets.padded(), mask.padded())
        torch.testing.assert_close(task.loss(*padded), expected)
        torch.testing.assert_close(task.loss(padded[0], padded[1], padded[2].float() * 0.5), expected)
    longer = task.loss(output.padded(length=2), targets.padded(length=5), mask.padded(length=5))
    assert torch.isfinite(longer)
    nothing = output.padded().requires_grad_()
    loss = task.loss(nothing, targets.padded(), torch.zeros_like(mask.padded()))
    loss.backward()
    assert loss == 0
    assert nothing.grad is not None
    assert not nothing.grad.any()


@pytest.mark.parametrize("options", MADE)
def test_no_constant_beats_the_reference(options: dict) -> None:
    task = fitted(options)
    targets, mask = task.encode(FRAME)
    reference = task.reference_output(targets, mask)
    best = task.reference_loss(targets, mask)
    generator = torch.Generator().manual_seed(0)
    for _ in range(10):
        other = reference + 0.3 * torch.randn(task.n_outputs, generator=generator)
        shape = targets.padded().shape
        if not task.label_smoothing:
            assert best <= float(task.loss(other.expand(*shape, -1), targets.padded(), mask.padded())) + 1e-5
    head = task.head(4, hidden=[3])
    task.start_head(head, targets, mask)
    assert head(torch.zeros(2, 7, 4)).shape == (2, 7, task.n_outputs)


@pytest.mark.parametrize("options", MADE)
def test_predictions_are_lists_of_tags_and_encode_to_the_pseudo_labels(options: dict) -> None:
    task = fitted(options)
    output = outputs(task)
    found = task.predict(output)
    assert list(found) == task.output_columns
    assert [len(row) for row in found[task.name]] == output.lengths.tolist()
    pseudo = task.pseudo_label(output)
    frame = FRAME.with_columns(pl.Series(task.columns[0], found[task.name]))
    again, mask = task.encode(frame.with_columns(lang=pl.lit("en")))
    assert mask.values.all()
    assert torch.equal(again.values, pseudo.values)
    confidence = task.confidence(output)
    assert ((confidence.values > 0) & (confidence.values <= 1)).all()
    # A row alone and a padded batch are answered alike.
    assert task.predict(output[1:2])[task.name] == found[task.name][1:2]
    assert task.predict(output.padded()[1:2])[task.name][0] == found[task.name][1]


def test_a_token_is_as_sure_as_its_predicted_tag() -> None:
    task = fitted({"name": "ner", "spans": "BIO"})
    rows = [[0.01, 0.9, 0.05, 0.02, 0.02], [0.2, 0.1, 0.6, 0.05, 0.05], [0.8, 0.05, 0.05, 0.05, 0.05]]
    torch.testing.assert_close(task.confidence(torch.tensor([rows]).log()), torch.tensor([[0.9, 0.6, 0.8]]))


def test_tags_never_seen_are_counted_and_wrong() -> None:
    task = fitted({"name": "ner", "spans": "BIO"})
    strange = pl.DataFrame({"ner": [["B-org", "I-org", "O"], ["I-org", None, "B-per"]]})
    assert task.unseen(strange) == {"ner=B-org": 1, "ner=I-org": 2}
    targets, mask = task.encode(strange)
    assert [row.tolist() for row in targets] == [[5, 6, 0], [5, 0, 3]]
    output = Ragged.from_rows([torch.randn(3, 5) for _ in range(2)])
    table = evaluate([task], {"ner": output}, {"ner": targets}, {"ner": mask})
    assert 0 <= table.value("ner", "token_accuracy") <= 0.4
    assert torch.isfinite(task.loss(output.padded(), targets.padded(), mask.padded()))


def test_a_perfect_model_has_all_figures_right() -> None:
    metrics = ["span_f1", "span_recall", "token_accuracy", "row_accuracy"]
    task = fitted({"name": "ner", "spans": "BIO", "metrics": metrics})
    targets, mask = task.encode(FRAME)
    output = targets.map(lambda codes: 20 * torch.nn.functional.one_hot(codes, 5).float())
    table = evaluate([task], {"ner": output}, {"ner": targets}, {"ner": mask}, parts=True)
    assert [row.value for row in table] == pytest.approx([1.0] * 6)
    assert [row.part for row in table] == [None, "loc", "per", None, None, None]
    assert table.row("ner").n_labelled == 4


def test_figures_do_not_see_how_scores_were_rounded() -> None:
    task = fitted({"name": "ner", "spans": "BIO"})
    rng = np.random.default_rng(0)
    scores = rng.integers(1, 5, (30, 6, 5)).astype(np.float32)
    scores /= scores.sum(axis=-1, keepdims=True)
    moved = scores + rng.integers(-3, 4, scores.shape) * np.spacing(scores)
    targets, mask = rng.integers(0, 5, (30, 6)), rng.random((30, 6)) < 0.9
    for metric in task.available_metrics():
        exact, other = (metric.compute(of.astype(float), targets, mask) for of in (scores, moved))
        assert other == pytest.approx(exact, abs=1e-4)


@pytest.mark.parametrize(
    ("options", "frame", "sentence"),
    [
        ({"name": "ner"}, FRAME.with_columns(ner=pl.lit(None)), "missing in all 5 rows"),
        ({"name": "pos"}, pl.DataFrame({"pos": [["A", "A"], None]}), "two or more tags"),
        ({"name": "pos", "spans": "BIO"}, FRAME, "has 'ADP', 'DET'.*spans='BIO' needs"),
        ({"name": "ner", "tokens": "wrods"}, FRAME, "tokens='wrods' is not a column.*'words'"),
        (
            {"name": "ner", "tokens": "words"},
            FRAME.with_columns(ner=pl.Series([["O", "O"], ["O"], None, ["O"], ["B-per"]])),
            "row 1 has 1 tags in 'ner' for 3 words in 'words', and 1 more rows differ",
        ),
    ],
)
def test_what_cannot_be_learned_is_refused_in_a_sentence(
    options: dict, frame: pl.DataFrame, sentence: str
) -> None:
    with pytest.raises(DataError, match=sentence):
        Tagging(**options).fit(frame)


@pytest.mark.parametrize(
    "options",
    [
        {"spans": "BILOU"},
        {"class_weight": "even"},
        {"label_smoothing": 0.9},
        {"missing": "_"},
        {"columns": ["a", "b"]},
        {"metrics": ["span_f1"]},
    ],
)
def test_bad_options_are_refused(options: dict) -> None:
    with pytest.raises(CotrainError):
        Tagging("t", **options)


def test_numbers_that_say_nothing_are_unlabelled_tokens() -> None:
    frame = pl.DataFrame({"y": [[0, 1, -100], [-100], None, [2]]})
    task = Tagging("y", missing=["-100"])
    task.fit(frame)
    targets, mask = task.encode(frame)
    assert task.parts == ["0", "1", "2"]
    assert [row.tolist() for row in mask] == [[True, True, False], [False], [], [True]]
    assert [row.tolist() for row in targets] == [[0, 1, 0], [0], [], [2]]
    assert task.predict(torch.eye(3)[None])["y"] == [[0, 1, 2]]
