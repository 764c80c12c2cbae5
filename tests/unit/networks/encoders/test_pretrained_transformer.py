from __future__ import annotations

import re
import shutil
import sys

import polars as pl
import pytest
import torch
import yaml

import cotrain as ct
from cotrain._base import InvalidArgumentError
from cotrain._base._ragged import padded_inputs
from cotrain.data import Schema
from cotrain.learner._run_folder import seal_run
from cotrain.networks import HardSharing, InputSpec, PretrainedTransformer, WordEncoder
from cotrain.networks.encoders._pretrained_folder import LAYERS

WORDS = [
    ["the", "unhappy", "film"],
    [],
    ["dogs", "", "undoing", "zzz", "Film"],
    ["cats"],
    ["张三", "去", "北京"],
]
SENTENCES = ["the unhappy film was", "", "Dogs bark, undoing zzz", None, "张三 去 北京"]


def coded(encoder, **columns):
    """The inputs of a table as a fit codes them, and the built encoder with the weights of the folder."""
    frame = pl.DataFrame({name: values for name, (values, _) in columns.items()})
    kinds = {name: kind for name, (_, kind) in columns.items()}
    schema = Schema.infer(frame, overrides=kinds).recoded(encoder.coding).fit(frame)
    built = encoder.build(schema.spec())
    built.start()
    return padded_inputs(schema.encode(frame)), built.eval()


def reference(folder, texts, pair=None):
    """What transformers gives, one row at a time: the last layer's vectors, and which word each is of."""
    import transformers

    tokenizer = transformers.PreTrainedTokenizerFast.from_pretrained(folder)
    model = transformers.AutoModel.from_pretrained(folder).eval()
    found = []
    for row, text in enumerate(texts):
        # transformers takes no empty list.
        is_words = isinstance(text, list) and text != []
        given = [[text or ""]] if pair is None else [[text or ""], [pair[row] or ""]]
        row_inputs = tokenizer(
            *given, is_split_into_words=is_words, return_tensors="pt", return_token_type_ids=True
        )
        typed = model.config.model_type in ("bert", "electra")
        keep = {name: values for name, values in row_inputs.items() if name != "token_type_ids" or typed}
        with torch.no_grad():
            found.append((model(**keep).last_hidden_state[0], row_inputs.word_ids(0)))
    return found


@pytest.mark.parametrize("kind", LAYERS)
def test_a_words_vector_is_that_of_its_first_subword_in_the_whole_model(make_pretrained, kind):
    folder = make_pretrained(kind)
    inputs, encoder = coded(PretrainedTransformer(folder), t=(WORDS, "words"))
    given, mask = encoder(inputs), encoder.mask(inputs)
    span = HardSharing().build(lambda: encoder, ["a"]).spans(inputs)["t"]
    # A word of which nothing is left is an unknown one.
    unknown = "[UNK]" if kind in ("bert", "distilbert", "electra") else "<unk>"
    texts = [[word or unknown for word in row] for row in WORDS]
    if kind == "roberta":
        texts = [[" " + word if word != unknown else word for word in row] for row in texts]
    for row, (vectors, word_ids) in enumerate(reference(folder, texts)):
        first = [word_ids.index(word) for word in range(len(WORDS[row]))]
        ours = given[row, span][mask[row, span]]
        torch.testing.assert_close(ours, vectors[first], rtol=0, atol=1e-5)
        # And all of its subwords are there once, with the tokens at the ends.
        torch.testing.assert_close(given[row][mask[row]].mean(dim=0), vectors.mean(dim=0), rtol=0, atol=1e-5)


@pytest.mark.parametrize("kind", LAYERS)
def test_a_text_is_read_as_the_whole_model_reads_it(make_pretrained, kind):
    folder = make_pretrained(kind)
    inputs, encoder = coded(PretrainedTransformer(folder), t=(SENTENCES, "text"))
    given, mask = encoder(inputs), encoder.mask(inputs)
    for row, (vectors, _) in enumerate(reference(folder, SENTENCES)):
        assert int(mask[row].sum()) == len(vectors)
        torch.testing.assert_close(given[row][mask[row]].mean(dim=0), vectors.mean(dim=0), rtol=0, atol=1e-5)


