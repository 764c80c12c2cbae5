"""A task that enters behind the first stage, beside tasks that read what the encoder reads."""

import math

import numpy as np
import polars as pl
import pytest
import torch

import cotrain as ct
from cotrain._base import DataError, InvalidArgumentError
from cotrain._base._ragged import padded, padded_inputs
from cotrain._base._sounds import wav_bytes
from cotrain.configuration import kinds_of
from cotrain.networks import InputSpec, Sharing, WordEncoder
from cotrain.networks._doorway import Doorway, NoInputs, default_trunk, encoder_maker, entered_inputs
from cotrain.tasks import Multiclass, Synthesis, Tagging

N = 12
HERTZ = {"a": 400.0, "b": 1200.0, " ": 0.0}
TEXTS = [["ab", "ba", "a b"][i % 3] for i in range(N)]
WORDS = [["x", "y", "z"][: 1 + i % 3] for i in range(N)]


def sound(text):
    time = np.arange(480) / 8000
    return wav_bytes(np.concatenate([0.3 * np.sin(2 * math.pi * HERTZ[c] * time) for c in text]), 8000)


FRAME = pl.DataFrame(
    {
        "words": WORDS,
        "tags": [["V" if word == "x" else "W" for word in row] for row in WORDS],
        "mood": ["good", "bad"] * (N // 2),
        "text": TEXTS,
        "file": [sound(text) if i % 4 else None for i, text in enumerate(TEXTS)],
    }
)


def learner(**options):
    tasks = [
        Tagging("tags"),
        Multiclass("mood"),
        Synthesis("voice", "file", given=["text", "mood"], n_mels=8, iterations=1),
    ]
    return ct.Learner(
        tasks,
        encoder=options.pop(
            "encoder", WordEncoder(8, 3, blocks="conv", word_embedding=4, character_embedding=2)
        ),
        columns={"words": "words"},
        training=ct.Training(epochs=1, batch_size=6),
        **options,
    )


@pytest.fixture(scope="module")
def fitted():
    return learner().fit(FRAME, validation=None, progress=False)


ARGUMENTS = {"Hierarchical": {"reads": {"tags": 1, "mood": 2, "voice": 3}}}


@pytest.mark.parametrize("name", sorted(kinds_of(Sharing)))
def test_every_way_of_sharing_takes_it(name):
    one = learner(sharing=kinds_of(Sharing)[name](**ARGUMENTS.get(name, {})))
    one.fit(FRAME, validation=None, progress=False)
    assert set(one.predict(FRAME).columns) >= {"tags", "mood", "voice"}
    assert [row.task for row in one.evaluate(FRAME) if row.metric in ("token_accuracy", "log_mel_l1")]


def test_reading_the_output_of_a_task_with_other_inputs_is_refused():
    predicted = ct.networks.Hierarchical(reads={"tags": 1, "mood": 2, "voice": 3}, lower="predictions")
    with pytest.raises(InvalidArgumentError, match="have different inputs"):
        learner(sharing=predicted).fit(FRAME, validation=None, progress=False)


@pytest.mark.parametrize("balancer", ["UPGrad", "ReferenceScaled", "DBMTL", "MGDA"])
def test_stages_that_are_run_twice_are_balanced(balancer):
    one = learner(balancer=getattr(ct.balancing, balancer)())
    one.fit(FRAME, validation=None, progress=False)
    assert all(math.isfinite(row.value) for row in one.evaluate(FRAME))


def test_either_kind_of_input_is_enough_for_its_tasks(fitted):
    whole = fitted.predict(FRAME)
    said = fitted.predict(FRAME.select("text", "mood"))
    heard = fitted.predict(FRAME.select("words"))
    assert said.columns == ["voice"]
    assert "voice" not in heard.columns
    assert said["voice"].equals(whole["voice"])
    assert heard.equals(whole.drop("voice"))
    assert set(fitted.predict({"text": "ab", "mood": "good"})) == {"voice"}
    with pytest.raises(DataError, match="lacks 1 input column"):
        fitted.predict(FRAME.select("tags"))


def test_other_inputs_do_not_reach_it_and_its_own_reach_no_other(fitted):
    other = FRAME.with_columns(words=pl.Series([["z", "z"]] * N))
    assert fitted.predict(other)["voice"].equals(fitted.predict(FRAME)["voice"])
    other = FRAME.with_columns(text=pl.lit("bbb"))
    assert fitted.predict(other).drop("voice").equals(fitted.predict(FRAME).drop("voice"))


def test_its_rows_may_be_those_of_another_source():
    one = learner()
    one.tasks = [task for task in one.tasks if task.name != "mood"]
    speech, tags = FRAME.select("text", "mood", "file"), FRAME.select("words", "tags")
    one.fit({"speech": speech, "notes": tags}, validation=None, progress=False)
    found = one.predict({"speech": speech, "notes": tags})
    assert found["speech"]["voice"].null_count() == 0
    assert found["notes"]["voice"].null_count() == N
    assert [len(row) for row in found["notes"]["tags"]] == [len(row) for row in WORDS]
    figures = one.evaluate({"speech": speech, "notes": tags}).by_source
    assert {row.task for row in figures["speech"]} == {"voice"}
    assert {row.task for row in figures["notes"]} == {"tags"}


def test_what_is_not_asked_for_is_not_run(fitted):
    model = fitted.architecture.build(fitted.preprocessor)
    batch = padded_inputs(fitted.preprocessor.inputs(FRAME))
    ran = []
    for name, module in (("first", model.sharing.encoder.stages[0].first), ("prenet", model.prenets[0])):
        module.register_forward_hook(lambda *_, name=name: ran.append(name))
    for place, task in enumerate(model.tasks):
        model.heads[place].register_forward_hook(lambda *_, task=task: ran.append(task))
    model(batch, ["voice"])
    assert ran == ["prenet", "voice"]
    ran.clear()
    model(batch, ["mood"])
    assert ran == ["first", "mood"]


def test_gradients_are_those_of_autograd(fitted):
    """The common stages are run for both kinds of input, and have the sum of both gradients."""
    model = fitted.architecture.build(fitted.preprocessor).eval()
    examples = fitted.preprocessor.examples(FRAME)
    batch = padded_inputs(examples.inputs)
    outputs = model(batch)
    assert set(outputs) == {"tags", "mood", "voice"}
    shared = model.sharing.encoder.stages[1]
    parts = []
    for task in ("mood", "voice"):
        model.zero_grad()
        outputs[task].square().sum().backward(retain_graph=True)
        parts.append([p.grad.clone() for p in shared.parameters()])
    model.zero_grad()
    sum(outputs[task].square().sum() for task in ("mood", "voice")).backward()
    for one, other, both in zip(*parts, [p.grad for p in shared.parameters()], strict=True):
        assert one.any()
        assert other.any()
        torch.testing.assert_close(one + other, both, rtol=1e-4, atol=1e-5)
    own = {id(p) for p in model.task_parameters("voice")}
    assert {id(p) for p in model.prenets[0].parameters()} <= own
    assert not own & {id(p) for p in model.shared_parameters()}


@pytest.mark.parametrize("source", ["auto", "ghost", "disjoint"])
def test_every_source_of_gradients_balances_them_as_the_exact_one_does(fitted, source):
    examples = fitted.preprocessor.examples(FRAME)
    batch = padded_inputs(examples.inputs)
    found = {}
    for name in ("exact", source):
        model = fitted.architecture.build(fitted.preprocessor).eval()
        balance = ct.Balance(
            ct.balancing.UPGrad(),
            model.shared_parameters(),
            tasks=list(model.tasks),
            model=model,
            source=name,
        )
        outputs = model(batch)
        losses = {
            task.name: task.loss(
                outputs[task.name], *(padded(of[task.name]) for of in (examples.targets, examples.masks))
            )
            for task in fitted.preprocessor.tasks
        }
        try:
            balance.backward(losses)
        except InvalidArgumentError:
            assert name == "disjoint"  # which is for tasks that share no row
            return
        found[name] = [p.grad for p in model.shared_parameters()]
    for one, other in zip(found["exact"], found[source], strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)


def test_positions_pass_the_doorway_as_they_are():
    class First(torch.nn.Linear):
        def forward(self, input):
            return super().forward(input["numbers"])

    first = First(3, 4)
    door = Doorway(first)
    positions, mask = torch.randn(2, 5, 4), torch.ones(2, 5, dtype=torch.bool)
    assert door(entered_inputs(positions, mask)) is positions
    assert door.mask_after(entered_inputs(positions, mask)) is mask
    plain = {"numbers": torch.randn(2, 3)}
    assert torch.equal(door(plain), first(plain))
    assert door.spans({}) == {}
    assert door.mask_after(plain) is None


def test_a_trunk_alone_has_nothing_to_read():
    encoder = encoder_maker(default_trunk(), InputSpec(), entered=True, alone=True)()
    assert isinstance(encoder.stages[0].first, NoInputs)
    with pytest.raises(InvalidArgumentError, match="no input columns beside those that tasks are given"):
        encoder({})


def test_an_encoder_of_one_vector_is_refused():
    with pytest.raises(InvalidArgumentError, match="one vector per row"):
        learner(encoder=ct.networks.TableEncoder())
