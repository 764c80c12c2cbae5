import math
from dataclasses import replace

import polars as pl
import pytest
import torch

from cotrain.data.sources import RowSources
from cotrain.tasks import Binary, Regression
from cotrain.training import Examples
from cotrain.training._validation import COMBINED, Validation, Validator

FRAME = pl.DataFrame({"yes": [0, 1, 0, 1, None, 1], "value": [1.0, 2.0, 3.0, 4.0, 5.0, None]})


def tasks():
    made = [Binary("yes"), Regression("value")]
    for task in made:
        task.fit(FRAME)
    return made


def rows(made, frame=FRAME):
    coded = {task.name: task.encode(frame) for task in made}
    return Examples(
        {"x": torch.zeros(frame.height, 1)},
        {name: targets for name, (targets, _) in coded.items()},
        {name: mask for name, (_, mask) in coded.items()},
    )


def whole(outputs):
    return [(slice(None), outputs)]


def perfect(made, examples):
    yes = torch.where(examples.targets["yes"] > 0.5, 5.0, -5.0)
    return {"yes": yes, "value": examples.targets["value"]}


def test_the_constant_gains_nothing_and_perfection_everything():
    made = tasks()
    examples = rows(made)
    validator = Validator(made, examples, examples)
    constant = {
        task.name: task.reference_output(examples.targets[task.name], examples.masks[task.name]).expand(6, -1)
        for task in made
    }
    assert validator.validate(whole(constant)).gains == pytest.approx({"yes": 0.0, "value": 0.0}, abs=1e-6)
    found = validator.validate(whole(perfect(made, examples)))
    assert found.values == pytest.approx({"yes": 1.0, "value": 0.0}, abs=1e-6)
    assert found.gains == pytest.approx({"yes": 1.0, "value": 1.0}, abs=1e-6)
    # Six labels tell epochs apart by their loss.
    assert found.criteria() == pytest.approx({"yes": 1.0, "value": 1.0, COMBINED: 1.0}, abs=1e-3)
    assert found.criteria()["yes"] == found.by_loss["yes"] < 1


def test_a_task_without_validation_labels_has_no_value_and_no_loss():
    made = tasks()
    held = rows(made, FRAME.with_columns(yes=pl.lit(None, pl.Int64)))
    validator = Validator(made, rows(made), held)
    found = validator.validate(whole(perfect(made, held)))
    assert math.isnan(found.values["yes"])
    assert found.criteria()[COMBINED] == pytest.approx(1.0)
    assert set(found.losses) == {"value"}


def test_without_validation_rows_there_is_nothing():
    made = tasks()
    validator = Validator(made, rows(made), None)
    assert validator.validate([]) == Validation({}, {}, {})
    assert math.isnan(Validation({}, {}, {}).criteria()[COMBINED])


def test_losses_carry_the_weight_of_their_task():
    made = tasks()
    examples, heavy = rows(made), Regression("value", weight=10.0)
    heavy.fit(FRAME)
    outputs = {"yes": torch.zeros(6, 1), "value": torch.zeros(6, 1)}
    plain = Validator(made, examples, examples).validate(whole(outputs)).losses["value"]
    weighed = Validator([made[0], heavy], examples, examples).validate(whole(outputs)).losses["value"]
    torch.testing.assert_close(weighed, 10 * plain)


def test_batches_of_any_size_give_what_all_rows_give():
    made = tasks()
    examples = rows(made)
    generator = torch.Generator().manual_seed(0)
    outputs = {name: torch.randn(6, 1, generator=generator) for name in ("yes", "value")}
    validator = Validator(made, examples, examples)
    expected = validator.validate(whole(outputs))
    for size in (1, 2, 4):
        parts = [slice(start, start + size) for start in range(0, 6, size)]
        found = validator.validate((part, {name: o[part] for name, o in outputs.items()}) for part in parts)
        assert found.values == pytest.approx(expected.values, rel=1e-12)
        torch.testing.assert_close(found.losses, expected.losses)


@pytest.mark.parametrize("size", [1, 2, 6])
def test_a_task_with_labels_in_several_sources_is_judged_in_each(size):
    made = tasks()
    # `yes` has labels in both sources, `value` in the first one only.
    frame = FRAME.with_columns(value=pl.Series([1.0, None, 3.0, None, None, None]))
    examples = replace(
        rows(made, frame), sources=RowSources(("web", "shop"), torch.tensor([0, 1, 0, 1, 0, 1]))
    )
    outputs = {"yes": torch.tensor([[3.0], [-1.0], [2.0], [1.0], [0.0], [2.0]]), "value": torch.ones(6, 1)}
    batches = [
        (slice(first, first + size), {name: output[first : first + size] for name, output in outputs.items()})
        for first in range(0, 6, size)
    ]
    found = Validator(made, rows(made), examples).validate(batches)
    alone = {}
    for number, name in enumerate(("web", "shop")):
        of_source = torch.nonzero(examples.sources.numbers == number).flatten()
        part = {task: output[of_source] for task, output in outputs.items()}
        kept = replace(examples.take(of_source), sources=None)
        alone[name] = {"yes": Validator(made, rows(made), kept).validate(whole(part)).values["yes"]}
    assert found.by_source.keys() == alone.keys()
    for name, of_source in alone.items():
        assert found.by_source[name] == pytest.approx(of_source, nan_ok=True)


def test_one_source_is_not_told_apart():
    made = tasks()
    examples = replace(rows(made), sources=RowSources(("web", "shop"), torch.zeros(6, dtype=torch.int64)))
    validator = Validator(made, rows(made), examples)
    assert validator.validate(whole(perfect(made, examples))).by_source == {}