@pytest.mark.parametrize("kind", LAYERS)
def test_two_texts_are_a_pair_of_the_model(make_pretrained, kind):
    folder, others = make_pretrained(kind), ["film", "the cats", None, "dogs", ""]
    inputs, encoder = coded(PretrainedTransformer(folder), t=(SENTENCES, "text"), u=(others, "text"))
    given, mask = encoder(inputs), encoder.mask(inputs)
    for row, (vectors, _) in enumerate(reference(folder, SENTENCES, others)):
        assert int(mask[row].sum()) == len(vectors)
        torch.testing.assert_close(given[row][mask[row]].mean(dim=0), vectors.mean(dim=0), rtol=0, atol=1e-5)


def test_a_row_without_words_beside_its_text_and_one_of_both_are_told_apart(make_pretrained):
    inputs, encoder = coded(
        PretrainedTransformer(make_pretrained()), t=(SENTENCES, "text"), u=(WORDS, "words")
    )
    spans = HardSharing().build(lambda: encoder, ["a"]).spans(inputs)
    assert list(spans) == ["u"]
    lengths = encoder.mask(inputs)[:, spans["u"]].sum(dim=1)
    assert lengths.tolist() == [len(row) for row in WORDS]


def frame_of(n=48, seed=0):
    generator = torch.Generator().manual_seed(seed)
    words = ["the", "unhappy", "film", "was", "undoing", "plot", "dogs", "bark", "at", "cats"]
    rows = [[words[int(i)] for i in torch.randint(10, (row % 6,), generator=generator)] for row in range(n)]
    nouns = {"film", "plot", "dogs", "cats"}
    return pl.DataFrame(
        {
            "tokens": rows,
            "tags": [["N" if word in nouns else "O" for word in row] for row in rows],
            "mood": ["bad" if "unhappy" in row else "good" for row in rows],
            "size": [float(len(row)) for row in rows],
        }
    )


TASKS = [ct.tasks.Tagging("tags"), ct.tasks.Binary("mood"), ct.tasks.Regression("size")]


def learner_of(folder, trainable="all", **options):
    encoder = PretrainedTransformer(folder, trainable, **options.pop("encoder", {}))
    training = ct.Training(epochs=2, batch_size=16, **options.pop("training", {}))
    return ct.Learner([*TASKS], encoder=encoder, training=training, **options)


def weights_of(learner):
    return learner.fitted.networks.weights[0]


def is_new(name):
    return "adapter" in name or not name.startswith("sharing.")


@pytest.mark.parametrize(
    ("trainable", "moves"),
    [
        ("all", lambda name: True),
        ("none", is_new),
        ("adapters", is_new),
        ("last_1", lambda name: is_new(name) or ".stages.2." in name),
    ],
)
@pytest.mark.parametrize("balancer", ["ReferenceScaled", "UPGrad"])
def test_only_what_shall_learn_moves(make_pretrained, trainable, moves, balancer):
    options = {"balancer": getattr(ct.balancing, balancer)(), "training": {"select": "last"}}
    learner = learner_of(make_pretrained(), trainable, **options).fit(frame_of(), None, progress=False)
    begun = learner.architecture.build(learner.preprocessor).state_dict()
    # What no row of the table has anything of, and the padding: neither learns.
    idle = ("word_embeddings", "position_embeddings", "token_type_embeddings")
    for name, weight in weights_of(learner).items():
        moved = not torch.equal(weight, begun[name])
        # A constant added to every key changes no attention.
        if not name.endswith("key.bias") and not any(part in name for part in idle):
            assert moved == moves(name), name
        elif not moves(name):
            assert not moved, name


def test_a_fit_begins_with_the_weights_of_the_folder_in_every_copy(make_pretrained):
    folder = make_pretrained()
    for sharing in ("HardSharing", "Separate", "SoftSharing"):
        learner = learner_of(folder, sharing=getattr(ct.networks, sharing)())
        preprocessor, _ = ct.learner.Preprocessor.fit(
            frame_of(), TASKS, {}, [], coding=learner.architecture.coding
        )
        found = learner.architecture.build(preprocessor).state_dict()
        from safetensors.torch import load_file

        saved = load_file(f"{folder}/model.safetensors")["encoder.layer.1.output.dense.weight"]
        copies = [
            weight for weight in found.values() if weight.shape == saved.shape and torch.equal(weight, saved)
        ]
        assert len(copies) == (1 if sharing == "HardSharing" else 3), sharing


