from __future__ import annotations

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from cotrain._base import InvalidArgumentError
from cotrain.networks.encoders._pretrained_folder import (
    fingerprint_of,
    read_model_config,
    read_model_weights,
    require_layers,
    weight_files,
)


@pytest.fixture
def folder(make_pretrained, tmp_path):
    shutil.copytree(make_pretrained(), tmp_path / "model")
    return tmp_path / "model"


def wanted_of(folder):
    return {
        name: tuple(weight.shape)
        for name, weight in load_file(folder / "model.safetensors").items()
        if not name.startswith("pooler")
    }


def rewrite(folder, change):
    weights = load_file(folder / "model.safetensors")
    save_file(change(weights), folder / "model.safetensors", {"format": "pt"})


@pytest.mark.parametrize("prefix", ["", "bert.", "model.bert."])
def test_weights_are_found_under_the_name_of_the_whole_model_and_old_names(folder, prefix):
    saved, wanted = load_file(folder / "model.safetensors"), wanted_of(folder)

    def renamed(weights):
        old = {name.replace("LayerNorm.weight", "LayerNorm.gamma") for name in weights}
        assert len(old) == len(weights)
        found = {
            prefix
            + name.replace("LayerNorm.weight", "LayerNorm.gamma").replace(
                "LayerNorm.bias", "LayerNorm.beta"
            ): w
            for name, w in weights.items()
        }
        return found | {"cls.predictions.bias": torch.zeros(3)}

    rewrite(folder, renamed)
    found = read_model_weights(str(folder), wanted)
    assert found.keys() == wanted.keys()
    assert all(torch.equal(found[name], saved[name]) for name in wanted)


def test_half_precision_is_read_as_float32(folder):
    saved, wanted = load_file(folder / "model.safetensors"), wanted_of(folder)
    rewrite(folder, lambda weights: {name: weight.half() for name, weight in weights.items()})
    found = read_model_weights(str(folder), wanted)
    assert all(found[name].dtype == torch.float32 for name in wanted)
    assert all(torch.equal(found[name], saved[name].half().float()) for name in wanted)


def test_several_files_are_one_model(folder):
    saved, wanted = load_file(folder / "model.safetensors"), wanted_of(folder)
    whole = fingerprint_of(str(folder))
    names = sorted(saved)
    parts = {"a-1.safetensors": names[:5], "a-2.safetensors": names[5:]}
    for file, part in parts.items():
        save_file({name: saved[name] for name in part}, folder / file)
    index = {name: file for file, part in parts.items() for name in part}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": index}))
    (folder / "model.safetensors").unlink()
    assert [file.name for file in weight_files(str(folder))] == list(parts)
    found = read_model_weights(str(folder), wanted)
    assert all(torch.equal(found[name], saved[name]) for name in wanted)
    assert fingerprint_of(str(folder)) != whole


def test_a_list_of_files_does_not_lead_out_of_the_folder(folder):
    (folder / "model.safetensors").unlink()
    index = {"weight_map": {"x": "../../secret.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    assert weight_files(str(folder)) == [folder / "secret.safetensors"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda w: {n: v for n, v in w.items() if "layer.1.output.dense.bias" not in n}, "is absent"),
        (
            lambda w: {n: v[:4] if n.endswith("query.bias") else v for n, v in w.items()},
            r"has the shape \[4\]",
        ),
        (lambda w: {"other": torch.zeros(1)}, "is absent"),
    ],
)
def test_weights_that_are_not_those_of_the_configuration_are_refused(folder, change, says):
    wanted = wanted_of(folder)
    rewrite(folder, change)
    with pytest.raises(InvalidArgumentError, match=says):
        read_model_weights(str(folder), wanted)


def test_a_damaged_file_is_refused(folder):
    wanted = wanted_of(folder)
    (folder / "model.safetensors").write_bytes(b"no weights")
    with pytest.raises(InvalidArgumentError, match="cannot be read"):
        read_model_weights(str(folder), wanted)


def test_the_fingerprint_is_that_of_the_content(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "copy")
    assert fingerprint_of(str(folder)) == fingerprint_of(str(tmp_path / "copy"))
    before = fingerprint_of(str(folder))
    rewrite(folder, lambda weights: {name: weight + 1 for name, weight in weights.items()})
    assert fingerprint_of(str(folder)) != before


@pytest.mark.parametrize(
    ("content", "says"), [("[1]", "config.json is no mapping"), ("{", "config.json is damaged")]
)
def test_a_config_that_says_nothing_is_refused(folder, content, says):
    (folder / "config.json").write_text(content)
    with pytest.raises(InvalidArgumentError, match=says):
        read_model_config(str(folder))


def test_types_whose_layers_cannot_be_taken_are_named():
    assert require_layers({"model_type": "bert"}) == "bert"
    with pytest.raises(InvalidArgumentError, match="of the type 'robrta': did you mean 'roberta'"):
        require_layers({"model_type": "robrta"})