@pytest.mark.parametrize("trainable", ["all", "adapters"])
def test_a_run_predicts_to_the_bit_where_the_folder_is_not(make_pretrained, tmp_path, trainable):
    folder = tmp_path / "model"
    shutil.copytree(make_pretrained(), folder)
    frame = frame_of()
    learner = learner_of(folder, trainable).fit(frame, 0.25, run=tmp_path / "run", progress=False)
    shutil.rmtree(folder)
    loaded = ct.Learner.load(tmp_path / "run")
    assert loaded.predict(frame).equals(learner.predict(frame))
    assert (
        loaded.predict({"tokens": ["the", "film"]})["tags"]
        == learner.predict({"tokens": ["the", "film"]})["tags"]
    )
    with pytest.raises(ct.errors.CotrainError, match="There is no folder"):
        loaded.fit(frame, 0.25, progress=False)


def test_a_run_that_was_killed_ends_to_the_bit_as_one_that_was_not(make_pretrained, tmp_path):
    frame, folder = frame_of(), make_pretrained()
    whole = learner_of(folder).fit(frame, 0.25, run=tmp_path / "whole", progress=False)

    class Stop(ct.training.Logger):
        def epoch(self, record):
            if record["epoch"] == 0:
                raise KeyboardInterrupt

    # So often that the checkpoint is there before the interruption.
    often = {"training": {"checkpoint_seconds": 1e-9}}
    whole = learner_of(folder, **often).fit(frame, 0.25, run=tmp_path / "often", progress=False)
    with pytest.raises(KeyboardInterrupt):
        learner_of(folder, **often).fit(frame, 0.25, run=tmp_path / "cut", progress=False, loggers=[Stop()])
    resumed = learner_of(folder, **often).fit(frame, 0.25, run=tmp_path / "cut", resume=True, progress=False)
    for name, weight in weights_of(whole).items():
        assert torch.equal(weight, weights_of(resumed)[name]), name


def test_another_model_in_the_folder_is_another_configuration(make_pretrained, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(make_pretrained(), folder)
    encoder = PretrainedTransformer(folder)
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    weights["embeddings.LayerNorm.bias"] += 1.0
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    assert PretrainedTransformer(folder).fingerprint != encoder.fingerprint
    with pytest.raises(InvalidArgumentError, match="others than those"):
        coded(encoder, t=(SENTENCES, "text"))


def test_the_other_columns_of_the_table_are_read_as_well(make_pretrained):
    frame = frame_of().with_columns(weight=pl.Series([float(i % 7) for i in range(48)]))
    learner = learner_of(make_pretrained()).fit(frame, 0.25, progress=False)
    changed = frame.with_columns(weight=pl.col("weight") + 3)
    assert not learner.predict(frame)["size"].equals(learner.predict(changed)["size"])


@pytest.mark.parametrize("n", [1, 3])
def test_few_rows_and_a_batch_of_one(make_pretrained, n):
    frame = pl.DataFrame({"t": ["the film", None, ""][:n], "y": [1.0, 2.0, None][:n]})
    learner = ct.Learner(
        [ct.tasks.Regression("y")],
        encoder=PretrainedTransformer(make_pretrained()),
        columns={"t": "text"},
        training=ct.Training(epochs=1, batch_size=1),
    )
    found = learner.fit(frame, None, progress=False).predict(frame)
    assert found["y"].is_finite().all()


def test_what_is_longer_than_the_model_reads(make_pretrained):
    folder = make_pretrained()
    long = {"t": ["film " * 60, "the film"] * 8, "y": [1.0, 2.0] * 8}
    encoder = PretrainedTransformer(folder)
    inputs, built = coded(encoder, t=(long["t"], "text"))
    assert int(built.mask(inputs).sum(dim=1).max()) == 40
    with pytest.raises(ct.errors.DataError, match="the model reads 38: cut such rows into sentences"):
        coded(encoder, t=([["film"] * 60, ["the"]], "words"))
    choice = {"kind": "subwords", "units": "words", "max_tokens": 5}
    inputs, built = coded(encoder, t=([["film"] * 60, ["the"]], choice))
    # Of two subwords each: the third word has its first one only.
    assert inputs["firsts:t:lengths"].tolist() == [3, 1]


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        (shutil.rmtree, "there is no such folder"),
        (lambda folder: (folder / "config.json").unlink(), "there is no config.json in it"),
        (lambda folder: (folder / "config.json").write_text("{"), "config.json is damaged"),
        (lambda folder: (folder / "tokenizer.json").unlink(), "has no tokenizer.json: make it once with"),
        (
            lambda folder: (folder / "model.safetensors").rename(folder / "pytorch_model.bin"),
            "pytorch_model.bin alone, which is pickled and could run code",
        ),
        (lambda folder: (folder / "config.json").write_text('{"model_type": "gpt2"}'), "of the type 'gpt2'"),
    ],
)
def test_a_folder_that_is_no_model_is_refused_at_construction(make_pretrained, tmp_path, broken, says):
    folder = tmp_path / "model"
    shutil.copytree(make_pretrained(), folder)
    broken(folder)
    with pytest.raises(InvalidArgumentError, match=re.escape(says)) as raised:
        PretrainedTransformer(str(folder))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"trainable": "lats_2"}, "expected all, adapters, none, or last_N"),
        ({"learning_rate": 0.0}, "learning_rate=0.0"),
        ({"rank": 0}, "rank=0"),
        ({"scale": -1.0}, "scale=-1.0"),
    ],
)
def test_options_out_of_range_are_refused(make_pretrained, options, says):
    with pytest.raises(InvalidArgumentError, match=re.escape(says)):
        PretrainedTransformer(make_pretrained(), **options)


def test_more_layers_than_there_are_and_options_of_other_codings_are_refused(make_pretrained):
    with pytest.raises(InvalidArgumentError, match="the model has 2 layers"):
        coded(PretrainedTransformer(make_pretrained(), "last_3"), t=(SENTENCES, "text"))
    with pytest.raises(InvalidArgumentError, match="ngram means nothing to PretrainedTransformer"):
        coded(PretrainedTransformer(make_pretrained()), t=(SENTENCES, {"kind": "text", "ngram": 2}))
    with pytest.raises(InvalidArgumentError, match="the table has none: give a column that kind"):
        PretrainedTransformer(make_pretrained()).coding({"x": {"kind": "number"}})
    with pytest.raises(InvalidArgumentError, match="the table has none"):
        PretrainedTransformer(make_pretrained()).build(InputSpec(n_numbers=1))


def test_another_encoder_does_not_read_subwords(make_pretrained):
    frame = pl.DataFrame({"t": WORDS})
    schema = Schema.infer(frame).recoded(PretrainedTransformer(make_pretrained()).coding).fit(frame)
    with pytest.raises(InvalidArgumentError):
        WordEncoder().build(schema.spec())
    with pytest.raises(InvalidArgumentError, match="give encoder=PretrainedTransformer"):
        ct.networks.default_encoder(schema.spec())


def test_the_weights_of_the_folder_learn_at_their_own_rate(make_pretrained):
    for rate, least, most in ((None, 1e-7, 1e-3), (1e-12, -1.0, 1e-10)):
        learner = learner_of(make_pretrained(), encoder={"learning_rate": rate}, training={"average": 0.0})
        learner.fit(frame_of(), None, progress=False)
        begun = learner.architecture.build(learner.preprocessor).state_dict()
        name = "sharing.encoder.stages.1.layer.output.dense.weight"
        assert least < float((weights_of(learner)[name] - begun[name]).abs().max()) < most
        heads = [key for key in begun if key.startswith("heads.") and key.endswith("weight")]
        assert all(float((weights_of(learner)[key] - begun[key]).abs().max()) > 1e-4 for key in heads)


def test_a_fit_says_once_how_many_rows_are_cut(make_pretrained):
    class Told(ct.training.Logger):
        said = ()

        def message(self, text):
            self.said = (*self.said, text)

    frame = pl.DataFrame({"t": ["film " * 60, "the film"] * 8, "y": [1.0, 2.0] * 8})
    told = Told()
    learner = ct.Learner(
        [ct.tasks.Regression("y")],
        encoder=PretrainedTransformer(make_pretrained()),
        columns={"t": "text"},
        training=ct.Training(epochs=1),
    )
    learner.fit(frame, None, progress=False, loggers=[told])
    (said,) = [text for text in told.said if "subwords" in text]
    assert said.startswith(
        "column 't': 8 of the training rows have more subwords than are read; the rest is cut"
    )


def test_without_the_extra_it_says_the_pip_line(make_pretrained, monkeypatch):
    folder = make_pretrained()
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(ct.errors.MissingExtraError, match=re.escape("pip install 'cotrain[text]'")):
        PretrainedTransformer(folder)


def test_it_is_co_trained(make_pretrained):
    frame = frame_of(60).with_columns(
        mood=pl.Series([None if i % 3 else m for i, m in enumerate(frame_of(60)["mood"])])
    )
    learner = ct.Learner(
        [ct.tasks.Binary("mood"), ct.tasks.Regression("size")],
        encoder=PretrainedTransformer(make_pretrained(), "last_1"),
        columns={"tags": "drop"},
        training=ct.Training(epochs=1),
        cotraining=ct.CoTraining(max_rounds=1),
    )
    found = learner.fit(frame, 0.25, progress=False).predict(frame)
    assert found["size"].is_finite().all()


def test_a_run_of_frozen_weights_holds_them_once(make_pretrained, tmp_path):
    learner = ct.Learner(
        [*TASKS],
        encoder=PretrainedTransformer(make_pretrained(), "none"),
        training=ct.Training(epochs=8, learning_rate=0.05, batch_size=8, select="per_task"),
    )
    learner.fit(frame_of(), 0.25, run=tmp_path / "run", progress=False)
    from safetensors import safe_open

    with safe_open(tmp_path / "run" / "model.safetensors", framework="pt") as file:
        names = list(file.keys())
    assert len(learner.fitted.networks.weights) > 1
    assert [name for name in names if ".stages." in name and not name.startswith("0.")] == []
    assert ct.Learner.load(tmp_path / "run").predict(frame_of()).equals(learner.predict(frame_of()))


def test_a_config_that_describes_no_model_is_refused_in_one_line(make_pretrained, tmp_path):
    shutil.copytree(make_pretrained(), tmp_path / "model")
    path = tmp_path / "model" / "config.json"
    path.write_text(path.read_text().replace('"gelu"', '"no_such"'))
    with pytest.raises(InvalidArgumentError, match="config.json describes no model") as raised:
        coded(PretrainedTransformer(str(tmp_path / "model")), t=(SENTENCES, "text"))
    assert "\n" not in str(raised.value)


def test_what_does_not_learn_drops_nothing_and_adapters_begin_as_the_model(make_pretrained):
    folder = make_pretrained()
    inputs, whole = coded(PretrainedTransformer(folder), t=(WORDS, "words"))
    _, frozen = coded(PretrainedTransformer(folder, "none"), t=(WORDS, "words"))
    _, adapted = coded(PretrainedTransformer(folder, "adapters"), t=(WORDS, "words"))
    torch.testing.assert_close(frozen.train()(inputs), whole(inputs), rtol=0, atol=0)
    torch.testing.assert_close(adapted(inputs), whole(inputs), rtol=0, atol=0)
    assert not torch.equal(adapted.train()(inputs), whole(inputs))
    assert not frozen(inputs).requires_grad


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"num_hidden_layers": 10**7}, "describe another network"),
        ({"hidden_size": 10**9}, "describe another network"),
        ({"model_type": "gpt2"}, "of the type 'gpt2'"),
        ({"hidden_act": "no_such"}, "describe another network"),
        ({"auto_map": {"AutoModel": "evil.Model"}, "_attn_implementation": "somebody/kernel"}, None),
    ],
)
def test_a_run_of_somebodys_builds_no_more_than_its_weights_and_runs_no_code(
    make_pretrained, tmp_path, change, says
):
    learner = learner_of(make_pretrained()).fit(frame_of(), None, progress=False)
    learner.save(tmp_path / "run")
    config = yaml.safe_load((tmp_path / "run" / "config.yaml").read_text())
    config["encoder"]["config"] |= change
    (tmp_path / "run" / "config.yaml").write_text(yaml.safe_dump(config))
    seal_run(tmp_path / "run")
    if says is None:
        assert ct.Learner.load(tmp_path / "run").predict(frame_of()).equals(learner.predict(frame_of()))
        return
    with pytest.raises(ct.errors.CotrainError, match=says):
        ct.Learner.load(tmp_path / "run")
